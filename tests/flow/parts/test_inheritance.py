from __future__ import annotations

import pytest

from app.flow.actions.do import read_do
from app.flow.actions.item import check_defaults
from tests.flow.parts.reading_parts import a_reader, ask, defaults_of, nodes, shown


@pytest.mark.parametrize(
    ("defaults", "faults"),
    [
        ("talk: {language: en-GB, style: 2}\nconnect: {timeout: 20}\ntransfer: {conversation_id: CON-1}", []),
        ("talk: {styl: 2}", ['E202 1:8 talk has no "styl" | did you mean "style"?']),
        ("wait: {timeout: [1]}", ["E201 1:17 `timeout` of wait is a list | write a text here"]),
    ],
)
def test_defaults_are_checked_though_nothing_is_played(defaults: str, faults: list[str]) -> None:
    reader = a_reader()
    check_defaults(defaults_of(defaults), reader)

    assert faults == shown(reader)


def test_the_defaults_of_connect_cannot_name_an_endpoint() -> None:
    reader = a_reader()
    check_defaults(defaults_of("connect: {endpoint: {type: app, user: ann}}"), reader)

    assert ['E202 1:11 connect has no "endpoint"'] == [fault.partition(" | ")[0] for fault in shown(reader)]


def test_a_faulty_default_is_one_fault_however_often_it_is_used() -> None:
    reader = a_reader()
    defaults = defaults_of("talk: {styl: 2}")
    check_defaults(defaults, reader)
    read_do(nodes("- talk: a\n- talk: b"), reader, defaults)

    assert 1 == len(reader.issues)


def test_a_faulty_default_of_an_input_is_reported() -> None:
    _, faults = ask("", {"type": ["dtmf"]}, "input: {tpye: dtmf}")

    assert ['E202 1:9 input has no "tpye" | did you mean "type"?'] == faults


def test_equal_faults_of_different_items_both_count() -> None:
    reader = a_reader()
    read_do(nodes("- talk: a\n  styl: 1\n- talk: b\n  styl: 1"), reader, {})

    assert 2 == len(reader.issues)
