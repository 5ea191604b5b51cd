from __future__ import annotations

import pytest

from app.flow.actions.do import KINDS
from app.ncco.actions import ACTIONS
from tests.flow.parts.reading_parts import faults_of, read


def test_every_action_of_the_ncco_is_a_kind() -> None:
    assert {*ACTIONS, "checkpoint", "ncco"} == {kind.word for kind in KINDS}


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ("- talk", 'E402 1:3 "talk" stands alone | write `- talk:` and its value behind the colon'),
        ("- record", 'E402 1:3 "record" stands alone | write `- record: true`'),
        ("- talk Hello", "E402 1:3 a colon is missing behind `talk` | write `- talk: Hello`"),
        ("- hangup", 'E402 1:3 an item of `do` is the text "hangup", not an action | give the step `goto: end`: '),
        ("- Hello there", 'E402 1:3 an item of `do` is the text "Hello there", not an action | '),
        ("- [talk]", "E402 1:3 an item of `do` is a list, not an action | "),
        ("- Action: talk\n  text: a", 'E402 1:3 "Action" names no action | write `action` in small letters'),
        ("- style: 1\n  tlak: a", 'E402 2:3 there is no action "tlak" | did you mean "talk"?'),
        ("- if: x", 'E402 1:3 there is no action "if" | decide with `branch` in a step of its own'),
        ("- {}", "E402 1:3 an item of `do` is empty | "),
        ("- tlak: Hello", 'E402 1:3 there is no action "tlak" | did you mean "talk"?'),
        ("- say: Hello", 'E402 1:3 there is no action "say" | write `talk` instead'),
        ("- language: en\n  Say: Hello", 'E402 2:3 there is no action "Say" | write `talk` instead'),
        (
            "- conference: weekly\n  record: true\n  endOnExit: true",
            'E402 1:3 there is no action "conference" | write `conversation` instead',
        ),
        ("- hangup: now", 'E402 1:3 there is no action "hangup" | give the step `goto: end`: '),
        ("- {action: hangup}", 'E402 1:12 there is no action "hangup" | give the step `goto: end`: '),
        ("- {action: tlak, text: a}", 'E402 1:12 there is no action "tlak" | did you mean "talk"?'),
        ("- {action: ncco, file: a}", 'E402 1:12 there is no action "ncco" | '),
        ("- {action: [talk]}", "E201 1:12 action is a list | "),
        (
            "- {action: talk, talk: a}",
            "E403 1:18 `action: talk` and `talk:` stand in one item | keep one of the two spellings",
        ),
        (
            "- talk: a\n  wait: 1",
            "E403 2:3 `talk` and `wait` stand in one item | write each action behind a dash of its own",
        ),
        ("- goto: menu", "E403 1:3 `goto` belongs to the step, not into `do` | move `goto` to the left, under `do`"),
        (
            "- talk: a\n  goto: menu",
            "E403 2:3 `goto` belongs to the step, not into `talk` | move `goto` to the left, under `do`",
        ),
    ],
)
def test_an_item_that_is_no_action_is_cured(item: str, fault: str) -> None:
    (found,) = faults_of(item)

    assert found.startswith(fault)


def test_a_long_text_is_shortened_in_the_report() -> None:
    (found,) = faults_of(f"- {'a' * 100}")

    assert f'E402 1:3 an item of `do` is the text "{"a" * 39}…", not an action' == found.partition(" | ")[0]


@pytest.mark.parametrize(
    ("do", "fault"),
    [
        ("talk: Hello", "E201 1:1 `do` is a map | "),
        ("Hello", "E201 1:1 `do` is a text | "),
    ],
)
def test_do_is_a_list(do: str, fault: str) -> None:
    (found,) = faults_of(do)

    assert found.startswith(fault)


def test_the_other_items_are_read_beside_a_faulty_one() -> None:
    parts, faults = read("- tlak: a\n- talk: b\n- talk: c\n  styel: 1")

    assert ["E402", "E202"] == [fault[:4] for fault in faults]
    assert 2 == len(parts)
