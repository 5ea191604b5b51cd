"""Who may be served: nobody unknown, unless it is meant so."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import SettingsError
from app.settings import load_settings
from app.settings.values import is_loopback

EVERYWHERE = "0.0.0.0"  # noqa: S104 - read, not bound
SECRET = "the-secret-of-the-account"
PUBLIC = "https://calls.example.com"


@pytest.mark.parametrize(
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
def test_what_is_safe_or_meant_may_be_served(dev: bool, values: dict[str, Any]) -> None:
    settings = load_settings(None, **values)
    settings.require_safe(dev)

    assert dev or settings.insecure or settings.is_signed


@pytest.mark.parametrize(
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
def test_without_a_secret_strangers_are_not_served(dev: bool, values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, **values).require_safe(dev)

    assert "VONAGE_SIGNATURE_SECRET" == caught.value.setting
    assert "NCCO_INSECURE=1" in caught.value.cure
    assert "--dev" in caught.value.cure


def test_all_reasons_against_serving_are_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None).require_safe(dev=False)

    (other,) = caught.value.__notes__
    assert other.startswith("NCCO_PUBLIC_URL: is not set")


@pytest.mark.parametrize("host", [EVERYWHERE, "127.0.0.1"])
def test_a_server_of_real_calls_must_know_its_address_also_behind_a_proxy(host: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, host=host, signature_secret=SECRET).require_safe(dev=False)

    assert "NCCO_PUBLIC_URL" == caught.value.setting


def test_without_a_secret_there_is_nothing_to_verify_with() -> None:
    assert load_settings(None).verifier() is None
    assert load_settings(None, signature_secret=SECRET).verifier() is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "::1", "127.1.2.3"])
def test_these_hosts_are_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "localhost.example.com", "10.0.0.1", ""])
def test_these_hosts_are_not(host: str) -> None:
    assert not is_loopback(host)
