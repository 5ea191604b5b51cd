"""Which servers may start: none that accepts unknown senders, unless it is meant to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ncco_server.errors import SettingsError
from ncco_server.settings import load_settings, require_safe
from ncco_server.settings.safety import console_fault, placeholders, port_clash
from ncco_server.settings.values import is_loopback
from tests.support.cases import each_case

EVERYWHERE = "0.0.0.0"  # noqa: S104 - read, not bound
SECRET = "the-secret-of-the-account"
PUBLIC = "https://calls.example.com"


@each_case(
    ("dev", "values"),
    [
        (True, {}),
        (True, {"host": "localhost"}),
        (True, {"host": "::1"}),
        (True, {"host": "127.8.9.10"}),
        (False, {"insecure": True}),
        (False, {"insecure": True, "host": EVERYWHERE}),
        (True, {"signature_secret": SECRET}),
        (False, {"signature_secret": SECRET, "public_url": PUBLIC}),
        (False, {"signature_secret": SECRET, "host": EVERYWHERE, "public_url": PUBLIC}),
        (True, {"signature_secret": SECRET, "host": EVERYWHERE}),
    ],
)
def test_a_safe_or_deliberately_open_server_may_start(dev: bool, values: dict[str, Any]) -> None:
    settings = load_settings(None, **values)
    require_safe(settings, dev)

    assert dev or settings.insecure or settings.is_signed


@each_case(
    ("dev", "values"),
    [
        (False, {}),
        (False, {"host": EVERYWHERE}),
        (False, {"host": EVERYWHERE, "public_url": PUBLIC}),
        (True, {"host": EVERYWHERE}),
        (True, {"host": "192.168.1.10"}),
        (True, {"host": "calls.internal"}),
    ],
)
def test_without_a_signature_secret_a_public_server_does_not_start(dev: bool, values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        require_safe(load_settings(None, **values), dev)

    assert "VONAGE_SIGNATURE_SECRET" == caught.value.setting
    assert "NCCO_INSECURE=1" in caught.value.cure
    assert "--dev" in caught.value.cure


def test_all_reasons_against_starting_are_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        require_safe(load_settings(None), dev=False)

    (other,) = caught.value.others
    assert str(other).startswith("NCCO_PUBLIC_URL: is not set")


@each_case(
    ("setting", "values"),
    [
        ("VONAGE_SIGNATURE_SECRET", {"signature_secret": "the signature secret of the Vonage dashboard"}),
        ("VONAGE_APPLICATION_ID", {"application_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"}),
        ("VONAGE_APPLICATION_ID", {"application_id": "the ID of the application"}),
        ("VONAGE_API_KEY", {"api_key": "the API key of the Vonage dashboard"}),
    ],
)
def test_placeholder_values_that_would_refuse_every_webhook_stop_the_start(
    setting: str, values: dict[str, Any]
) -> None:
    settings = load_settings(
        None, **{"signature_secret": SECRET, "public_url": "https://calls.northgate.test"} | values
    )
    with pytest.raises(SettingsError) as caught:
        require_safe(settings, dev=False)

    assert (setting, "is the guide's placeholder, so every webhook would be refused", ()) == (
        caught.value.setting,
        caught.value.message,
        caught.value.others,
    )


def test_placeholder_values_that_still_answer_calls_are_reported() -> None:
    settings = load_settings(None, public_url=PUBLIC, api_secret="...", api_key="...")

    assert ["NCCO_PUBLIC_URL", "VONAGE_API_SECRET", "VONAGE_API_KEY"] == [
        each.setting for each in placeholders(settings)
    ]


@each_case(
    ("values", "other", "cure"),
    [
        ({"metrics_port": 8000}, "NCCO_PORT", "NCCO_METRICS_PORT=8002"),
        ({"metrics_port": 8002, "port": 8002, "host": EVERYWHERE}, "NCCO_PORT", "NCCO_METRICS_PORT=8000"),
        ({"console_port": 8000}, "NCCO_PORT", "NCCO_CONSOLE_PORT=8001"),
        ({"metrics_port": 8001, "metrics_host": EVERYWHERE}, "NCCO_METRICS_PORT", "NCCO_CONSOLE_PORT=8002"),
    ],
)
def test_two_listeners_on_one_port_are_both_named(values: dict[str, Any], other: str, cure: str) -> None:
    settings = load_settings(None, **values)
    clashes = [port_clash(settings, field) for field in ("metrics_port", "console_port")]
    (clash,) = [clash for clash in clashes if clash is not None]

    assert clash.message.endswith(f"the same port as {other}")
    assert clash.cure.endswith(f"such as {cure}.")


@each_case(
    "values", [{}, {"port": 0, "metrics_port": 0, "console_port": 0}, {"host": "10.0.0.1", "metrics_port": 8000}]
)
def test_ports_that_differ_or_have_other_addresses_do_not_clash(values: dict[str, Any]) -> None:
    assert [None, None] == [
        port_clash(load_settings(None, **values), each) for each in ("metrics_port", "console_port")
    ]


@each_case(
    ("host", "has_login", "is_refused"),
    [
        ("127.0.0.1", False, False),
        ("localhost", False, False),
        ("::1", False, False),
        (EVERYWHERE, False, True),
        ("::", False, True),
        ("10.0.0.1", False, True),
        ("console.example.com", False, True),
        (EVERYWHERE, True, False),
        ("10.0.0.1", True, False),
    ],
)
def test_other_machines_reach_no_console_without_a_login(
    tmp_path: Path, host: str, has_login: bool, is_refused: bool
) -> None:
    logins = tmp_path / "logins.json"
    if has_login:
        logins.write_text("{}")
    fault = console_fault(load_settings(None, console_host=host, console_logins=logins))

    assert is_refused == (fault is not None and fault.setting == "NCCO_CONSOLE_HOST")


@pytest.mark.parametrize("host", [EVERYWHERE, "127.0.0.1"])
def test_a_server_of_real_calls_must_know_its_address_also_behind_a_proxy(host: str) -> None:
    with pytest.raises(SettingsError) as caught:
        require_safe(load_settings(None, host=host, signature_secret=SECRET), dev=False)

    assert "NCCO_PUBLIC_URL" == caught.value.setting


@each_case("host", ["127.0.0.1", "localhost", "LOCALHOST", "::1", "127.1.2.3"])
def test_these_hosts_are_loopback_only(host: str) -> None:
    assert is_loopback(host)


@each_case("host", [EVERYWHERE, "::", "localhost.example.com", "10.0.0.1", ""])
def test_these_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)
