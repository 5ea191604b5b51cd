from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.engine import Call
from app.engine.session import Level, Observer, from_json, to_json
from tests.engine.scripted_call import FAILSAFE, ScriptedCall, load_flow

MENU = """
flow: test
default: true
start: welcome
vars:
  team: {type: text, default: nobody}
defaults:
  retry:
    noinput: ["I did not hear you.", "You can press a key."]
    nomatch: ["That is not a choice."]
    then: reception
  on: {error: sorry}
steps:
  welcome:
    do:
      - talk: "Welcome, {{ call.from }}."
    goto: menu
  menu:
    do:
      - talk: "For sales press 1, for support press 2."
    choices:
      sales: {dtmf: 1, speech: [sales], set: {team: sales}, goto: sales}
      support: {dtmf: 2, speech: [support], goto: support}
  sales:
    do:
      - talk: "Connecting you to {{ team }}."
      - connect: "447700900111"
        timeout: 20
    on:
      completed: end
      otherwise: voicemail
  support:
    do:
      - connect: "447700900222"
    on:
      completed: thanks
      busy: voicemail
      otherwise: reception
  thanks:
    do:
      - talk: "Thank you."
    goto: end
  reception:
    do:
      - talk: "I will get someone."
      - connect: "447700900333"
    on:
      completed: end
      otherwise: voicemail
  voicemail:
    do:
      - talk: "Please leave a message."
      - record: {endOnSilence: 4, beepStart: true}
      - talk: "Goodbye."
    goto: end
  sorry:
    do:
      - talk: "We have a technical problem."
    goto: end
"""


@pytest.fixture
def call() -> ScriptedCall:
    return ScriptedCall(load_flow(MENU))


def test_steps_without_a_decision_between_them_are_one_ncco(call: ScriptedCall) -> None:
    assert ["Welcome, 447700900123.", "For sales press 1, for support press 2."] == call.said


def test_a_menu_asks_for_keys_and_speech_and_leads_back_to_us(call: ScriptedCall) -> None:
    (asked,) = [action for action in call.ncco if action["action"] == "input"]

    assert ["https://test.example/input/1/0"] == asked["eventUrl"]
    assert "POST" == asked["eventMethod"]
    assert {"dtmf", "speech"} == set(asked["type"])
    assert 1 == asked["dtmf"]["maxDigits"]
    assert {"sales", "support"} == set(asked["speech"]["context"])


def test_a_menu_can_be_interrupted_but_what_came_before_it_cannot(call: ScriptedCall) -> None:
    assert [None, True] == [action.get("bargeIn") for action in call.ncco[:2]]


def test_what_the_error_exit_plays_stands_behind_an_input(call: ScriptedCall) -> None:
    assert {"action": "talk", "text": "We have a technical problem."} == call.ncco[-1]


def test_a_key_leads_to_its_choice_and_sets_its_variables(call: ScriptedCall) -> None:
    call.press("1")

    assert ["Connecting you to sales.", "dials 447700900111"] == call.said
    assert "sales" == call.turn.outcome


def test_a_phrase_leads_to_its_choice(call: ScriptedCall) -> None:
    call.speak(("support please", 0.92))

    assert ["dials 447700900222"] == call.said


def test_a_dial_shows_our_own_number_and_is_synchronous(call: ScriptedCall) -> None:
    call.press("1")

    dialled = call.ncco[-1]
    assert "442079460000" == dialled["from"]
    assert "synchronous" == dialled["eventType"]
    assert 20 == dialled["timeout"]
    assert ["https://test.example/event/2/0"] == dialled["eventUrl"]


def test_a_silent_caller_hears_rising_prompts_and_then_a_person(call: ScriptedCall) -> None:
    heard = []
    for _ in range(3):
        call.silence()
        heard.append(call.said[0])

    assert ["I did not hear you.", "You can press a key.", "I will get someone."] == heard


def test_wrong_keys_and_silence_share_one_count(call: ScriptedCall) -> None:
    call.press("9")
    first = call.said[0]
    call.silence()
    second = call.said[0]
    call.press("8")

    assert ["That is not a choice.", "You can press a key.", "I will get someone."] == [first, second, call.said[0]]


def test_a_repeated_menu_does_not_repeat_what_came_before_it(call: ScriptedCall) -> None:
    call.silence()

    assert ["I did not hear you.", "For sales press 1, for support press 2."] == call.said


def test_a_retry_prompt_can_be_interrupted_too(call: ScriptedCall) -> None:
    call.silence()

    assert [True, True] == [action.get("bargeIn") for action in call.ncco[:2]]


def test_a_fault_of_the_recogniser_is_asked_again_twice_without_blame(call: ScriptedCall) -> None:
    fault: dict[str, Any] = {"dtmf": {"digits": ""}, "speech": {"error": "ERR1: failed to analyze audio"}}
    call.send(fault)
    call.send(fault)
    tries_without_blame = call.session.tries
    call.send(fault)

    assert 0 == tries_without_blame
    assert 1 == call.session.tries
    assert "noinput" == call.turn.outcome


def test_a_body_that_cannot_be_read_takes_the_error_exit(call: ScriptedCall) -> None:
    call.send(None)

    assert ["We have a technical problem."] == call.said


def test_an_input_webhook_without_keys_and_speech_is_silence(call: ScriptedCall) -> None:
    call.send({"uuid": "leg", "conversation_uuid": "CON-1", "from": "447700900123", "to": "442079460000"})

    assert "noinput" == call.turn.outcome
    assert 1 == call.session.tries


def test_a_webhook_of_another_kind_on_an_input_takes_the_error_exit(call: ScriptedCall) -> None:
    call.send({"status": "busy", "uuid": "aa"})

    assert ["We have a technical problem."] == call.said


@pytest.mark.parametrize("status", ["busy", "timeout", "unanswered", "rejected", "failed"])
def test_otherwise_is_every_failure_that_is_not_named(call: ScriptedCall, status: str) -> None:
    call.press("1")
    call.dial(status)

    assert "Please leave a message." == call.said[0]


@pytest.mark.parametrize("status", ["started", "ringing", "answered", "completed", "cancelled"])
def test_events_that_cannot_steer_change_nothing(call: ScriptedCall, status: str) -> None:
    call.press("1")
    before = call.ncco

    assert call.dial(status) is None
    assert before == call.ncco


def test_completed_end_puts_nothing_behind_the_connect(call: ScriptedCall) -> None:
    call.press("1")

    assert "connect" == call.ncco[-1]["action"]


def test_any_other_completed_is_decided_by_a_notify_behind_the_connect(call: ScriptedCall) -> None:
    call.press("2")
    call.dial("answered")
    call.dial("completed")
    call.reach("connected")

    assert ["Thank you."] == call.said


def test_a_lost_busy_does_not_play_the_completed_path(call: ScriptedCall) -> None:
    call.press("2")
    call.reach("connected")

    assert ["I will get someone.", "dials 447700900333"] == call.said


def test_a_recording_leads_back_to_us_and_does_not_steer(call: ScriptedCall) -> None:
    call.press("1")
    call.dial("busy")
    recording = call.ncco[1]

    assert ["https://test.example/event/3/0"] == recording["eventUrl"]
    assert call.send({"recording_url": "https://api.nexmo.com/v1/files/1", "size": 1}, kind="event") is None
    assert call.session.is_over


def test_a_refused_ncco_takes_the_error_exit(call: ScriptedCall) -> None:
    call.refused()

    assert ["We have a technical problem."] == call.said


def test_a_refused_error_exit_leads_to_the_failsafe(call: ScriptedCall) -> None:
    call.refused()
    call.refused()

    assert [dict(action) for action in FAILSAFE] == call.ncco or ["We have a technical problem."] == call.said


def test_the_trace_names_the_line_that_decided_and_why_the_others_did_not(call: ScriptedCall) -> None:
    call.press("1")
    decided = next(line for line in call.turn.trace if line.did == "decided")

    assert "flows/test.yaml:22" == decided.where
    assert "sales" == decided.what
    assert "1" in decided.because
    assert any("support" in other for other in decided.others)


def test_the_session_survives_a_round_through_json(call: ScriptedCall) -> None:
    assert call.turn.session.variables == call.session.variables
    assert call.turn.session.waits == call.session.waits


BROKEN_VALUE = """
flow: test
default: true
start: greet
vars:
  count: {type: int, default: "0"}
defaults:
  on: {error: sorry}
steps:
  greet:
    do: [talk: "Hello."]
    goto: wrong
  wrong:
    set: {count: "{{ call.from }}"}
    do: [talk: "Your number is {{ count }}."]
    goto: end
  sorry:
    do: [talk: "Sorry."]
    goto: end
"""


def test_a_value_that_cannot_be_computed_takes_the_error_exit_and_keeps_what_was_said() -> None:
    call = ScriptedCall(load_flow(BROKEN_VALUE), call=Call(to="1", from_number="anonymous"))

    assert ["Hello.", "Sorry."] == call.said


def test_without_an_error_exit_the_failsafe_is_played() -> None:
    text = BROKEN_VALUE.replace("  on: {error: sorry}", "  talk: {language: en-GB}").replace("sorry", "unused")
    call = ScriptedCall(load_flow(text), call=Call(to="1", from_number="anonymous"))

    assert [dict(action) for action in FAILSAFE] == call.ncco
    assert call.turn.is_failsafe


def test_an_error_exit_that_fails_itself_leads_to_the_failsafe() -> None:
    text = BROKEN_VALUE.replace('do: [talk: "Sorry."]', 'set: {count: "{{ call.from }}"}')
    call = ScriptedCall(load_flow(text), call=Call(to="1", from_number="anonymous"))

    assert [dict(action) for action in FAILSAFE] == call.ncco


PIN = """
flow: test
default: true
start: ask
vars:
  right: {type: bool, default: "false"}
defaults:
  on: {error: sorry}
steps:
  ask:
    do: [talk: "Please enter your PIN."]
    collect: {into: pin, digits: 4, sensitive: true, check: pin == env.PIN}
    retry: {nomatch: ["That is not right."], then: sorry, tries: 2}
    goto: route
  route:
    branch:
      - if: pin == "4711"
        goto: inside
      - else: sorry
  inside:
    do: [talk: "Welcome in."]
    goto: more
  more:
    do: [talk: "Press 1."]
    choices: {one: {dtmf: 1, goto: end}}
    retry: {then: end}
  sorry:
    do: [talk: "Sorry."]
    goto: end
"""


@pytest.fixture
def pin() -> ScriptedCall:
    return ScriptedCall(load_flow(PIN), env={"PIN": "4711"})


def test_a_data_entry_asks_for_its_digits(pin: ScriptedCall) -> None:
    (asked,) = [action for action in pin.ncco if action["action"] == "input"]

    assert ["dtmf"] == asked["type"]
    assert 4 == asked["dtmf"]["maxDigits"]


def test_the_right_number_goes_on_in_the_same_turn(pin: ScriptedCall) -> None:
    pin.press("4711")

    assert "Welcome in." == pin.said[0]


@pytest.mark.parametrize("digits", ["4712", "47", "47110"])
def test_a_wrong_number_is_a_failed_try(pin: ScriptedCall, digits: str) -> None:
    pin.press(digits)

    assert "That is not right." == pin.said[0]
    assert 1 == pin.session.tries


SECRET_OF_A_STEP_THAT_FAILS = """
flow: test
default: true
start: ask
vars:
  pin: {type: text, default: "", sensitive: true}
steps:
  ask:
    set: {pin: "{{ call.to }}"}
    do: [talk: "Hello {{ call.custom_data.name }}."]
    on: {error: sorry}
    goto: sorry
  sorry:
    do: [talk: "Sorry."]
    goto: end
"""


def test_a_sensitive_value_that_is_taken_back_is_what_it_was_before() -> None:
    call = ScriptedCall(load_flow(SECRET_OF_A_STEP_THAT_FAILS))

    assert ["Sorry."] == call.said
    assert {"pin": ""} == call.session.variables


def test_a_sensitive_value_leaves_the_turn_only_as_a_token(pin: ScriptedCall) -> None:
    pin.press("4711")

    assert "4711" not in str(pin.turn.session)
    assert "4711" not in str(pin.turn.trace)


def test_tries_bound_a_data_entry(pin: ScriptedCall) -> None:
    pin.press("1")
    pin.press("1")

    assert ["Sorry."] == pin.said


FIND_ME = """
flow: test
default: true
start: ring
steps:
  ring:
    do:
      - talk: "One moment."
      - connect:
          - "447700900111"
          - {number: "447700900112", timeout: 15}
          - "447700900113"
    on: {completed: end, otherwise: nobody}
  nobody:
    do: [talk: "Nobody is here."]
    goto: end
"""


def test_a_connect_list_rings_one_after_another() -> None:
    call = ScriptedCall(load_flow(FIND_ME))
    heard = [call.said]
    for status in ("busy", "timeout", "failed"):
        call.dial(status)
        heard.append(call.said)

    assert [
        ["One moment.", "dials 447700900111"],
        ["dials 447700900112"],
        ["dials 447700900113"],
        ["Nobody is here."],
    ] == heard


COMPUTED = """
flow: test
default: true
start: ring
defaults: {on: {error: sorry}}
steps:
  ring:
    do: [connect: "{{ call.from }}"]
    on: {completed: end, otherwise: ring2}
  ring2:
    do: [connect: "{{ call.from }}"]
    on: {completed: end, otherwise: sorry}
  sorry:
    do: [talk: "Sorry."]
    goto: end
"""


def test_a_computed_number_is_only_dialled_when_it_is_allowed() -> None:
    refused = ScriptedCall(load_flow(COMPUTED))
    allowed = ScriptedCall(load_flow(COMPUTED), dial_allow=("4477",))

    assert ["Sorry."] == refused.said
    assert ["dials 447700900123"] == allowed.said


def test_a_call_may_only_dial_so_often() -> None:
    call = ScriptedCall(load_flow(COMPUTED), dial_allow=("44",), dial_limit=1)
    call.dial("busy")

    assert ["Sorry."] == call.said


CHECKPOINT = """
flow: test
default: true
start: terms
steps:
  terms:
    do:
      - talk: "These are the terms."
      - checkpoint: heard_terms
    on: {heard_terms: after}
  after:
    do:
      - talk: "Now the menu."
      - checkpoint: seen
      - talk: "Bye."
    goto: end
"""


def test_a_checkpoint_that_is_named_steers() -> None:
    call = ScriptedCall(load_flow(CHECKPOINT))
    call.reach("heard_terms")

    assert "Now the menu." == call.said[0]


def test_a_checkpoint_that_is_not_named_only_tells() -> None:
    call = ScriptedCall(load_flow(CHECKPOINT))
    call.reach("heard_terms")

    assert call.reach("seen") is None


def test_a_checkpoint_whose_body_cannot_be_read_goes_to_the_failsafe() -> None:
    call = ScriptedCall(load_flow(CHECKPOINT))
    call.send(None, kind="notify")

    assert call.turn.is_failsafe


def test_every_field_of_a_session_is_in_its_json(call: ScriptedCall) -> None:
    session = call.turn.session._replace(
        at="pin",
        callers=(Level("main", "hello", {"a": 1}, {}),),
        lookups={"customer": {"ok": True}},
        locale="fr",
        observers=(Observer(1, 0, "", "hello"),),
        parent="leg",
        returned="rejected",
    )
    kept = orjson.loads(to_json(session))

    assert set(session._fields) == set(kept)
    assert set(session.call._fields) == set(kept["call"])
    assert session == from_json(to_json(session))


TAILED = """
flow: test
default: true
start: ask
vars: {times: {type: int, default: 200}}
defaults: {retry: {then: sorry}, on: {error: sorry}}
steps:
  ask:
    do: [talk: "For sales press 1."]
    choices: {sales: {dtmf: 1, goto: sales}}
  sales:
    do: [talk: Sales.]
    goto: end
  sorry:
    do:
      - talk: {text: Sorry., level: "{{ times }}"}
      - connect: "447700900333"
    on: {completed: end, otherwise: end}
"""


ASKED = [["talk", "For sales press 1."], ["input", None], ["talk", "Please call again later."]]


def played(call: ScriptedCall) -> list[list[Any]]:
    return [[action["action"], action.get("text")] for action in call.ncco]


@pytest.mark.parametrize("called", ["442079460000", "1234", "999999", "sip:us@example.com"])
def test_a_tail_that_vonage_would_refuse_is_no_reason_not_to_ask(called: str) -> None:
    call = ScriptedCall(load_flow(TAILED), call=Call(to=called, from_number="447700900123", uuid="leg"))

    assert ASKED == played(call)
    assert "ask" == call.session.step
    assert [] == [line for line in call.turn.trace if line.did == "failed"]


def test_a_step_that_vonage_would_refuse_fails_whatever_stands_behind_it() -> None:
    flow = load_flow(TAILED.replace('talk: "For sales press 1."', 'talk: {text: Hi., level: "{{ times }}"}'))
    call = ScriptedCall(flow)

    assert [["talk", "Please call again later."]] == played(call)


def test_a_call_to_a_short_number_is_asked() -> None:
    flow = load_flow(TAILED.replace('level: "{{ times }}"', "level: 1"))
    call = ScriptedCall(flow, call=Call(to="1234", from_number="447700900123", uuid="leg"))

    assert ASKED == played(call)
