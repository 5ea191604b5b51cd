"""Whoever is on call today: lists that a call computes, and lists with computed targets."""

from __future__ import annotations

from typing import Any

import pytest

from app.engine import LookupAnswer
from tests.engine.scripted_call import ScriptedCall, load_flow

ON_CALL = """
flow: test
default: true
start: ring
lookups:
  oncall: {get: "https://crm.example.com/oncall", returns: {numbers: [phone]}}
defaults: {on: {error: sorry}}
steps:
  ring:
    lookup: oncall
    do:
      - talk: "One moment."
      - connect: "{{ oncall.numbers }}"
        timeout: 15
    on:
      completed: end
      busy: engaged
      otherwise: nobody
  engaged:
    do: [talk: "Everybody is on the phone."]
    goto: end
  nobody:
    do: [talk: "Nobody is on call."]
    goto: end
  sorry:
    do: [talk: "Sorry."]
    goto: end
"""
THREE = {"oncall": {"numbers": ["447700900111", "+44 7700 900222", "447700900333"]}}


def on_call(answers: dict[str, Any], *, flow: str = ON_CALL, **around: Any) -> ScriptedCall:
    return ScriptedCall(load_flow(flow), answers=answers, **{"dial_allow": ("4477",), **around})


def heard_after(call: ScriptedCall, *statuses: str) -> list[list[str]]:
    """What the caller hears first, and after each status."""
    heard = [call.said]
    for status in statuses:
        call.dial(status)
        heard.append(call.said)
    return heard


def test_the_numbers_of_a_computed_list_ring_one_a_turn_and_the_last_failure_decides() -> None:
    heard = heard_after(on_call(THREE), "timeout", "busy", "failed")

    assert heard == [
        ["One moment.", "dials 447700900111"],
        ["dials 447700900222"],
        ["dials 447700900333"],
        ["Nobody is on call."],
    ]


def test_the_line_of_the_last_failure_comes_before_otherwise() -> None:
    heard = heard_after(on_call(THREE), "failed", "failed", "busy")

    assert heard[-1] == ["Everybody is on the phone."]


def test_each_number_is_dialled_as_any_other() -> None:
    call = on_call(THREE)
    call.dial("busy")

    assert [
        {
            "action": "connect",
            "from": "442079460000",
            "timeout": 15,
            "eventType": "synchronous",
            "endpoint": [{"type": "phone", "number": "447700900222"}],
            "eventUrl": ["https://test.example/event/2/0"],
            "eventMethod": "POST",
        }
    ] == call.ncco


def test_the_look_up_is_asked_once_for_the_whole_list() -> None:
    call = on_call(THREE)
    heard_after(call, "busy", "busy", "busy")

    assert 1 == len(call.asked)


@pytest.mark.parametrize("answer", [{"numbers": []}, LookupAnswer(None, "timed out after 700 ms")])
def test_a_list_without_anybody_leads_to_otherwise_at_once(answer: Any) -> None:
    call = on_call({"oncall": answer})

    assert ["Nobody is on call."] == call.said
    assert "its list has nobody to ring" == call.turn.trace[3].because


def test_without_otherwise_an_empty_list_counts_as_failed() -> None:
    lines = "timeout: nobody\n      unanswered: nobody\n      rejected: nobody\n      failed: sorry"
    flow = ON_CALL.replace("otherwise: nobody", lines)

    assert ["Sorry."] == on_call({"oncall": {"numbers": []}}, flow=flow).said


def test_a_number_that_may_not_be_dialled_is_passed_over() -> None:
    mixed = {"oncall": {"numbers": ["882990000000", "447700900111", "882990000001", "447700900222"]}}
    call = on_call(mixed)
    refused = [(line.what, line.because) for line in call.turn.trace if line.did == "refused"]
    heard = heard_after(call, "busy", "unanswered")

    assert [("R101", "882990000000 has no prefix of NCCO_DIAL_ALLOW: passed over")] == refused
    assert [["One moment.", "dials 447700900111"], ["dials 447700900222"], ["Nobody is on call."]] == heard


def test_when_no_number_may_be_dialled_nobody_is_there() -> None:
    call = on_call(THREE, dial_allow=())

    assert ["Nobody is on call."] == call.said
    assert ["R101"] * 3 == [line.what for line in call.turn.trace if line.did == "refused"]


def test_entries_that_are_no_phone_numbers_are_passed_over() -> None:
    flow = ON_CALL.replace("[phone]", "list")
    call = on_call({"oncall": {"numbers": ["", "ask Ann", None, {"a": 1}, "447700900111"]}}, flow=flow)

    assert ["One moment.", "dials 447700900111"] == call.said
    assert [("E392", "an entry of the list is no phone number: passed over")] == [
        (line.what, line.because) for line in call.turn.trace if line.did == "refused"
    ]


def test_a_list_stops_where_the_call_has_dialled_enough() -> None:
    heard = heard_after(on_call(THREE, dial_limit=2), "busy", "timeout")

    assert [["One moment.", "dials 447700900111"], ["dials 447700900222"], ["Nobody is on call."]] == heard


def test_a_list_is_not_begun_when_the_call_may_not_dial_any_more() -> None:
    call = on_call(THREE, dial_limit=0)

    assert ["Nobody is on call."] == call.said
    assert "the call has dialled as often as it may" == call.turn.trace[3].because


def test_a_list_that_cannot_be_computed_takes_the_error_exit() -> None:
    flow = ON_CALL.replace("{{ oncall.numbers }}", "{{ [oncall.numbers[7]] }}")

    assert ["Sorry."] == on_call({"oncall": {"numbers": []}}, flow=flow).said


def test_a_computed_list_may_stand_among_other_targets_with_options_of_its_own() -> None:
    flow = ON_CALL.replace(
        '- connect: "{{ oncall.numbers }}"',
        '- connect: [{number: "{{ oncall.numbers }}", limit: 60}, sip:desk@pbx.example.com]',
    )
    call = on_call(THREE, flow=flow)
    limits = [call.ncco[1]["limit"]]
    heard = heard_after(call, "busy", "busy", "busy", "busy")

    assert [60] == limits
    assert ["dials sip:desk@pbx.example.com"] == heard[3]
    assert ["Everybody is on the phone."] == heard[4]


def test_behind_a_computed_list_a_notify_decides_when_the_call_goes_on() -> None:
    call = on_call(THREE, flow=ON_CALL.replace("completed: end", "completed: sorry"))
    call.dial("busy")
    call.dial("answered")
    call.reach("connected")

    assert ["Sorry."] == call.said


LITERAL = """
flow: test
default: true
start: ring
defaults: {on: {error: sorry}}
vars: {agent: {type: phone, default: "882990000000"}, desk: {type: text, default: desk}}
steps:
  ring:
    do:
      - talk: "One moment."
      - connect: ["{{ agent }}", "sip:{{ desk }}@pbx.example.com", "447700900222"]
    on: {completed: end, otherwise: nobody}
  nobody:
    do: [talk: "Nobody is here."]
    goto: end
  sorry:
    do: [talk: "Sorry."]
    goto: end
"""


def test_a_computed_target_of_a_list_that_may_not_be_dialled_is_passed_over() -> None:
    heard = heard_after(ScriptedCall(load_flow(LITERAL)), "busy")

    assert [["One moment.", "dials 447700900222"], ["Nobody is here."]] == heard


def test_a_computed_target_of_a_list_that_may_be_dialled_is() -> None:
    heard = heard_after(ScriptedCall(load_flow(LITERAL), dial_allow=("8829", "sip:desk@")), "busy", "busy")

    assert [
        ["One moment.", "dials 882990000000"],
        ["dials sip:desk@pbx.example.com"],
        ["dials 447700900222"],
    ] == heard


def test_a_computed_target_that_cannot_be_computed_fails_at_its_turn() -> None:
    flow = LITERAL.replace("{{ agent }}", "447700900111").replace("{{ desk }}", "{{ [desk][3] }}")
    heard = heard_after(ScriptedCall(load_flow(flow)), "busy")

    assert [["One moment.", "dials 447700900111"], ["Sorry."]] == heard


def test_the_list_of_the_error_exit_stands_behind_an_input_with_its_first_number() -> None:
    flow = """
flow: test
default: true
start: menu
vars: {numbers: {type: list, default: ["882990000000", "447700900111"]}}
defaults: {on: {error: person}, retry: {then: person}}
steps:
  menu:
    do: [talk: "Press 1."]
    choices: {one: {dtmf: 1, goto: person}}
  person:
    do: [connect: "{{ numbers }}"]
    on: {completed: end, otherwise: end}
"""
    allowed = ScriptedCall(load_flow(flow), dial_allow=("4477",))
    refused = ScriptedCall(load_flow(flow))

    assert ["talk", "input", "connect"] == [action["action"] for action in allowed.ncco]
    assert [{"type": "phone", "number": "447700900111"}] == allowed.ncco[2]["endpoint"]
    assert ["talk", "input"] == [action["action"] for action in refused.ncco]
