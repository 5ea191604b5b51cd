"""`ncco render`: the NCCO of a call that nobody makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli import options
from app.verify.scenarios.model import YEARS
from tests.cli.projects import SHOP, TYPO, ncco, write_project

CLINIC = """
flow: clinic
default: true
hours: {desk: {timezone: UTC, week: {mon-fri: 09:00-17:00}, holidays: {country: GB, subdivision: SCT}}}
start: hello
steps:
  hello:
    do: [{talk: "{{ hours.desk.holiday if hours.desk.holiday else hours.desk.reason }}"}]
    goto: end
"""


def test_the_first_ncco_of_a_call(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    shown = ncco("render", "shop")

    talk, asked, *_ = json.loads(shown.stdout)
    assert 0 == shown.exit_code
    assert {"action": "talk", "text": "For sales, press 1.", "bargeIn": True} == talk
    assert asked["eventUrl"][0].startswith("https://example.com/webhooks/input/")
    assert 'flow "shop": answer; the call waits in step "menu"\n' == shown.stderr


def test_keys_lead_on_and_the_caller_is_in_scope(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    shown = ncco("render", "shop", "--from", "447700900123", "--digits", "1")

    assert "Your number is 447700900123." == json.loads(shown.stdout)[0]["text"]
    assert 'flow "shop": sales; the call ends after this\n' == shown.stderr


def test_json_is_one_line_and_nothing_else(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    shown = ncco("render", "shop", "--format", "json")

    assert (1, "") == (shown.stdout.count("\n"), shown.stderr)


def test_the_same_call_has_the_same_ncco(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    assert ncco("render", "shop").stdout == ncco("render", "shop").stdout


def test_what_is_printed_can_be_validated(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    assert 0 == ncco("validate", "-", stdin=ncco("render", "shop").stdout_bytes).exit_code


def test_callbacks_begin_with_the_public_url(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    shown = ncco("render", "shop", "--public-url", "https://calls.example.com/")

    assert '"https://calls.example.com/webhooks/input/' in shown.stdout


def test_a_fault_in_the_flows_is_shown_and_ends_with_1(tmp_path: Path) -> None:
    write_project(tmp_path, shop=TYPO)

    shown = ncco("render", "shop")

    assert (1, "") == (shown.exit_code, shown.stdout)
    assert "flows/shop.yaml:9:30  E214" in shown.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["shopp"], 'there is no flow "shopp"\n  cure: did you mean "shop"?'),
        (["zebra"], 'there is no flow "zebra"\n  cure: there are: hidden, shop'),
        (["hidden"], 'no call can start in flow "hidden"\n  cure: '),
        (["shop", "--digits", "1", "--digits", "2"], "nothing waits for the keys 2 at the end of the call\n  cure: "),
        (["shop", "--public-url", "calls.example.com"], "calls.example.com is no URL of a server; write one such as"),
        (["shop", "--public-url", "https://a b.example"], "https://a b.example is no URL of a server"),
        (["shop", "--public-url", "http://[x"], "http://[x is no URL of a server"),
        (["shop", "--digits", "x"], "Invalid value for '--digits': x holds other keys than 0-9, * and #"),
    ],
)
def test_what_cannot_be_rendered_ends_with_2_and_a_cure(words: list[str], message: str, tmp_path: Path) -> None:
    hidden = SHOP.replace("flow: shop", "flow: hidden").replace('numbers: ["442079460000"]\n', "")
    write_project(tmp_path, shop=SHOP, hidden=hidden)

    shown = ncco("render", *words)

    assert 2 == shown.exit_code
    assert message in shown.stderr


def test_a_word_that_is_not_utf_8_does_no_harm(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    shown = ncco("render", "shop", "--from", "\udcff", "--digits", "1")

    assert "Your number is ?." == json.loads(shown.stdout)[0]["text"]


def test_no_project_ends_with_2() -> None:
    shown = ncco("render", "shop")

    assert 2 == shown.exit_code
    assert "there is no folder of flows at flows" in shown.stderr


def test_a_value_that_cannot_be_computed_takes_the_failsafe_and_ends_with_1(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP.replace("{{ call.from }}", "{{ call.custom_data.order }}"))

    shown = ncco("render", "shop", "--digits", "1")

    assert 1 == shown.exit_code
    assert ["talk"] == [action["action"] for action in json.loads(shown.stdout)]
    assert "nothing of the flow could be played" in shown.stderr
    assert 'step "sales" could not be played: E391: ' in shown.stderr


def dialling(number: str) -> str:
    return SHOP.replace("    goto: end\n", f"      - connect: '{number}'\n    on: {{completed: end, otherwise: end}}\n")


def test_a_computed_number_needs_the_setting_that_the_server_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, shop=dialling("{{ call.from }}"))

    refused = ncco("render", "shop", "--digits", "1")
    monkeypatch.setenv("NCCO_DIAL_ALLOW", "44")
    dialled = ncco("render", "shop", "--digits", "1")

    assert 1 == refused.exit_code
    assert "the computed number 447700900000 has no prefix of NCCO_DIAL_ALLOW" in refused.stderr
    assert 0 == dialled.exit_code
    assert ["talk", "connect"] == [action["action"] for action in json.loads(dialled.stdout)]


def test_a_setting_that_does_not_fit_ends_with_2_and_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path, shop=SHOP)
    monkeypatch.setenv("NCCO_DIAL_ALLOW", "all")

    shown = ncco("render", "shop")

    assert 2 == shown.exit_code
    assert "NCCO_DIAL_ALLOW" in shown.stderr
    assert "cure: Write prefixes of international numbers" in shown.stderr


def test_a_call_may_be_made_at_any_moment(tmp_path: Path) -> None:
    write_project(tmp_path, clinic=CLINIC)

    shown = [
        json.loads(ncco("render", "clinic", "--at", at, "--format", "json").stdout)[0]["text"]
        for at in ("2026-12-25T10:00", "2026-12-30T23:30+14:00", "2026-12-30")
    ]

    assert ["Christmas Day", "open", "closed"] == shown


def test_what_is_no_moment_is_refused(tmp_path: Path) -> None:
    write_project(tmp_path, clinic=CLINIC)

    shown = ncco("render", "clinic", "--at", "christmas")

    assert 2 == shown.exit_code
    assert "christmas is no point in time; write it as 2026-12-25T10:00" in shown.stderr


@pytest.mark.parametrize("at", ["0001-01-01T00:00", "1999-12-31", "2101-01-01", "9999-12-31T23:59"])
def test_a_moment_far_from_now_is_refused(at: str, tmp_path: Path) -> None:
    write_project(tmp_path, clinic=CLINIC)

    shown = ncco("render", "clinic", "--at", at)

    assert 2 == shown.exit_code
    assert f"{at} is too far away; take a year from 2000 to 2100" in shown.stderr


def test_the_command_line_and_scenarios_take_the_same_years() -> None:
    assert YEARS == options.YEARS
