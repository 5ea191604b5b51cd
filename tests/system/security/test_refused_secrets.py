"""Secrets that no server uses: refused at the start, and while the server runs the ones before stay in use."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.contract import loopback
from tests.contract.command import ncco
from tests.contract.server import free_port
from tests.system.cli.projects import SHOP, write_project
from tests.system.cli.running import happens, plain_environment, running_server
from tests.system.security.signing import status

CASES: Final = yaml.safe_load(Path(__file__).with_name("refused_secrets.yaml").read_text(encoding="utf-8"))
GOOD, NEW = "the-signature-secret-of-the-account", "the-new-signature-secret-of-the-account"
PUBLIC: Final = {"NCCO_PUBLIC_URL": "https://calls.example.com"}


def content(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else str(case["text"]).encode()


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_no_server_starts_with_it(tmp_path: Path, case: dict[str, Any]) -> None:
    write_project(tmp_path, shop=SHOP)
    setting, secret = case["setting"], content(case)
    settings = PUBLIC if setting == "VONAGE_SIGNATURE_SECRET" else PUBLIC | {"VONAGE_SIGNATURE_SECRET": GOOD}
    if case["in"] == "file":
        (tmp_path / "secret").write_bytes(secret)
        settings = settings | {f"{setting}_FILE": str(tmp_path / "secret")}
    elif case["in"] == "dotenv":
        (tmp_path / ".env").write_bytes(f'{setting}="'.encode() + secret + b'"\n')
    else:
        settings = settings | {setting: os.fsdecode(secret)}
    ended = ncco("serve", cwd=tmp_path, env=plain_environment(tmp_path, **settings))

    assert 2 == ended.exit_code, ended.output
    assert setting in ended.stderr
    assert "a-signature-secret" not in ended.stderr


def test_a_key_file_beside_the_database_that_is_all_nul_bytes_is_refused(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    (tmp_path / "ncco.db-key").write_bytes(bytes(64))
    ended = ncco("serve", cwd=tmp_path, env=plain_environment(tmp_path, NCCO_INSECURE="1"))

    assert 2 == ended.exit_code, ended.output
    assert "holds no key" in ended.stderr


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # a short secret is tested on purpose
def test_a_running_server_keeps_its_secret_when_the_new_one_cannot_be_used(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    file, metrics_port = tmp_path / "secret", free_port()
    file.write_bytes(f" {GOOD}\t\r\n\n".encode())  # spaces and line ends around it do not count
    env = PUBLIC | {"VONAGE_SIGNATURE_SECRET_FILE": str(file), "NCCO_METRICS_PORT": str(metrics_port)}
    refused = [case for case in CASES if case["case"] in ("NUL bytes", "a byte order mark", "an empty file")]

    def replace(secret: bytes) -> None:
        (tmp_path / "next").write_bytes(secret)
        (tmp_path / "next").replace(file)

    def refusals() -> float:
        page = loopback.get(f"http://127.0.0.1:{metrics_port}/metrics").text
        return float(page.partition("\nncco_secrets_refused ")[2].split()[0])

    def was_refused(count: int) -> bool:
        return server.printed.count("secrets not changed") == count

    with running_server(tmp_path, "--port", "0", cwd=tmp_path, env=env) as server:
        assert happens(lambda: status(server, GOOD) == 200)
        before = refusals()
        for count, case in enumerate(refused, 1):
            replace(content(case))
            assert happens(partial(was_refused, count)), case["case"]
            assert (200, 401) == (status(server, GOOD), status(server, "\0" * 32)), case["case"]
            assert 1 == refusals()
        replace(b"short")
        assert happens(lambda: status(server, "short") == 200)
        warned = happens(lambda: "VONAGE_SIGNATURE_SECRET has 5 characters" in server.printed)
        replace(NEW.encode())
        assert happens(lambda: status(server, NEW) == 200)
        after = refusals()

    assert (0, 0) == (before, after)
    assert warned
