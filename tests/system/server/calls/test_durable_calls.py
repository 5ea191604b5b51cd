"""What a caller hears when the server gets new flows in the middle of a call."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import loopback
from tests.system.cli.running import RunningServer, running_server

ROOT = Path(__file__).resolve().parents[4]
CALLER = {"to": "442079460001", "from": "447700900123", "conversation_uuid": "CON-1"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copytree(ROOT / "flows", folder / "flows")
    shutil.copytree(ROOT / "templates", folder / "templates")
    return folder


def post(url: str, fields: dict[str, Any]) -> httpx.Response:
    return loopback.post(url, json=fields, timeout=30)


def ring(server: RunningServer, leg: str) -> httpx.Response:
    return post(f"http://{server.address}/webhooks/answer", {**CALLER, "uuid": leg})


def callback(server: RunningServer, answer: httpx.Response, kind: str) -> str:
    """The callback URL of a kind, at the server's current address."""
    urls = [url for action in answer.json() for url in action.get("eventUrl", ())]
    path = next(url for url in urls if f"/webhooks/{kind}/" in url).partition("/webhooks/")[2]
    return f"http://{server.address}/webhooks/{path}"


def said(answer: httpx.Response) -> list[str]:
    return [action["text"] for action in answer.json() if action["action"] == "talk"]


def press(server: RunningServer, answer: httpx.Response, digits: str) -> httpx.Response:
    return post(callback(server, answer, "input"), {"dtmf": {"digits": digits, "timed_out": False}, "uuid": "leg"})


def test_a_call_finishes_on_the_flow_it_started_with_and_the_next_call_gets_the_new_one(
    tmp_path: Path, project: Path
) -> None:
    flow = project / "flows" / "reception.yaml"
    with running_server(tmp_path, cwd=project) as server:
        old = ring(server, "old")
        flow.write_text(flow.read_text().replace("Connecting you to sales.", "Ringing the sales desk."))
        wait_until(
            lambda: said(press(server, ring(server, f"try-{time.monotonic_ns()}"), "1"))[0].startswith("Ringing")
        )
        old_call = press(server, old, "1")
        new_call = press(server, ring(server, "new"), "1")

    assert "Connecting you to sales." == said(old_call)[0]
    assert "Ringing the sales desk." == said(new_call)[0]


def wait_until(holds: Any, seconds: float = 30) -> None:
    """Wait until `holds()` is true. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
