"""The parts of a `do`, read as the loader reads them, and the actions that they play."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import pytest

from ncco_server.errors import RenderError
from ncco_server.flow.actions.do import read_do
from ncco_server.flow.actions.part import Part
from ncco_server.flow.actions.waits import DialNeeds, InputNeeds
from ncco_server.flow.frame import Callback, Draft, Frame
from ncco_server.flow.grammar.reader import Resolver
from ncco_server.flow.nodes import Place
from ncco_server.flow.scope import Variable, scope_types
from ncco_server.flow.source import read_yaml
from ncco_server.flow.templates.parsing import Templates
from ncco_server.ncco.value_types import TYPES
from tests.support.cases import each_case

EXIT = Place("flows/test.yaml", 90, 5)
CALL = {
    "to": "442079460000",
    "from": "447700900123",
    "from_user": "",
    "uuid": "3f9a1c77d2e84b0c9a5566778899aabb",
    "conversation_uuid": "CON-1",
    "sip": {},
    "custom_data": {},
}
_VARIABLES = {
    name: Variable(name, TYPES[type_name], default, Place("flows/test.yaml", 1, 1))
    for name, type_name, default in (
        ("caller", "text", ""),
        ("agent", "phone", ""),
        ("seconds", "int", 0),
        ("flag", "bool", False),
    )
}
NAMES: Mapping[str, Any] = {"call": CALL, "caller": "Ann", "agent": "447700900999", "seconds": 7, "flag": True}


def read(do: str, document: str = "") -> tuple[tuple[Part, ...], Resolver]:
    """The parts of a `do`, whose template is `document`, and their reader with the issues."""
    node, issues = read_yaml("flows/test.yaml", dedent(do))
    assert not issues
    assert node is not None
    reader = Resolver(scope=scope_types(_VARIABLES), templates=Templates({"list.json.j2": document}))
    return read_do(node, reader), reader


def drafts(parts: tuple[Part, ...], position: int = 0) -> list[Draft]:
    return [draft for part in parts for draft in part.render(Frame(NAMES, position))]


def play(parts: tuple[Part, ...], position: int = 0) -> list[dict[str, Any]]:
    """The parts as NCCO actions."""
    return [draft.action for draft in drafts(parts, position)]


# prompts and the input after them


MENU = InputNeeds(("dtmf", "speech"), max_digits=1, context=("sales", "support"))
PIN = InputNeeds(("dtmf",), max_digits=8, ends_on_hash=True)


def asked(do: str, needs: InputNeeds) -> list[dict[str, Any]]:
    """The actions of a step that asks."""
    parts, reader = read(do)
    completed = needs.complete(parts, EXIT, reader)
    assert not reader.issues
    return play(completed)


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
    assert [{"action": "input", "type": ["speech"]}] == asked("[]", InputNeeds(("speech",)))


# dials


def dial(do: str, *names: str, completed_ends: bool = True) -> tuple[tuple[Part, ...], list[str]]:
    """The parts of a step whose `on` names these outcomes, and the code and place of each issue."""
    parts, reader = read(do, '[{"action": "wait"}]')
    completed = DialNeeds(frozenset(names), completed_ends).complete(parts, EXIT, reader)
    return completed, [f"{issue.code} {issue.place.line}:{issue.place.column}" for issue in reader.issues]


def dialled(do: str, *names: str) -> list[dict[str, Any]]:
    parts, faults = dial(do, *names)
    assert not faults
    return play(parts)


def test_only_the_next_target_is_dialled_after_a_failure() -> None:
    do = "- talk: One moment.\n- connect: [{user: ann}, {user: bob}]"
    parts, _ = dial(do, "completed", "otherwise", completed_ends=False)

    assert [0, 2, 0] == [len(part.targets) for part in parts]
    assert ["talk", "connect", "notify"] == [action["action"] for action in play(parts)]
    assert ["connect", "notify"] == [action["action"] for action in play(parts, 1)]
    assert [{"type": "app", "user": "bob"}] == play(parts, 1)[0]["endpoint"]


@each_case(
    ("fields", "names", "detection"),
    [
        ("", ("busy",), {}),
        ("", ("machine",), {"machineDetection": "continue"}),
        ("", ("human",), {"machineDetection": "continue"}),
        ("", ("beep",), {"advancedMachineDetection": {"behavior": "continue", "mode": "detect_beep"}}),
        ("", ("beep", "human"), {"advancedMachineDetection": {"behavior": "continue", "mode": "default"}}),
        ("machineDetection: continue", ("machine",), {"machineDetection": "continue"}),
        (
            "advancedMachineDetection: {beep_timeout: 60}",
            ("beep",),
            {"advancedMachineDetection": {"behavior": "continue", "mode": "detect_beep", "beep_timeout": 60}},
        ),
        ("machineDetection: hangup", ("busy",), {"machineDetection": "hangup"}),
    ],
)
def test_naming_its_outcomes_turns_on_machine_detection(
    fields: str, names: tuple[str, ...], detection: dict[str, Any]
) -> None:
    (action,) = dialled(f"- connect: {{user: ann}}\n  {fields}", *names)

    endpoint = [{"type": "app", "user": "ann"}]
    assert {"action": "connect", "endpoint": endpoint, "eventType": "synchronous", **detection} == action


def test_a_synchronous_connect_may_be_written() -> None:
    (action,) = dialled("- connect: {user: ann}\n  eventType: synchronous", "completed")

    assert "synchronous" == action["eventType"]


@each_case(
    ("do", "name", "fault"),
    [
        ("- talk: a", "busy", "E408 90:5"),
        ("- ncco: list.json.j2", "busy", "E408 90:5"),
        ("- connect: {user: a}\n- connect: {user: b}", "busy", "E408 2:3"),
        ("- connect: {user: a}\n- talk: b", "busy", "E408 2:3"),
        ("- checkpoint: heard\n- talk: b", "heard", "E403 2:3"),
        ("- connect: {user: a}\n  eventUrl: https://example.com", "busy", "E412 2:13"),
    ],
)
def test_an_outcome_that_never_comes_is_reported(do: str, name: str, fault: str) -> None:
    assert [fault] == dial(do, name)[1]


# documents that a template writes


ITEM = "- ncco: list.json.j2"


def test_actions_of_a_document_ask_for_their_webhooks() -> None:
    document = (
        '[{"action": "record"}, {"action": "conversation", "name": "a", "record": true}, '
        '{"action": "notify", "payload": {}}, {"action": "record", "eventUrl": ["https://example.com"]}, '
        '{"action": "input", "type": ["dtmf"], "mode": "asynchronous"}]'
    )
    found = drafts(read(ITEM, document)[0])

    assert [
        Callback("event", "record", steers=False),
        Callback("event", "conversation", steers=False),
        Callback("notify", "notify", steers=False),
        None,
        Callback("event", "input", steers=False),
    ] == [draft.callback for draft in found]


@each_case(
    ("endpoint", "dials"),
    [
        ('[{"type": "phone", "number": "{{ agent }}"}]', "447700900999"),
        ('{"type": "phone", "number": "{{ agent }}"}', "447700900999"),
        ('[{"type": "app", "user": "{{ caller }}"}]', ""),
        ('[{"type": "phone", "number": "447700900111"}]', ""),
        ('[{"type": "phone", "number": "{{ \'447700900999\' }}"}]', ""),
        ('[{"type": "sip", "uri": "sip:desk@pbx.example.com"}]', ""),
        ('[{"type": "sip", "user": "{{ agent }}", "domain": "pbx.example.com"}]', "sip:447700900999@pbx.example.com"),
        ("[]", ""),
    ],
)
def test_numbers_in_a_computed_document_are_checked_against_the_allow_list(endpoint: str, dials: str) -> None:
    document = '[{"action": "connect", "endpoint": ' + endpoint + '}, {"action": "talk", "text": "{{ caller }}"}]'
    found = drafts(read(ITEM, document)[0])

    assert [dials, ""] == [draft.dials for draft in found]


@each_case(
    ("document", "message"),
    [
        ("[{", "it is not JSON"),
        ("", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ('{"action": "talk"}', "it is not a JSON array"),
        ('["talk"]', "an entry of the array is not an action"),
        ('[{"action": "input", "type": ["dtmf"]}]', "its `input` has no `eventUrl`"),
    ],
)
def test_a_document_that_is_not_an_action_list_takes_the_error_exit(document: str, message: str) -> None:
    parts, reader = read(ITEM, document)
    assert not reader.issues

    with pytest.raises(RenderError, match=message) as caught:
        play(parts)
    assert ("E401", "flows/test.yaml:1:3") == (caught.value.code, caught.value.where)
