"""Secrets in files, and signatures made with the previous secret while both are set."""

from __future__ import annotations

from pathlib import Path

import pytest

from ncco_server.engine import WaitRef
from ncco_server.errors import SettingsError
from ncco_server.service.tokens import make_token, read_token
from ncco_server.settings import load_settings
from ncco_server.settings.fields import SECRETS, Variables, variable
from ncco_server.settings.secrets import wait_keys

OLD, NEW = "the-old-signature-secret-of-the-account", "the-new-signature-secret-of-the-account"
HOOK_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in Variables.model_fields:
        monkeypatch.delenv(variable(field), raising=False)
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
    assert (tmp_path / "secret",) == settings.secret_files
    assert () == tuple(line for line in settings.warnings if "is not a setting" in str(line))


def test_callback_urls_of_running_calls_stay_valid_when_the_signature_secret_changes() -> None:
    before, after = load_settings(None, signature_secret=OLD), load_settings(None, signature_secret=NEW)
    old, new = wait_keys(before), wait_keys(after)
    wait = WaitRef("input", "leg", 1, 0)

    assert wait == read_token((*new, *old), "input", make_token(old[0], wait))


def test_another_deployment_of_the_same_account_has_other_keys() -> None:
    urls = ("https://calls.example.com", "https://staging.example.com")

    assert 2 == len({wait_keys(load_settings(None, signature_secret=OLD, public_url=url)) for url in urls})
