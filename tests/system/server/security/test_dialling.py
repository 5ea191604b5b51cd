"""A computed number is dialled if a prefix allows it, in any notation; premium-rate numbers need a long prefix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ncco_server.engine.dialling import PREMIUM_PREFIXES, refusal
from ncco_server.errors import SettingsError
from ncco_server.settings import load_settings
from tests.support.cases import each_case
from tests.system.server.calls.asgi_call import Caller, serving

FLOW = """
flow: dial
default: true
start: dial
defaults: {on: {error: sorry}}
steps:
  dial:
    do: [{connect: "{{ call.custom_data.number }}"}]
    on: {completed: end, otherwise: sorry}
  sorry:
    do: [{talk: "Sorry."}]
    goto: end
"""
DOCUMENT = FLOW.replace('connect: "{{ call.custom_data.number }}"', "ncco: dial.j2").replace(
    "on: {completed: end, otherwise: sorry}", "goto: end"
)
PHONE = '{"type":"phone","number":"{{ call.custom_data.number }}"}'
ENDPOINT = f'[{{"action":"connect","from":"442079460000","endpoint":[{PHONE}]}}]'
HOME = "447700900123"
WRITTEN_OTHERWISE = [
    "+447700900123",
    "00447700900123",
    " 447700900123 ",
    "+44 7700 900-123",
    "+44 (7700) 900.123",
]
TRICKS = [
    -447700900123,
    "1900555012",
    "+19005550123",
    "0019005550123",
    "011449005550123",
    "44",
    "999",
    "112",
    "449098790879",
    "+44 9098 790879",
    "00 44 9098 790879",
    "447012345678",
    "448712345678",
    "tel:447700900123",
    "tel:+19005550123",
    "sip:447700900123@evil.example.com",
    "sip:19005550123@pbx.example.com",
    "447700900123@evil.example.com",
    "447700900123;phone-context=+1900",
    "447700900123;ext=1900",
    "447700900123,19005550123",
    "447700900123,,1900",
    "447700900123p1900",
    "447700900123#1900",
    "447700900123\n19005550123",
    "447700900123\x00",
    "447700900123&19005550123",
    "44\u0667\u0667\u0660\u0660\u0669\u0660\u0660\u0661\u0662\u0663",
    "\uff14\uff14\uff17\uff17\uff10\uff10\uff19\uff10\uff10\uff11\uff12\uff13",
    "\u202e447700900123",
    "44\u200b7700900123",
    "4477009001234567890",
    "44770O900123",
    "+1-900-CALL-NOW",
    "0x44770090012",
    "4.47700900123e11",
    "wss://evil.example.com/44",
    "%34%34%37%37",
    "{{ 447700900123 }}",
    '447700900123", "number": "19005550123',
    ["19005550123"],
    ["447700900123", "19005550123"],
    {"number": "447700900123"},
    True,
    None,
    "",
]


async def dialled(folder: Path, numbers: Sequence[object], *, allow: str, flow: str = FLOW) -> list[list[object]]:
    """The endpoints that are dialled in each call if its number comes with the caller's custom data."""
    (folder / "flows").mkdir()
    (folder / "templates").mkdir()
    (folder / "flows" / "dial.yaml").write_text(flow)
    (folder / "templates" / "dial.j2").write_text(ENDPOINT)
    callers = []
    async with serving(folder / "flows", dial_allow=allow) as host:
        for index, number in enumerate(numbers):
            callers.append(Caller(host, f"{index:032}"))
            await callers[-1].ring(custom_data={"number": number})
    return [[each for action in caller.ncco for each in action.get("endpoint", ())] for caller in callers]


async def test_an_allowed_number_is_dialled_in_any_notation(tmp_path: Path) -> None:
    numbers = [HOME, int(HOME), *WRITTEN_OTHERWISE]
    assert [[{"type": "phone", "number": HOME}]] * len(numbers) == await dialled(tmp_path, numbers, allow="44")


@pytest.mark.parametrize("flow", [FLOW, DOCUMENT], ids=["connect", "ncco"])
async def test_no_trick_dials_another_number(tmp_path: Path, flow: str) -> None:
    assert [[]] * len(TRICKS) == await dialled(tmp_path, TRICKS, allow="44", flow=flow)


async def test_without_a_prefix_no_computed_number_is_dialled(tmp_path: Path) -> None:
    numbers = [HOME, "+447700900123", *TRICKS]
    assert [[]] * len(numbers) == await dialled(tmp_path, numbers, allow="")


DESK = "sip:desk@pbx.example.com"


@each_case(
    ("prefix", "address"),
    [
        ("sip:", DESK),
        ("sip:", "SIP:desk@pbx.example.com:5061;transport=tls;media=srtp"),
        ("sip:", "sip:a%40b@[2001:db8::1]:5060"),
        ("sip:", "sip:pbx.example.com"),
        ("sip:de", DESK),
        ("sip:desk@pbx.example.com", DESK),
        ("sip:desk@pbx.example.com", "sip:desk@PBX.example.com:5061"),
        ("sip:desk@pbx.example.com:5061", "sip:desk@pbx.example.com:5061"),
        ("sip:@pbx.example.com", "sip:anybody@pbx.example.com"),
        ("sip:desk@", DESK),
        ("sips:desk@pbx.example.com", "sips:desk@pbx.example.com;transport=tcp"),
    ],
)
def test_a_prefix_allows_a_sip_address(prefix: str, address: str) -> None:
    assert "" == refusal(address, ["44", prefix])


@each_case(
    ("prefix", "address"),
    [
        ("44", DESK),
        ("sips:", DESK),
        ("sip:", "sips:desk@pbx.example.com"),
        ("sip:dest", DESK),
        ("sip:des@", DESK),
        ("sip:desk@pbx.example.com", "sip:desk@pbx.example.com.evil.example"),
        ("sip:desk@pbx.example", DESK),
        ("sip:desk@pbx.example.com:5061", DESK),
        ("sip:desk@pbx.example.com", "sip:deskX@pbx.example.com"),
        ("sip:@pbx.example.com", "sip:desk@evil.example"),
        ("sip:@pbx.example.com", "sip:desk@evil.pbx.example.com"),
        *(
            ("sip:", address)
            for address in (
                "sip:",
                "sip:desk@",
                "sip:@pbx.example.com",
                "sip:desk@evil.example@pbx.example.com",
                "sip:desk;x@evil.example@pbx.example.com",
                "sip:desk:secret@pbx.example.com",
                "sip:desk?Route=evil@pbx.example.com",
                "sip:desk@pbx.example.com?Route=%3Csip:evil.example%3E",
                "sip:desk@pbx.example.com;maddr=192.0.2.1",
                "sip:desk@pbx.example.com;transport=tls;maddr=192.0.2.1",
                "sip:desk@pbx.example.com;transport=tls?X-A=b",
                "sip:desk@pbx.example.com,sip:evil@evil.example",
                "sip:desk@pbx.example.com sip:evil@evil.example",
                "<sip:desk@pbx.example.com>",
                "sip:desk@pbx.example.com\r\nTo: evil",
                "sip:desk@pbx.example.com\n",
                "sip:desk@pbx..example.com",
                "sip:desk@pbx.example.com/x",
                "sip:desk@pbx.example.com#x",
                "sip:desk@pbx.example.com:99999999",
                "sip:desk%@pbx.example.com",
                "sip:d\u0435sk@pbx.example.com",
                "sip:desk@pbx.ex\u0430mple.com",
                "tel:+19005550123",
                "wss://evil.example/",
                "https://evil.example/",
                "19005550123@evil.example",
            )
        ),
    ],
)
def test_a_prefix_allows_no_other_sip_address(prefix: str, address: str) -> None:
    assert refusal(address, ["44", prefix])


ENDPOINTS = {
    "user": ('{type: sip, user: "{{ call.custom_data.number }}", domain: pbx.example.com}', "sip:@pbx.example.com"),
    "domain": ('{type: sip, user: desk, domain: "{{ call.custom_data.number }}"}', "sip:@pbx.example.com"),
    "any domain": ('{type: sip, user: desk, domain: "{{ call.custom_data.number }}"}', "sip:"),
}


FOREIGN_PARTS = [
    "desk@evil.example",
    "a@evil.example;x",
    "a;maddr=192.0.2.1",
    "a?Route=evil",
    "evil.example@pbx.example.com",
    "sip:a@evil.example",
    "a\r\nb",
    "a b",
    "<a>",
    "",
]


@pytest.mark.parametrize("shape", ENDPOINTS)
async def test_no_part_of_an_endpoint_changes_its_target(tmp_path: Path, shape: str) -> None:
    written, allow = ENDPOINTS[shape]
    flow = FLOW.replace('"{{ call.custom_data.number }}"', written)

    assert [[]] * len(FOREIGN_PARTS) == await dialled(tmp_path, FOREIGN_PARTS, allow=allow, flow=flow)


@pytest.mark.parametrize(
    "written",
    ['{type: vbc, extension: "{{ call.custom_data.number }}"}', '{type: app, user: "{{ call.custom_data.number }}"}'],
)
async def test_no_line_end_is_part_of_an_endpoint(tmp_path: Path, written: str) -> None:
    flow = FLOW.replace('"{{ call.custom_data.number }}"', written)

    assert [[]] * 4 == await dialled(tmp_path, ["a\r\nb", "a\0", "\x7f", ""], allow="", flow=flow)


async def test_a_user_of_an_allowed_host_is_dialled(tmp_path: Path) -> None:
    written, allow = ENDPOINTS["user"]
    flow = FLOW.replace('"{{ call.custom_data.number }}"', written)

    assert [[{"type": "sip", "user": "desk", "domain": "pbx.example.com"}]] == await dialled(
        tmp_path, ["desk"], allow=allow, flow=flow
    )


@each_case("dear", PREMIUM_PREFIXES)
def test_a_premium_rate_number_needs_a_prefix_as_long_as_its_own(dear: str) -> None:
    number = f"{dear}{'5' * 7}"

    refused = f"is a premium-rate number: NCCO_DIAL_ALLOW would have to list {dear} itself"
    assert refused == refusal(number, [dear[:2], dear[:-1]])
    assert "" == refusal(number, [dear])
    assert "" == refusal(number, ["77", dear + "5"])


@each_case("number", [HOME, "442079460000", "12025550123", "4930123456", "33612345678", "61412345678"])
def test_ordinary_numbers_of_a_country_are_not_premium_rate(number: str) -> None:
    assert "" == refusal(number, [number[:1], number[:2]])


@pytest.mark.parametrize(("written", "read"), [("+44,0049 , 33", ("44", "49", "33")), ("", ())])
def test_prefixes_are_read_with_a_plus_or_two_zeros(written: str, read: tuple[str, ...]) -> None:
    assert read == load_settings(None, dial_allow=written).dial_allow


@each_case(
    "written", ["0", "07700", "44*", "+", "00", "\u0664\u0664", "UK", "44;49", "sip:a?b", "sip:a@b@c", "sip:a@b;c"]
)
def test_a_prefix_that_allows_nothing_or_too_much_is_refused(written: str) -> None:
    with pytest.raises(SettingsError, match="NCCO_DIAL_ALLOW"):
        load_settings(None, dial_allow=written)


async def test_a_call_dials_ten_times_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    flow = FLOW.replace("otherwise: sorry", "otherwise: ask").replace(
        "  sorry:",
        "  ask:\n    do: [{talk: Again?}]\n    choices: {yes: {dtmf: 1, goto: dial}}\n    retry: {then: end}\n  sorry:",
    )
    (tmp_path / "flows" / "dial.yaml").write_text(flow)
    async with serving(tmp_path / "flows", dial_allow="44") as host:
        caller, count = Caller(host), 0
        await caller.ring(custom_data={"number": HOME})
        while "connect" in caller.played:
            count += 1
            await caller.dial("busy", caller.url("event"))
            await caller.press("1")

    assert (10, ["Sorry."]) == (count, caller.said)
