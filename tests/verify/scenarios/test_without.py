"""`expect: {without: ..}`: what must not befall a caller."""

from __future__ import annotations

import pytest

from tests.verify.scenarios.playing import run

FLOW = """
flow: shop
default: true
start: menu
defaults:
  talk: {language: en-GB}
  retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], tries: 2, then: bye}
  on: {error: sorry}
steps:
  menu:
    do: [{talk: "Press one, two or three."}]
    choices:
      dial: {dtmf: 1, goto: dial}
      still: {dtmf: 2, goto: still}
      code: {dtmf: 3, goto: code}
      out: {dtmf: 4, goto: end}
      round: {dtmf: 5, goto: round}
      counted: {dtmf: 6, goto: counted}
  dial:
    do: [{talk: "One moment."}, {connect: "447700900111"}]
    on: {completed: end, busy: end, otherwise: bye}
  still:
    do: [{talk: "Wait."}, {wait: 30}]
    goto: bye
  code:
    do: [{talk: "You are number {{ call.custom_data.number }}."}]
    goto: bye
  round:
    do: [{stream: "https://example.com/music.mp3"}]
    hold: {until: 'call.from == "1"', up_to: 20m}
    on: {ready: bye, too_long: again}
  again:
    do: [{talk: "Still busy."}, {checkpoint: told}]
    on: {told: round}
  counted:
    do: [{talk: "A longer text that takes a while to say, so that somebody may lose patience with it."}]
    goto: menu
  bye:
    do: [{talk: "Goodbye."}]
    goto: end
  sorry:
    do: [{talk: "Something went wrong."}]
    goto: end
"""


def messages(script: str, without: str) -> list[str]:
    suite = run(FLOW, f"a call:\n  script: {script}\n  expect: {{without: {without}}}\n")
    told = [issue.message for issue in suite.issues]
    return told or [difference.message for difference in suite.results[0].differences]


@pytest.mark.parametrize(
    ("script", "without", "told"),
    [
        ("[press: 1, dial: busy]", "dead_end", "dead_end: the call ends, and the caller has heard nothing since"),
        ("[press: 2]", "silence", "silence: nothing is heard for 30.0 seconds"),
        ("[press: 2]", "{silence: 29s}", "silence: nothing is heard for 30.0 seconds"),
        ("[press: 6]", "{prompt_seconds: 4}", "prompt_seconds: the caller listens for 8.8 seconds, and 4 are the most"),
        ("[press: 6]", "{steps: 2}", "steps: the call enters 3 steps, and 2 are the most"),
        ("[press: 1]", "{menu_options: 5}", 'menu_options: the menu "menu" has 6 choices, and 5 are the most'),
        ("[press: 4]", "{seconds_to_person: 1}", "seconds_to_person: nobody is rung for 2.2 s, and 1 s is the most"),
        ("[press: 5]", "circle", "circle: the call goes on for ever when nobody does anything more"),
    ],
)
def test_a_fault_that_happens_is_told(script: str, without: str, told: str) -> None:
    assert [told] == messages(script, without)


def test_an_error_exit_is_told_with_its_step_and_reason() -> None:
    (told,) = messages("[press: 3]", "error_exit")

    assert told.startswith('error_exit: step "code" takes its error exit: E391 ')


@pytest.mark.parametrize(
    ("script", "without"),
    [
        ("[press: 1, dial: completed]", "[dead_end, silence, error_exit]"),
        ("[press: 1, dial: timeout]", "dead_end"),
        ("[press: 4]", "dead_end"),
        ("[press: 2]", "{silence: 31s}"),
        ("[press: 6]", "{prompt_seconds: 9, steps: 3, menu_options: 6, seconds_to_person: 60}"),
        ("[press: 1, dial: busy]", "[error_exit, invalid_ncco, refused_ncco, circle]"),
        ("[hangup]", "[dead_end, silent_fault, lost_webhook]"),
    ],
)
def test_what_does_not_happen_is_not_told(script: str, without: str) -> None:
    assert [] == messages(script, without)


def test_a_word_that_is_no_fault_is_told_with_what_was_meant() -> None:
    assert ['`without` cannot be "dead_ends"'] == messages("[press: 4]", "dead_ends")
    assert ['`without` has no "dead_end"'] == messages("[press: 4]", "{dead_end: 3}")


WHISPER = """
flow: shop
default: true
start: ring
defaults: {talk: {language: en-GB}, on: {error: sorry}}
steps:
  ring:
    do: [{talk: "One moment."}, {connect: {number: "447700900111", onAnswer: {run: whisper}}}]
    on: {completed: end, otherwise: sorry}
  sorry:
    do: [{talk: "Call {{ call.custom_data.number }} later."}]
    goto: end
"""
ASKED = """
flow: whisper
outcomes: [accepted, rejected]
start: ask
defaults: {talk: {language: en-GB}}
steps:
  ask:
    do: [{wait: 6}, {talk: "A call. Press 1."}]
    choices: {take: {dtmf: 1, goto: {return: accepted}}}
    retry: {tries: 1, then: {return: rejected}}
"""


@pytest.mark.parametrize(
    ("dial", "without", "told"),
    [
        ("{presses: 1}", "{silent_party: 5s}", ["silent_party: of the other party, nothing is heard for 6.0 seconds"]),
        ("{presses: 1}", "{silent_party: 7s}", []),
        ("{presses: 1}", "[silent_party, failsafe]", []),
        ("busy", "silent_party", ["the caller hears the failsafe: nothing of the flow could be played"]),
    ],
)
def test_a_party_that_is_called_can_be_spared_silence(dial: str, without: str, told: list[str]) -> None:
    text = f"a call:\n  script: [dial: {dial}]\n  expect: {{without: {without}}}\n"
    suite = run(WHISPER, text, whisper=ASKED)

    assert told == [each.message.partition(" (")[0] for each in suite.results[0].differences]


def test_who_does_without_the_failsafe_is_told_of_it_once() -> None:
    text = "a call:\n  script: [dial: busy]\n  expect: {without: failsafe}\n"
    (told,) = run(WHISPER, text, whisper=ASKED).results[0].differences

    assert told.message.startswith("failsafe: the failsafe is all that is heard: ")
