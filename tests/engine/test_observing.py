"""Whom a flow tells: of steps, of recordings, of callers who hang up."""

from __future__ import annotations

from typing import Any

from app.engine import TurnContext, WaitRef, hang_up, observe
from app.flow.language.hooks import Hook
from app.ncco.webhooks import recognise
from tests.engine.scripted_call import FAILSAFE, NOON, ScriptedCall, link, load_flow, load_flows, mask

SURVEY = """
flow: survey
default: true
start: hello
vars: {score: {type: int}}
hooks:
  began: {post: "https://crm.example.com/began", json: {score: "{{ score }}", at: "{{ step }}"}}
  saved: {post: "https://crm.example.com/saved", json: {url: "{{ event.recording_url }}", flow: "{{ flow }}"}}
  left: {post: "https://crm.example.com/left", json: {step: "{{ step }}", score: "{{ score }}"}}
events: {hangup: left}
steps:
  hello:
    set: {score: 3}
    send: began
    do: [{talk: "To leave a message, press 1."}]
    choices: {message: {dtmf: 1, goto: {run: voicemail}}, ask: {dtmf: 2, goto: question}}
    retry: {then: end}
  question:
    run: asked
    on: {return: end}
"""
VOICEMAIL = """
flow: voicemail
start: message
hooks:
  saved: {post: "https://crm.example.com/saved", json: {url: "{{ event.recording_url }}", flow: "{{ flow }}"}}
steps:
  message:
    do:
      - talk: "Please speak."
      - record: {endOnSilence: 4}
    events: {record: saved}
    goto: more
  more:
    do: [{talk: "For more, press 1."}]
    choices: {more: {dtmf: 1, goto: bye}}
    retry: {then: end}
  bye:
    do: [{talk: "Bye."}]
    goto: end
"""
ASKED = """
flow: asked
start: ask
steps:
  ask:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: return}}
    retry: {then: return}
"""
RECORDED = recognise({"recording_url": "https://api.nexmo.com/v1/files/a", "recording_uuid": "r", "size": "1"})
COMPLETED = recognise({"status": "completed", "uuid": "u", "direction": "inbound"})


def survey() -> ScriptedCall:
    return ScriptedCall(load_flows({"survey": SURVEY, "voicemail": VOICEMAIL, "asked": ASKED}, "survey"))


def around() -> TurnContext:
    return TurnContext(now=NOON, link=link, mask=mask, failsafe=FAILSAFE)


def told(hooks: tuple[Any, ...]) -> list[tuple[str, object]]:
    return [(hook.name, hook.json) for hook in hooks if isinstance(hook, Hook)]


def test_a_step_tells_once_it_is_entered_with_what_it_has_set() -> None:
    assert [("began", {"score": 3, "at": "hello"})] == told(survey().turn.hooks)


def test_a_repeated_prompt_tells_nobody_again() -> None:
    caller = survey()
    caller.silence()

    assert () == caller.turn.hooks


def test_a_recording_is_told_by_the_flow_that_made_it() -> None:
    caller = survey()
    caller.press("1")
    hooks = observe(caller.flow, caller.session, WaitRef("event", "x", 2, 0), RECORDED, around())

    assert [("saved", {"url": "https://api.nexmo.com/v1/files/a", "flow": "voicemail"})] == told(hooks)


def test_a_recording_that_comes_turns_later_is_told_all_the_same() -> None:
    caller = survey()
    caller.press("1")
    caller.press("1")
    hooks = observe(caller.flow, caller.session, WaitRef("event", "x", 2, 0), RECORDED, around())

    assert ["saved"] == [name for name, _ in told(hooks)]
    assert 3 == caller.session.turn


def test_what_no_line_names_is_told_to_nobody() -> None:
    caller = survey()
    caller.press("1")
    ringing = observe(caller.flow, caller.session, WaitRef("event", "x", 2, 0), COMPLETED, around())
    unknown = observe(caller.flow, caller.session, WaitRef("event", "x", 9, 9), RECORDED, around())

    assert ((), ()) == (ringing, unknown)


def test_a_caller_who_hangs_up_in_the_middle_is_told_of() -> None:
    caller = survey()

    assert [("left", {"step": "hello", "score": 3})] == told(hang_up(caller.flow, caller.session, COMPLETED, around()))


def test_a_caller_who_hangs_up_in_another_flow_is_told_of_by_the_one_that_waits() -> None:
    caller = survey()
    caller.press("2")

    assert [("left", {"step": "question", "score": 3})] == told(
        hang_up(caller.flow, caller.session, COMPLETED, around())
    )


def test_nobody_is_told_that_a_call_is_over_that_has_come_to_its_end() -> None:
    caller = survey()
    caller.press("2")
    caller.press("1")

    assert () == hang_up(caller.flow, caller.session, COMPLETED, around())


def test_nobody_is_told_of_a_caller_who_hangs_up_where_no_flow_says_so() -> None:
    caller = ScriptedCall(load_flow(QUIET))

    assert () == hang_up(caller.flow, caller.session, recognise({"status": "completed"}), caller._surroundings())


def test_nobody_is_told_of_a_wait_that_is_not_known() -> None:
    caller = ScriptedCall(load_flow(QUIET))
    ref = WaitRef("event", caller.session.id, 7, 0)

    assert () == observe(caller.flow, caller.session, ref, recognise({"status": "busy"}), caller._surroundings())


QUIET = """
flow: test
default: true
start: a
steps:
  a:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: end}}
    retry: {then: end}
"""
