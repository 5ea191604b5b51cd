from __future__ import annotations

from typing import Any

from ncco_server.flow.actions.waits import InputNeeds
from tests.support.cases import each_case
from tests.unit.server.flow.actions.reading_parts import ask, play

MENU = InputNeeds(("dtmf", "speech"), max_digits=1, context=("sales", "support"))
PIN = InputNeeds(("dtmf",), max_digits=8, ends_on_hash=True)


def asked(do: str, needs: InputNeeds, defaults: str = "") -> list[dict[str, Any]]:
    parts, faults = ask(do, needs, defaults)

    assert not faults
    return play(parts)


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
