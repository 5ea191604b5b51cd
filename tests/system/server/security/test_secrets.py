"""Secrets in files, signatures made with the previous secret, and unsafe secrets, which the server refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from ncco_server.errors import SettingsError
from ncco_server.settings import load_settings
from ncco_server.settings.fields import SECRETS, variable
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.server import plain_environment
from tests.system.cli.projects import SHOP, write_project

CASES: Final = yaml.safe_load(Path(__file__).with_name("refused_secrets.yaml").read_text(encoding="utf-8"))
GOOD, NEW = "the-signature-secret-of-the-account", "the-new-signature-secret-of-the-account"
PUBLIC: Final = {"NCCO_PUBLIC_URL": "https://calls.example.com"}


def content(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else str(case["text"]).encode()


@each_case("case", CASES, ids=[case["case"] for case in CASES])
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
    assert "does not contain a key" in ended.stderr


OLD = "the-old-signature-secret-of-the-account"
HOOK_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture(autouse=True)
def no_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_secret_that_is_written_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCCO_KEY", OLD)
    monkeypatch.setenv("NCCO_KEY_FILE", str(tmp_path / "key"))

    with pytest.raises(SettingsError, match="NCCO_KEY_FILE: is set, and so is NCCO_KEY") as caught:
        load_settings()
    assert caught.value.cure


@pytest.mark.parametrize("field", SECRETS)
def test_every_secret_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    secret = "smtps://phone:password@mail.example.com" if field == "smtp_url" else HOOK_SECRET
    (tmp_path / "secret").write_text(secret)
    monkeypatch.setenv(f"{variable(field)}_FILE", str(tmp_path / "secret"))
    settings = load_settings()

    assert secret == getattr(settings, field).get_secret_value()
    assert () == tuple(line for line in settings.warnings if "is not a setting" in str(line))
