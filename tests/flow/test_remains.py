"""What is told of a file beside the lines that YAML cannot read."""

from __future__ import annotations

import pytest

from app.flow.loader import load

FLOW = """\
flow: shop
entry: true
start: menu
steps:
  menu:
    do:
      - talk: "Press 1."
        loop: 2
    choices:
      sales: {dtmf: 1, goto: sales}
    retry: {then: sales}
  sales:
    branch:
      - if: input.digits == "1"
        goto: bye
      - else: bye
  bye:
    do:
      - talk: "Goodbye {{ call.from }}."
    goto: end
"""


def told(*changes: tuple[str, str]) -> list[str]:
    """Line and code of each issue of the flow with these changes."""
    text = FLOW
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return [f"{issue.place.line} {issue.code}" for issue in load({"flows/shop.yaml": text}).issues]


UNCLOSED = ("retry: {then: sales}", "retry: {then: sales")
MISPLACED = ("    retry: {then: sales}", "     retry: {then: sales}")


@pytest.mark.parametrize("unread", [UNCLOSED, MISPLACED])
def test_a_line_that_cannot_be_read_is_told_alone(unread: tuple[str, str]) -> None:
    assert 1 == len(told(unread))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (("goto: bye", "goto: byebye"), "15 E214"),
        (("call.from", "call.form"), "19 E304"),
        (("call.from", "caller"), "19 E303"),
        (('"1"\n', "1\n"), "14 E307"),
        (("loop: 2", "loop: -2"), "8 E401"),
        (("dtmf: 1", "dtmf: one"), "10 E232"),
        (("entry: true", "entry: yes"), "2 E203"),
        (("goto: bye", "goto: [bye]"), "15 E201"),
        (("goto: bye", "goto:"), "15 E103"),
    ],
)
def test_what_is_wrong_by_itself_is_told_beside_it(fault: tuple[str, str], code: str) -> None:
    assert sorted(["11 E115", code]) == sorted(told(MISPLACED, fault))


def test_what_is_empty_since_its_line_is_lost_is_not_told() -> None:
    assert ["21 E114"] == told(("    goto: end", "    goto:\n      [end"))
    assert ["21 E124"] == told(("    goto: end", "    goto:\n      : end"))


def test_what_is_empty_at_the_end_is_told() -> None:
    assert ["11 E115", "20 E103"] == told(MISPLACED, ("    goto: end\n", "    goto:"))


def test_a_block_in_the_wrong_column_is_told_once() -> None:
    changes = (('    do:\n      - talk: "Good', '  do:\n      - talk: "Good'), ("    goto: end", "     goto: end"))

    assert ["20 E115"] == told(*changes)


def test_nothing_is_told_of_a_line_that_is_not_there() -> None:
    assert ["20 E124", "20 E114"] == told(("    goto: end\n", "    ? goto: {\n"))


def test_an_empty_item_of_a_list_is_told_once() -> None:
    assert ["11 E115", "16 E103"] == told(MISPLACED, ("      - else: bye", "      -"))


def test_an_unknown_word_is_told_where_the_columns_are_sure() -> None:
    word = ("    goto: end", "    gotoo: end")

    assert ["11 E114", "20 E202"] == told(UNCLOSED, word)
    assert ["11 E115"] == told(MISPLACED, word)


def test_what_a_lost_line_may_declare_is_not_missed() -> None:
    assert ["12 E116"] == told(("  sales:\n", "  sales:{\n"), ("dtmf: 1, goto: sales", "dtmf: 1, goto: bye"))
    assert ["17 E115"] == told(("  bye:\n", " bye:\n"))


def test_tabs_leave_nothing_sure() -> None:
    assert ["11 E110"] == told(("    retry", "\tretry"), ("goto: bye", "goto: byebye"))


def test_nothing_is_left_of_a_file_that_is_too_long() -> None:
    assert ["1 E119"] == told(("flow: shop", f"flow: shop  # {'x' * 600_000}"))
