"""Changing single values keeps every other character of a YAML text."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ncco_studio.editor.yaml_text import NoSuchValue, YamlText
from tests.support.cases import each_case

REPOSITORY = Path(__file__).parents[4]
FLOWS = sorted([*(REPOSITORY / "flows").glob("*.yaml"), *REPOSITORY.glob("examples/*/flows/*.yaml")])

TEXT = """\
# above
flow: shop   # its name
numbers: ["442079460000"]   # ours
hours:
  office:
    week: {mon-fri: 09:00-17:30, sat: 10:00-14:00}  # Sundays never
    override:
      2026-12-24: 09:00-12:00   # Christmas Eve
      2026-12-31: closed

steps:
  menu:
    do:
      - talk: >-
          For sales, press 1.
          For support, press 2.

      # then
      - talk: 'It''s "us".'
"""


def edited(path: str) -> tuple[YamlText, tuple[str, ...]]:
    return YamlText(TEXT), tuple(path.split("/"))


def changed_lines(after: str) -> tuple[list[str], list[str]]:
    """The removed lines and the new ones."""
    before, now = TEXT.split("\n"), after.split("\n")
    return [line for line in before if line not in now], [line for line in now if line not in before]


@each_case(
    ("path", "value", "gone", "new"),
    [
        ("flow", "store", ["flow: shop   # its name"], ["flow: store   # its name"]),
        ("flow", "a: b", ["flow: shop   # its name"], ['flow: "a: b"   # its name']),
        (
            "hours/office/week/mon-fri",
            "08:00-17:30",
            ["    week: {mon-fri: 09:00-17:30, sat: 10:00-14:00}  # Sundays never"],
            ["    week: {mon-fri: 08:00-17:30, sat: 10:00-14:00}  # Sundays never"],
        ),
        (
            "steps/menu/do/0/talk",
            "For sales, press 1. For help, press 2.",
            ["          For sales, press 1.", "          For support, press 2."],
            ["          For sales, press 1. For help, press 2."],
        ),
        ("steps/menu/do/1/talk", 'Say "hi"', ["      - talk: 'It''s \"us\".'"], ['      - talk: "Say \\"hi\\""']),
    ],
)
def test_only_the_given_value_is_replaced(path: str, value: str, gone: list[str], new: list[str]) -> None:
    text, where = edited(path)
    text.set(where, value)
    assert (gone, new) == changed_lines(text.text)
    assert value == text.node(where).value


@each_case(
    ("path", "key", "value", "gone", "new"),
    [
        ("hours/office/override", "2027-01-01", "closed", [], ["      2027-01-01: closed"]),
        (
            "hours/office/week",
            "sun",
            "closed",
            ["    week: {mon-fri: 09:00-17:30, sat: 10:00-14:00}  # Sundays never"],
            ["    week: {mon-fri: 09:00-17:30, sat: 10:00-14:00, sun: closed}  # Sundays never"],
        ),
        (
            "numbers",
            "",
            '"442079460001"',
            ['numbers: ["442079460000"]   # ours'],
            ['numbers: ["442079460000", "442079460001"]   # ours'],
        ),
        ("steps/menu/do", "", "talk: Bye.", [], ["      - talk: Bye."]),
    ],
)
def test_an_entry_is_added_after_the_last_one(path: str, key: str, value: str, gone: list[str], new: list[str]) -> None:
    text, where = edited(path)
    text.add(where, key, value)
    assert (gone, new) == changed_lines(text.text)


@each_case(
    ("path", "gone", "new"),
    [
        ("hours/office/override/2026-12-24", ["      2026-12-24: 09:00-12:00   # Christmas Eve"], []),
        ("hours/office/override/2026-12-31", ["      2026-12-31: closed"], []),
        (
            "hours/office/week/sat",
            ["    week: {mon-fri: 09:00-17:30, sat: 10:00-14:00}  # Sundays never"],
            ["    week: {mon-fri: 09:00-17:30}  # Sundays never"],
        ),
        (
            "hours/office/week/mon-fri",
            ["    week: {mon-fri: 09:00-17:30, sat: 10:00-14:00}  # Sundays never"],
            ["    week: {sat: 10:00-14:00}  # Sundays never"],
        ),
        ("numbers/0", ['numbers: ["442079460000"]   # ours'], []),
    ],
)
def test_an_entry_is_removed_with_its_line(path: str, gone: list[str], new: list[str]) -> None:
    text, where = edited(path)
    text.remove(where)
    assert (gone, new) == changed_lines(text.text)


def test_an_unknown_path_is_refused() -> None:
    text, where = edited("steps/nobody")
    with pytest.raises(NoSuchValue):
        text.set(where, "x")
    assert TEXT == text.text


def scalars(node: yaml.Node | None, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of all texts."""
    if isinstance(node, yaml.MappingNode):
        return [found for key, value in node.value for found in scalars(value, (*path, key.value))]
    if isinstance(node, yaml.SequenceNode):
        return [found for number, item in enumerate(node.value) for found in scalars(item, (*path, str(number)))]
    return [path]


SPOKEN = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=120)


@given(st.sampled_from(FLOWS), st.data(), SPOKEN)
def test_any_text_of_any_flow_can_be_replaced_with_any_value(file: Path, data: st.DataObject, value: str) -> None:
    text = YamlText(file.read_text(encoding="utf-8"))
    paths = scalars(yaml.compose(text.text, yaml.CSafeLoader))
    path = data.draw(st.sampled_from(paths))
    others = [other for other in paths if other != path]
    before = [text.node(other).value for other in others]

    text.set(path, value)

    assert value == text.node(path).value
    assert before == [text.node(other).value for other in others]
