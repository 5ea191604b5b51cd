"""`ncco vonage`: programs of other authors place calls with it, and a server other than ours answers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from ncco_studio.commands.vonage import APPLICATION_ID
from tests.support.command import ncco
from tests.support.fork_server import NCCO
from tests.support.server import Server, running_server
from tests.support.serving_thread import serving_thread

SDK = Path(__file__).with_name("sdk")
KEY, CERTIFICATE = ".virtual-vonage/private.key", ".virtual-vonage/certificate.pem"
PYTHON: Sequence[str] = (sys.executable, str(SDK / "calls.py"))
NODE: Sequence[str] = ("node", str(SDK / "calls.mjs"))


class AnsweringServer:
    """A webhook server that answers with a long story and records its requests."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.asked: list[dict[str, str]] = []
        self.app.post("/answer")(self.answer)

    async def answer(self, request: Request) -> list[dict[str, str]]:
        self.asked.append(await request.json())
        return [{"action": "talk", "text": "This is a long story. " * 50}]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vonage")


@pytest.fixture(scope="module")
def vonage(home: Path) -> Iterator[Server]:
    with running_server(home, "--port", "0", "--tls", "--speed", "4", cwd=home, program=(NCCO, "vonage")) as server:
        yield server


def needs_node() -> None:
    if not (shutil.which("node") and (SDK / "node_modules").is_dir()):
        pytest.skip("the SDK for Node is not installed: npm --prefix tests/system/studio/simulator/sdk ci")


@pytest.mark.parametrize("program", [PYTHON, NODE], ids=["python", "node"])
def test_vonage_s_own_sdk_places_and_controls_a_call(vonage: Server, home: Path, program: Sequence[str]) -> None:
    if program is NODE:
        needs_node()
    trusted = str(home / CERTIFICATE)
    answering = AnsweringServer()
    with serving_thread(answering.app) as port:
        done = subprocess.run(
            [*program, f"https://{vonage.address}", APPLICATION_ID, home / KEY, f"http://127.0.0.1:{port}/answer"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "REQUESTS_CA_BUNDLE": trusted, "NODE_EXTRA_CA_CERTS": trusted},
        )

    assert 0 == done.returncode, done.stderr
    replies = dict(json.loads(line) for line in done.stdout.splitlines())
    uuid = replies["created"]["uuid"]
    assert "started" == replies["created"]["status"]
    assert {"message": "Talk started", "uuid": uuid} == replies["talk"]
    assert {"message": "DTMF sent", "uuid": uuid} == replies["dtmf"]
    assert ("completed", uuid) == (replies["over"]["status"], replies["over"]["uuid"])
    assert uuid in replies["listed"]
    assert replies["listed"] == replies["all"]
    assert uuid == replies["dashed"]
    assert [(uuid, f"https://{vonage.address}")] == [(each["uuid"], each["region_url"]) for each in answering.asked]
    for said in ("This is a long story.", "One moment.", "You are in another place now.", "/answer 200: talk"):
        assert said in vonage.printed


def test_the_key_is_private(vonage: Server, home: Path) -> None:
    assert f"private key   {KEY}" in vonage.printed
    assert 0o600 == (home / KEY).stat().st_mode & 0o777


def test_without_a_token_nothing_is_returned(vonage: Server, home: Path) -> None:
    trusted = ssl.create_default_context(cafile=home / CERTIFICATE)
    with httpx.Client(verify=trusted, base_url=f"https://{vonage.address}", trust_env=False) as client:
        replies = [client.get("/v1/calls"), client.post("/v1/calls", json={}), client.get("/docs")]

    assert [401, 401, 404] == [reply.status_code for reply in replies]
    assert "Unauthorized" == replies[0].json()["title"]


def test_a_port_in_use_is_reported_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = ncco("vonage", "--port", str(port))

    assert 2 == done.exit_code
    assert f"port {port} cannot be used" in done.output


def test_a_file_of_people_with_a_mistake_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.yaml").write_text('people: {"447700900001": {rings: 6s}}\n', encoding="utf-8")

    wrong = ncco("vonage", "--people", "people.yaml")
    missing = ncco("vonage", "--people", "nobody.yaml")

    assert [2, 2] == [wrong.exit_code, missing.exit_code]
    assert 'people.yaml:1:27  S102  "447700900001" has no "rings"' in wrong.output
    assert "write one of: after" in wrong.output
    assert "nobody.yaml" in missing.output


def test_settings_may_name_the_key_before_the_first_start(tmp_path: Path) -> None:
    with running_server(
        tmp_path, "--port", "0", cwd=tmp_path, env={"VONAGE_PRIVATE_KEY": KEY}, program=(NCCO, "vonage")
    ) as own:
        assert f"private key   {KEY}" in own.printed

    assert (tmp_path / KEY).is_file()
