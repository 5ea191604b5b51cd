"""What callers and those who are dialled hear, and what they do not."""

from __future__ import annotations

import pytest

from tests.verify.prove.proved_flows import found, proof_of

DIAL = """  ring:
    do:
      - talk: "One moment."
      - connect: {{type: phone, number: "447700900111", onAnswer: {{run: whisper{tone}}}}}
    on: {{completed: end, otherwise: bye}}
"""
WHISPER = """flow: whisper
start: ask
outcomes: [taken, rejected]
defaults: {{talk: {{language: en-GB}}}}
steps:
  ask:
    do:
      - talk: "A call for you. Press 1 to take it."
{more}    choices: {{take: {{dtmf: 1, goto: {{return: taken}}}}}}
    retry: {{noinput: ["Press 1."], tries: {tries}, then: {{return: rejected}}}}
"""
TONE = ", ringbackTone: https://example.com/ring.mp3"
PLAYS = """  menu:
    do:
      - talk: "Press 1 to hold."
    choices: {{hold: {{dtmf: 1, goto: hold}}}}
  hold:
    do:
      - talk: "Please hold."
      - {plays}
    {ends}
"""


def whispered(tone: str, more: str, tries: int) -> set[tuple[str, str]]:
    return found(proof_of(DIAL.format(tone=tone), whisper=WHISPER.format(more=more, tries=tries)))


@pytest.mark.parametrize(
    ("tone", "more", "tries", "wrong"),
    [
        ("", "", 2, set()),
        ("", "", 6, {("silence", "ring")}),
        (TONE, "", 6, set()),
        ("", "      - wait: 30\n", 1, {("silence", "ring"), ("silent_party", "ask")}),
        (TONE, "      - wait: 30\n", 1, {("silent_party", "ask")}),
    ],
)
def test_nobody_is_left_in_silence_while_the_other_party_is_asked(
    tone: str, more: str, tries: int, wrong: set[tuple[str, str]]
) -> None:
    assert wrong == whispered(tone, more, tries)


@pytest.mark.parametrize(
    "plays", ["stream: {streamUrl: [https://example.com/a.mp3], loop: 0}", "talk: {text: Hold on., loop: 0}"]
)
def test_what_is_played_for_ever_leads_nowhere(plays: str) -> None:
    assert {("trap", "hold")} == found(proof_of(PLAYS.format(plays=plays, ends="goto: end")))


def test_what_is_played_until_a_key_is_pressed_leads_on() -> None:
    plays = "stream: {streamUrl: [https://example.com/a.mp3], loop: 0, bargeIn: true}"

    assert set() == found(proof_of(PLAYS.format(plays=plays, ends="choices: {out: {dtmf: 1, goto: bye}}")))


def test_a_meeting_that_never_begins_is_told_once() -> None:
    steps = "  hello:\n    do:\n      - conversation: {name: room, startOnEnter: false}\n    goto: end\n"

    assert {("silence", "hello"), ("unreachable", "bye")} == found(proof_of(steps))


def test_what_is_heard_when_something_fails_is_no_prompt_of_the_flow() -> None:
    steps = """  menu:
    do:
      - talk: "Press 1."
    choices: {one: {dtmf: 1, goto: bye}}
    retry: {tries: 1, then: bye}
"""

    assert set() == found(proof_of(steps, "limits: {prompt_seconds: 2}\n"))


QUEUE = """  wait:
    lookup: it
    do:
      - talk: "Please hold."
    hold: {until: it.free, up_to: 1m}
    on: {ready: ring, too_long: bye}
  ring:
    do:
      - connect: "447700900111"
    on: {completed: end, otherwise: wait}
"""
COUNTED = """  wait:
    set: {n: "{{ n + 1 }}"}
    branch:
      - if: n > 3
        goto: bye
      - else: ring
  ring:
    do:
      - talk: "Please hold."
      - connect: "447700900111"
    on: {completed: end, otherwise: wait}
"""


def test_who_is_rung_again_and_again_comes_to_the_error_exit_and_round_no_more() -> None:
    proof = proof_of(QUEUE, 'lookups: {it: {get: "https://example.com/it", returns: {free: bool}}}\n')
    fault = next(each for each in proof.violations if each.kind == "error_exit")

    assert {("error_exit", "ring")} == found(proof)
    assert "R102" in fault.message
    assert 10 == sum(edge.dials for edge in proof.space.first_path_to(fault.transition))
    assert ("test", "sorry") in proof.entered


def test_who_is_rung_a_few_times_is_not() -> None:
    assert set() == found(proof_of(COUNTED, "vars: {n: {type: int}}\n"))


@pytest.mark.parametrize("detected", ["human", "machine", "beep"])
def test_whom_machine_detection_has_judged_is_joined_when_its_line_ends(detected: str) -> None:
    steps = f"""  ring:
    do:
      - talk: "One moment."
      - connect: "447700900111"
    on: {{completed: end, {detected}: end, otherwise: bye}}
"""

    assert set() == found(proof_of(steps))
