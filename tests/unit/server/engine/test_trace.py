"""What the trace of a turn says."""

from __future__ import annotations

from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

MENU = """
flow: menu
default: true
start: menu
steps:
  menu:
    do: [talk: Press 1 or say one.]
    choices: {one: {dtmf: 1, speech: one, goto: menu}}
    retry: {noinput: [Pardon?], nomatch: [Pardon?], then: end}
"""


def test_the_trace_says_whether_keys_or_speech_were_heard() -> None:
    call = ScriptedCall(load_flow(MENU))
    call.press("1")
    heard = [*call.turn.trace]
    call.speak(("one", 0.9))
    heard += call.turn.trace
    call.silence()

    assert ["keys", "speech", ""] == [line.by for line in (*heard, *call.turn.trace) if line.did == "heard"]
