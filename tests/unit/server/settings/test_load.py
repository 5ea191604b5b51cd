"""The sources of settings, and the problems noticed while loading."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from ncco_server.errors import SettingsError
from ncco_server.settings import load_settings
from tests.support.cases import each_case

STRONG = "an-invented-secret-with-40-characters-xy"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - read, not bound


@pytest.fixture(autouse=True)
def in_a_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_env_file_is_read_the_environment_wins_and_an_option_wins_over_both(
    in_a_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_a_project / ".env").write_text("NCCO_PORT=1111\nNCCO_HOST=localhost\nNCCO_LOG=json\n")
    monkeypatch.setenv("NCCO_PORT", "2222")
    monkeypatch.setenv("NCCO_HOST", EVERYWHERE)
    settings = load_settings(host="::1", port=None)

    assert ("::1", 2222, "json") == (settings.host, settings.port, settings.log)


def test_variables_for_flows_come_from_both_without_their_prefix(
    in_a_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_a_project / ".env").write_text("FLOW_CRM_URL=https://old.example\nFLOW_DESK=447700900333\nFLOW_UNSET\n")
    monkeypatch.setenv("FLOW_CRM_URL", "https://crm.example")

    assert {"CRM_URL": "https://crm.example", "DESK": "447700900333"} == load_settings().flow_env


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("NCCO_PROT", "Did you mean NCCO_PORT?"),
        ("NCCO_DATABASE", "Did you mean NCCO_DATABASE_URL?"),
        ("ncco_tempaltes", "Did you mean NCCO_TEMPLATES?"),
        ("VONAGE_SIGNATURE_SECRETS", "Did you mean VONAGE_SIGNATURE_SECRET?"),
        ("VONAGE_APLICATION_ID", "Did you mean VONAGE_APPLICATION_ID?"),
        ("AWS_REGIN", "Did you mean AWS_REGION?"),
        ("NCCO_XYZZY_QQ", "Remove it: it has no effect."),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_an_unknown_variable_is_noticed(
    in_file: bool, name: str, cure: str, in_a_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_a_project / ".env").write_text(f"{name}=1\n" if in_file else "")
    monkeypatch.setenv("OTHER" if in_file else name, "1")

    [warning] = load_settings().warnings
    assert (f"{name}: is not a setting", name, cure) == (str(warning), warning.setting, warning.cure)


@pytest.mark.parametrize(
    "name",
    [
        "VONAGE_PRIVATE_KEY_PATH",
        "VONAGE_NUMBER",
        "VONAGE_BRAND_NAME",
        "AWS_PROFILE",
        "AWS_SECURITY_TOKEN",
        "AWS_ENDPOINT_URL_S3",
    ],
)
def test_a_variable_of_another_program_is_not_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")

    assert () == load_settings().warnings


def test_a_known_variable_in_small_letters_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ncco_port", "1234")
    settings = load_settings()

    assert (1234, ()) == (settings.port, settings.warnings)


@each_case(
    ("said", "values"),
    [
        ("which Vonage cannot reach", {"signature_secret": STRONG}),
        ("NCCO_INSECURE: is set: signatures are not checked", {"insecure": True}),
        (
            "NCCO_INSECURE: does nothing",
            {"insecure": True, "signature_secret": STRONG, "public_url": "https://x.example"},
        ),
        ("signed only with NCCO_HOOK_SECRET_PREVIOUS", {"hook_secret_previous": f"whsec_{'B' * 32}"}),
        (
            "VONAGE_SIGNATURE_SECRET: has 1 character, which is short",
            {"signature_secret": "x", "public_url": "https://x.example"},
        ),
        (
            "VONAGE_SIGNATURE_SECRET_PREVIOUS: has 31 characters, which is short",
            {"signature_secret_previous": STRONG[:31]},
        ),
        ("VONAGE_SIGNATURE_SECRET_PREVIOUS: repeats the same", {"signature_secret_previous": "ab" * 16}),
        ("VONAGE_SIGNATURE_SECRET_PREVIOUS: repeats the same", {"signature_secret_previous": STRONG[:15] * 3}),
        ("SECRET_PREVIOUS: is VONAGE_API_SECRET", {"signature_secret_previous": STRONG, "api_secret": STRONG}),
        ("is https://localhost: Vonage cannot reach", {"signature_secret": STRONG, "public_url": "https://localhost"}),
        (
            "begins with http://, so what callers press",
            {"signature_secret": STRONG, "public_url": "http://calls.example.com"},
        ),
        ("NCCO_FLOWS: is missing, and there is no such folder", {"flows": Path("missing")}),
    ],
)
def test_probable_mistakes_in_settings_are_noticed(said: str, values: dict[str, Any]) -> None:
    [warning] = load_settings(None, **values).warnings

    assert said in str(warning)
    assert warning.cure
    assert str(warning).startswith(f"{warning.setting}: ")


def test_warnings_reach_the_process_of_the_console() -> None:
    settings = load_settings(None, insecure=True)

    [sent] = pickle.loads(pickle.dumps(settings)).warnings  # noqa: S301 - our own
    [warning] = settings.warnings
    assert (str(warning), warning.setting, warning.cure) == (str(sent), sent.setting, sent.cure)


def test_correct_settings_get_no_warning() -> None:
    application = "7d0e1f2a-3333-4444-8555-666677778888"
    secret, url = STRONG, "https://x.example"

    assert () == load_settings(None, signature_secret=secret, public_url=url, application_id=application).warnings


def test_an_env_file_that_is_not_text_is_reported(in_a_project: Path) -> None:
    (in_a_project / ".env").write_bytes(b"NCCO_PORT=\xff\xfe")
    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert ".env" == caught.value.setting


def test_a_folder_named_like_the_env_file_is_ignored(in_a_project: Path) -> None:
    (in_a_project / ".env").mkdir()

    assert 8000 == load_settings().port
