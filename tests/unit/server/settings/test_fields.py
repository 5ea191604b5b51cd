"""Each setting: its default, its range, and the message for a wrong value."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ncco_server.assembly import mail_server_of, policy_of, voice_access_of
from ncco_server.errors import SettingsError
from ncco_server.ncco.field_docs import field_docs
from ncco_server.settings import Settings, load_settings
from ncco_server.settings.fields import Cure, Variables, VoiceAccess, variable
from tests.support.cases import each_case

EVERYWHERE = "0.0.0.0"  # noqa: S104 - read, not bound
HOOK_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
PEM = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for field in Variables.model_fields:
        monkeypatch.delenv(variable(field), raising=False)
    monkeypatch.chdir(tmp_path)
    yield


def loaded(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        loaded(monkeypatch, **variables)
    return caught.value


def test_the_defaults_serve_only_this_machine() -> None:
    settings = load_settings()

    assert ("127.0.0.1", 8000, "") == (settings.host, settings.port, settings.public_url)
    assert (Path("flows"), Path("templates"), "sqlite:///ncco.db") == (
        settings.flows,
        settings.templates,
        settings.database_url,
    )
    assert (2000, 1_048_576, ()) == (settings.lookup_budget_ms, settings.body_limit, settings.dial_allow)
    assert (True, False, "auto", "info") == (settings.reload, settings.insecure, settings.log, settings.log_level)
    assert ("127.0.0.1", None) == (settings.metrics_host, settings.metrics_port)
    assert ((), 10) == (settings.hook_secrets, settings.hook_tries)


@each_case("field", Variables.model_fields)
def test_every_setting_is_explained(field: str) -> None:
    assert field_docs(Variables, Variables)[field].endswith(".")


@each_case("field", sorted(set(Variables.model_fields) - {"application_id", "api_key"}))
def test_every_setting_that_can_be_wrong_has_a_fix(field: str) -> None:
    assert [item.text for item in Variables.model_fields[field].metadata if isinstance(item, Cure)]


@each_case(
    ("expected", "field", "name", "value"),
    [
        (EVERYWHERE, "host", "NCCO_HOST", EVERYWHERE),
        ("::1", "host", "NCCO_HOST", "[::1]"),
        ("calls-1.internal", "host", "NCCO_HOST", " calls-1.internal "),
        (0, "port", "NCCO_PORT", "0"),
        (65535, "port", "NCCO_PORT", "65535"),
        ("https://calls.example.com/v1", "public_url", "NCCO_PUBLIC_URL", " https://calls.example.com/v1// "),
        ("https://x/webhooks", "public_url", "NCCO_PUBLIC_URL", "https://x/webhooks"),
        ("https://calls.example.com/A", "public_url", "NCCO_PUBLIC_URL", "HTTPS://Calls.Example.COM:443/A"),
        ("https://[2001:db8::1]:8443", "public_url", "NCCO_PUBLIC_URL", "https://[2001:DB8::1]:8443/"),
        ("memory://", "database_url", "NCCO_DATABASE_URL", "memory://"),
        (("44", "4930"), "dial_allow", "NCCO_DIAL_ALLOW", "+44, 4930,"),
        (("44", "sip:"), "dial_allow", "NCCO_DIAL_ALLOW", "44,sip:"),
        (
            ("crm.example.com", "db.example.com"),
            "private_hosts",
            "NCCO_PRIVATE_HOSTS",
            "CRM.example.com, db.example.com,",
        ),
        ("s3://calls/a/b-1", "recordings", "NCCO_RECORDINGS", "s3://calls/a/b-1/"),
        ("s3://calls", "recordings", "NCCO_RECORDINGS", "s3://calls/"),
        (False, "has_bucket", "NCCO_RECORDINGS", "./calls"),
        ("http://minio:9000", "s3_endpoint", "NCCO_S3_ENDPOINT", "http://minio:9000/"),
        ("http://10.1.2.3:9000", "s3_endpoint", "NCCO_S3_ENDPOINT", "http://10.1.2.3:9000"),
        ("http://[fd00::1]", "s3_endpoint", "NCCO_S3_ENDPOINT", "http://[fd00::1]"),
        ("eu-west-1", "s3_region", "AWS_DEFAULT_REGION", "eu-west-1"),
        (0, "lookup_budget_ms", "NCCO_LOOKUP_BUDGET_MS", "0"),
        (True, "insecure", "NCCO_INSECURE", "1"),
        (False, "reload", "NCCO_RELOAD", "off"),
        ("json", "log", "NCCO_LOG", "JSON"),
        (1024, "body_limit", "NCCO_BODY_LIMIT", "1024"),
        (1, "hook_tries", "NCCO_HOOK_TRIES", "1"),
        ((HOOK_SECRET,), "hook_secrets", "NCCO_HOOK_SECRET", f" {HOOK_SECRET} "),
        ((HOOK_SECRET.rstrip("="),), "hook_secrets", "NCCO_HOOK_SECRET", HOOK_SECRET.rstrip("=")),
        ((HOOK_SECRET,), "hook_secrets", "NCCO_HOOK_SECRET_PREVIOUS", HOOK_SECRET),
        ((), "hook_secrets", "NCCO_HOOK_SECRET", ""),
        ("app-1", "application_id", "VONAGE_APPLICATION_ID", "app-1"),
        (8000, "port", "NCCO_PORT", ""),
    ],
)
def test_a_variable_is_read(
    expected: object, field: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        assert expected == getattr(loaded(patched, **{name: value}), field)


@each_case(
    ("name", "value", "said"),
    [
        ("NCCO_HOST", "http://127.0.0.1", '"http://127.0.0.1" is neither a host name nor an IP address'),
        ("NCCO_HOST", "0.0.0.0:8000", '"0.0.0.0:8000" is neither a host name nor an IP address'),
        ("NCCO_PORT", "70000", '"70000" is not valid'),
        ("NCCO_PORT", "-1", '"-1" is not valid'),
        ("NCCO_RECORDINGS", "gs://calls", '"gs://calls" is neither a folder nor s3://bucket/prefix'),
        ("NCCO_RECORDINGS", "s3://Calls/a", "does not name a bucket"),
        ("NCCO_RECORDINGS", "s3://calls/a/../b", "has a prefix with characters other"),
        ("NCCO_RECORDINGS", "s3://calls//b", "has a prefix with characters other"),
        ("NCCO_S3_ENDPOINT", "http://s3.example.com", "is not encrypted, so others could hear the recordings"),
        ("NCCO_S3_ENDPOINT", "http://8.8.8.8", "is not encrypted, so others could hear the recordings"),
        ("NCCO_S3_ENDPOINT", "https://user:x@s3.example.com", '"https://***@s3.example.com" has more than a scheme'),
        ("NCCO_RECORDINGS", "s3://key:x@calls/a", '"s3://***@calls/a" does not name a bucket'),
        ("NCCO_RECORDINGS", "S3:/calls", '"S3:/calls" is neither a folder nor s3://bucket/prefix'),
        (
            "NCCO_MEDIA_URL",
            "https://user:x@media.example.com",
            '"https://***@media.example.com" has more than a scheme',
        ),
        ("AWS_REGION", "eu west", '"eu west" has spaces, quotes'),
        ("NCCO_PUBLIC_URL", "calls.example.com", '"calls.example.com" is not an http or https URL'),
        ("NCCO_PUBLIC_URL", "ftp://x", '"ftp://x" is not an http or https URL'),
        ("NCCO_PUBLIC_URL", "https://x/webhooks/answer", '"https://x/webhooks/answer" is the address of a webhook'),
        ("NCCO_PUBLIC_URL", "https://x/v1/webhooks/event/", "is the address of a webhook"),
        ("NCCO_PUBLIC_URL", "https://", '"https://" is not an http or https URL'),
        ("NCCO_PUBLIC_URL", "https://x/?a=1", '"https://x/?a=1" has a query or a fragment'),
        ("NCCO_PUBLIC_URL", "https://x/#a", '"https://x/#a" has a query or a fragment'),
        ("NCCO_PUBLIC_URL", "https://x:99999", '"https://x:99999" is not a URL'),
        ("NCCO_PUBLIC_URL", "https://[x", '"https://[x" is not a URL'),
        ("NCCO_PUBLIC_URL", "https://a b", '"https://a b" has characters that are not allowed in a URL'),
        ("NCCO_PUBLIC_URL", "https://café.example", "has characters that are not allowed in a URL"),
        ("NCCO_DATABASE_URL", "mysql://x", "this version does not support mysql://"),
        ("NCCO_DATABASE_URL", "ncco.db", "a database URL starts with a scheme"),
        ("NCCO_LOOKUP_BUDGET_MS", "4000", '"4000" is not valid'),
        ("NCCO_DIAL_ALLOW", "44,UK", '"UK" is not the beginning of a phone number'),
        ("NCCO_DIAL_ALLOW", "sip:@", '"sip:@" is not the beginning of a phone number'),
        ("NCCO_PRIVATE_HOSTS", "crm.example.com,http://db", '"http://db" is not a host name'),
        ("NCCO_PYTHON_LOOKUPS", "shop, crm:find", '"crm:find" is not the name of a module'),
        ("NCCO_FAILSAFE", "[{", "looks like JSON, but is not"),
        ("NCCO_FAILSAFE", '[{"action":"say","text":"x"}]', "is not a valid NCCO: /0"),
        ("NCCO_FAILSAFE", "[]", "no"),
        ("NCCO_FAILSAFE", '[{"action":"wait"}]', "plays nothing that a caller can hear"),
        ("NCCO_FAILSAFE", " ", "plays nothing that a caller can hear"),
        ("NCCO_FAILSAFE", "<speak><break time='1s'/></speak>", "plays nothing that a caller can hear"),
        ("NCCO_FAILSAFE", '[{"action":"talk","text":""},{"action":"wait"}]', "plays nothing that a caller can hear"),
        ("NCCO_INSECURE", "maybe", '"maybe" is not valid'),
        ("NCCO_RELOAD", "2", '"2" is not valid'),
        ("NCCO_LOG", "xml", '"xml" is not valid'),
        ("NCCO_BODY_LIMIT", "10", '"10" is not valid'),
        ("NCCO_KEY", "short", "has 5 characters"),
        ("NCCO_KEY_PREVIOUS", "short", "has 5 characters"),
        ("NCCO_HOOK_TRIES", "0", '"0" is not valid'),
        ("NCCO_HOOK_TRIES", "51", '"51" is not valid'),
        ("NCCO_HOOK_SECRET", "geheim", "does not begin with whsec_"),
        ("NCCO_HOOK_SECRET", "whsec_ge heim", "is not base64 after whsec_"),
        ("NCCO_HOOK_SECRET", "whsec_Z2VoZWlt", "has 6 bytes, and 24 to 64 are needed"),
        ("NCCO_HOOK_SECRET", f"whsec_{'A' * 88}", "has 66 bytes, and 24 to 64 are needed"),
        ("NCCO_HOOK_SECRET_PREVIOUS", "geheim", "does not begin with whsec_"),
        ("VONAGE_SIGNATURE_SECRET", PEM, "is a private or public key"),
        ("VONAGE_SIGNATURE_SECRET_PREVIOUS", PEM, "is a private or public key"),
        ("VONAGE_PRIVATE_KEY", "missing.key", "is neither a private key nor the path"),
        ("VONAGE_PRIVATE_KEY", "-----BEGIN PUBLIC KEY-----", "does not contain a private key"),
        ("VONAGE_PRIVATE_KEY", "/dev/zero", "does not contain a private key"),
        *(
            ("NCCO_SMTP_URL", url, "")
            for url in (
                *("mail.example.com", "https://mail.example.com", "smtp://user@mail.example.com"),
                *("smtp://mail.example.com/inbox", "smtp://mail.example.com:0"),
            )
        ),
        *(
            ("NCCO_MAIL_FROM", address, "")
            for address in (
                *("Phone <phone@example.com>", "a@example.com, b@example.com"),
                "phone@example.com\nBcc: x@example.com",
            )
        ),
        ("NCCO_HOST", "\udcff", "is not UTF-8 text"),
        ("NCCO_PORT", "9" * 5_000, '"' + "9" * 100 + '…" is not valid'),
    ],
)
def test_a_wrong_value_is_reported_with_its_fix(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        error = refused(patched, **{name: value})

    assert name == error.setting
    assert said in error.message
    assert error.cure.endswith(".")


@pytest.mark.parametrize("name", ["VONAGE_SIGNATURE_SECRET", "VONAGE_PRIVATE_KEY", "NCCO_KEY", "NCCO_HOOK_SECRET"])
def test_a_secret_is_never_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"VONAGE_SIGNATURE_SECRET": "x-----BEGIN"}.get(name, "geheim")
    error = refused(monkeypatch, **{name: wrong})

    assert wrong not in str(error) + error.cure + repr(error)


def test_secrets_do_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, VONAGE_SIGNATURE_SECRET="geheim-und-lang", NCCO_KEY="auch-geheim-und-lang")

    assert "geheim" not in repr(settings)


def test_several_wrong_values_are_all_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(monkeypatch, NCCO_PORT="x", NCCO_LOG="xml", NCCO_BODY_LIMIT="0")

    assert "NCCO_PORT" == error.setting
    assert ["NCCO_LOG", "NCCO_BODY_LIMIT"] == [other.setting for other in error.others]
    assert all(other.cure for other in error.others)


def test_the_older_name_of_the_signature_secret_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, VONAGE_API_SIGNATURE_SECRET=" the-secret-of-the-account\n")

    assert "the-secret-of-the-account" == settings.signature_secret.get_secret_value()
    assert settings.is_signed


@pytest.mark.parametrize("text", [PEM, PEM.replace("\n", "\\n"), "private.key"])
def test_the_private_key_is_a_path_or_the_key_itself(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "private.key").write_text(PEM)

    assert PEM == loaded(monkeypatch, VONAGE_PRIVATE_KEY=text).private_key.get_secret_value()


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ([{"action": "talk", "text": "Please call later."}], " Please call later. "),
        ([{"action": "talk", "text": "x"}], '{"action":"talk","text":"x"}'),
        (
            [{"action": "connect", "from": "442079460000", "endpoint": [{"type": "phone", "number": "447700900333"}]}],
            '[{"action":"connect","from":"442079460000","endpoint":[{"type":"phone","number":"447700900333"}]}]',
        ),
    ],
)
def test_the_failsafe_is_a_text_or_an_ncco(expected: list[Any], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, NCCO_FAILSAFE=text)

    assert expected == json.loads(json.dumps(settings.failsafe))


def test_calls_are_placed_with_the_application_and_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    without_key = loaded(monkeypatch, VONAGE_APPLICATION_ID="an-application")
    whole = loaded(monkeypatch, VONAGE_PRIVATE_KEY=PEM)

    assert voice_access_of(without_key) is None
    assert ("https://api.nexmo.com", "an-application", PEM) == voice_access_of(whole)


@pytest.mark.parametrize("virtual", [None, VoiceAccess("http://127.0.0.1:9", "another", "key")])
def test_a_virtual_vonage_replaces_the_real_one_in_child_processes_too(
    virtual: VoiceAccess | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = loaded(monkeypatch, VONAGE_APPLICATION_ID="an-application", VONAGE_PRIVATE_KEY=PEM)
    settings = read.model_copy(update={"has_virtual_vonage": True, "virtual_vonage": virtual})

    copies = settings.model_copy(update={"port": 1}), pickle.loads(pickle.dumps(settings))  # noqa: S301 - our own

    assert [virtual] * 3 == [voice_access_of(each) for each in (settings, *copies)]
    assert PEM == settings.private_key.get_secret_value()  # that of recordings


@each_case(
    ("url", "expected"),
    [
        ("smtps://u:p%40ss@mail.example.com", ("mail.example.com", 465, "u", "p@ss", True, False)),
        ("smtp://mail.example.com", ("mail.example.com", 587, "", "", False, False)),
        ("smtp://127.0.0.1:2525", ("127.0.0.1", 2525, "", "", False, True)),
    ],
)
def test_the_url_of_the_mail_server_is_read(url: str, expected: tuple[str, int, str, str, bool, bool]) -> None:
    settings = load_settings(None, smtp_url=url, mail_from="phone@example.com")

    assert (*expected, "phone@example.com") == mail_server_of(settings)


def test_all_settings_reach_a_child_process(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, NCCO_KEY="a-key-of-more-than-16", FLOW_CRM_URL="https://crm.example.com")
    copy = pickle.loads(pickle.dumps(settings))  # noqa: S301 - our own

    assert policy_of(settings) == policy_of(copy)


@each_case(
    ("expected", "host", "public_url"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", ""),
        ("http://127.0.0.1:8000", EVERYWHERE, ""),
        ("http://[::1]:8000", "::", ""),
        ("http://localhost:8000", "localhost", ""),
        ("https://calls.example.com", EVERYWHERE, "https://calls.example.com"),
    ],
)
def test_callback_urls_start_where_vonage_reaches_us(expected: str, host: str, public_url: str) -> None:
    assert expected == load_settings(None, host=host, public_url=public_url).base_url
