"""Secrets in files, and signatures made with the previous secret while both are set."""

from __future__ import annotations

from pathlib import Path

import pytest

from ncco_server.errors import SettingsError
from ncco_server.settings import load_settings
from ncco_server.settings.fields import SECRETS, Variables, variable

OLD = "the-old-signature-secret-of-the-account"
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
