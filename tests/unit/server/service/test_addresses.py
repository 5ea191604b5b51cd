from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.service.outgoing import is_allowed
from tests.support.cases import each_case

PUBLIC = "93.184.216.34"


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
@each_case("host", ["crm.example.com", "crm", "localhost", "2130706433"])
def test_any_host_may_resolve_to_a_public_address(host: str, address: str) -> None:
    assert is_allowed(host, address)


@each_case(
    "address",
    [
        "127.8.9.10",
        "fe80::1%eth0",
        "no address",
        "",
    ],
)
@pytest.mark.parametrize("host", ["crm.example.com", "2130706433", "0x7f000001", "127.1", PUBLIC])
def test_a_public_name_may_not_resolve_to_a_private_address(host: str, address: str) -> None:
    assert not is_allowed(host, address, {"other.example.com"})


@each_case(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("10.0.0.7", "10.0.0.7"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("fd00::7", "fd00::7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
    ],
)
def test_a_literal_private_address_is_allowed(host: str, address: str) -> None:
    assert is_allowed(host, address)


@each_case("address", ["10.0.0.8", "127.0.0.1", "0.0.0.0"])  # noqa: S104 - nothing is bound
def test_a_literal_address_may_not_resolve_to_another_one(address: str) -> None:
    assert not is_allowed("10.0.0.7", address)


@each_case(
    "host", ["localhost", "LOCALHOST", "crm", "crm.", "api.localhost", "crm.local", "db.internal", "nas.home.arpa"]
)
@pytest.mark.parametrize("address", ["127.0.0.1", "172.18.0.3", "fd00::3", "::1"])
def test_a_local_name_may_resolve_to_a_private_address(host: str, address: str) -> None:
    assert is_allowed(host, address)


@each_case(
    "address",
    [
        "169.254.169.254",
        "169.254.170.23",
        "fe80::1",
        "fe80::a9fe:a9fe",
        "0.1.2.3",
        "168.63.129.16",
        "192.0.0.192",
        "100.100.100.200",
        "fd00:ec2::23",
        "fd00:ec2::254",
        "fd00:42::42",
        "[fd20:ce::254]",
        "[::ffff:169.254.42.42]",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a83f:8110::1",
    ],
)
def test_no_host_may_be_a_cloud_metadata_address_or_resolve_to_one(address: str) -> None:
    for host in (address, "localhost", "metadata.google.internal", "crm.example.com"):
        assert not is_allowed(host, address.strip("[]"), {address, "crm.example.com"}), host


def test_an_allowed_host_may_resolve_to_a_private_address() -> None:
    assert is_allowed("CRM.example.com", "10.0.0.7", {"crm.example.com"})
    assert not is_allowed("evil.crm.example.com", "10.0.0.7", {"crm.example.com"})


SPECIAL = yaml.load(Path(__file__).with_name("special_addresses.yaml").read_bytes(), yaml.CSafeLoader)


@each_case("entry", SPECIAL, ids=lambda entry: entry["block"])
def test_each_special_purpose_block_is_judged_from_its_first_to_its_last_address(entry: dict[str, Any]) -> None:
    network = ipaddress.ip_network(entry["block"])
    for address in (str(network[0]), str(network[-1])):
        verdicts = {
            "as a literal": is_allowed(address, address),
            "by a local name": is_allowed("crm.local", address),
            "by an allowed name": is_allowed("crm.example.com", address, {"crm.example.com"}),
        }
        assert set(verdicts.values()) == {entry["reached"] != "never"}, (address, verdicts)
        assert is_allowed("crm.example.com", address) is (entry["reached"] == "public"), address


def written_in_ipv6(address: ipaddress.IPv4Address) -> list[str]:
    """Every IPv6 form that reaches the IPv4 address."""
    low, teredo = int(address), int(address) ^ 0xFFFFFFFF
    prefixes = ["::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "::", "2a00:1450::5efe:0:0", "2a00:1450::200:5efe:0:0"]
    forms = [int(ipaddress.IPv6Address(prefix)) | low for prefix in prefixes]
    forms += [0x2002 << 112 | low << 80 | 1, 0x20010000 << 96 | 0x08080808 << 64 | 0x8000 << 48 | teredo]
    return [str(ipaddress.IPv6Address(form)) for form in forms if form > 1]


@given(st.ip_addresses(network="169.254.0.0/16"))
def test_every_form_of_a_link_local_address_is_refused(address: ipaddress.IPv4Address) -> None:
    for form in (str(address), *written_in_ipv6(address)):
        for host in (form, f"[{form}]", str(address), "metadata", "crm.example.com"):
            assert not is_allowed(host, form, {"crm.example.com", form, str(address)}), (host, form)


@given(st.one_of(st.ip_addresses(v=4), *(st.ip_addresses(network=entry["block"]) for entry in SPECIAL)))
def test_every_form_of_an_address_gets_the_same_verdict(address: Any) -> None:
    if address.version == 4:
        for host in ("crm.example.com", "crm.local", ""):
            verdict = is_allowed(host or str(address), str(address))
            assert {verdict} == {is_allowed(host or form, form) for form in written_in_ipv6(address)}
    assert not (is_allowed("crm.example.com", str(address)) and not is_allowed("crm.local", str(address)))
