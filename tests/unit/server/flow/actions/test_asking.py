from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ncco_server.flow.actions.waits import InputNeeds
from ncco_server.flow.frame import Callback
from tests.support.cases import each_case
from tests.unit.server.flow.actions.reading_parts import ask, drafts, play

MENU = InputNeeds(("dtmf", "speech"), max_digits=1, context=("sales", "support"))
MENU_INPUT = {"type": ["dtmf", "speech"], "dtmf": {"maxDigits": 1}, "speech": {"context": ["sales", "support"]}}
PIN = InputNeeds(("dtmf",), max_digits=8, ends_on_hash=True)
PIN_INPUT = {"type": ["dtmf"], "dtmf": {"maxDigits": 8, "submitOnHash": True}}


def asked(do: str, needs: InputNeeds, defaults: str = "") -> list[dict[str, Any]]:
    parts, faults = ask(do, needs, defaults)

    assert not faults
    return play(parts)


def test_an_input_is_appended_for_the_question() -> None:
    assert [
        {"action": "talk", "text": "Sales or support?", "bargeIn": True},
        {"action": "input", **MENU_INPUT},
    ] == asked("- talk: Sales or support?", MENU)


def test_an_input_alone_is_made_for_a_step_that_plays_nothing() -> None:
    assert [{"action": "input", **PIN_INPUT}] == asked("", PIN)


@pytest.mark.parametrize("sensitive", [True, False])
def test_the_input_waits_for_the_answer(sensitive: bool) -> None:
    parts, _ = ask("- talk: Your PIN, please", replace(PIN, is_sensitive=sensitive))

    assert Callback("input", "input", steers=True, sensitive=sensitive) == drafts(parts)[-1].callback


def test_settings_written_on_an_input_win() -> None:
    do = """
        - input: {type: [dtmf, speech], dtmf: {maxDigits: 3, timeOut: "{{ seconds }}"}, speech: {language: fr-FR}}
        - talk: Nobody answered.
    """

    assert [
        {
            "action": "input",
            "type": ["dtmf", "speech"],
            "dtmf": {"maxDigits": 3, "timeOut": 7},
            "speech": {"context": ["sales", "support"], "language": "fr-FR"},
        },
        {"action": "talk", "text": "Nobody answered."},
    ] == asked(do, MENU)


def test_a_computed_setting_is_left_to_the_call() -> None:
    do = "- input: {dtmf: {maxDigits: '{{ seconds }}', submitOnHash: '{{ flag }}'}}"

    assert [{"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 7, "submitOnHash": True}}] == asked(do, PIN)


@each_case(
    ("do", "barging"),
    [
        ("- talk: a\n- talk: b", [True, True]),
        ("- stream: https://e.example/a.mp3\n- talk: b", [None, True]),
        ("- talk: a\n- stream: https://e.example/a.mp3", [None, True]),
        ("- talk: a\n- wait: 1\n- talk: b", [None, None, True]),
        ("- talk: a\n- wait: 1", [None, None]),
        ("- talk: a\n- talk: b\n  bargeIn: false", [None, False]),
        ("- talk: a\n- talk: b\n  bargeIn: true", [True, True]),
        ("- talk: a\n  bargeIn: false\n- talk: b", [False, True]),
        ("- connect: {user: a}", [None]),
    ],
)
def test_the_prompts_before_the_input_can_be_interrupted(do: str, barging: list[bool | None]) -> None:
    assert barging == [action.get("bargeIn") for action in asked(do, PIN)[:-1]]


def test_free_speech_needs_no_settings() -> None:
    assert [{"action": "input", "type": ["speech"]}] == asked("", InputNeeds(("speech",)))


@each_case(
    ("do", "fault"),
    [
        ("- input: {eventUrl: https://example.com/a}", "E412 1:21"),
        ("- input: {eventMethod: GET}", "E412 1:24"),
        ("- input: {mode: asynchronous}", "E406 1:17"),
        ("- input: {type: [dtmf]}", "E406 1:17"),
        ("- input: {dtmf: {maxDigits: 2}}", "E406 1:29"),
        ("- input: {dtmf: {submitOnHash: true}}", "E406 1:32"),
        ("- input: {}\n- input: {}", "E407 2:3"),
    ],
)
def test_a_written_input_may_not_contradict_the_exit(do: str, fault: str) -> None:
    needs = InputNeeds(("dtmf", "speech"), max_digits=3, context=("a",), hash_chooses=True)

    _, (found,) = ask(do, needs)
    assert found.startswith(fault)
