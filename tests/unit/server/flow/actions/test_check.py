from __future__ import annotations

from collections.abc import Mapping

from ncco_server.flow.actions.check import check_step
from ncco_server.flow.actions.do import read_do
from ncco_server.flow.actions.waits import DialNeeds
from tests.support.cases import each_case
from tests.unit.server.flow.actions.reading_parts import EXIT, a_reader, nodes


def faults(do: str, *, goes_on: bool = False, templates: Mapping[str, str] | None = None) -> list[str]:
    """The issues of a step that plays this, as `code line:column message`."""
    reader = a_reader(templates)
    parts = read_do(nodes(do), reader)

    assert not reader.issues
    issues = check_step(parts, reader.scope, goes_on=goes_on)
    return [f"{issue.code} {issue.place.line}:{issue.place.column} {issue.message}" for issue in issues]


@each_case(
    ("do", "fault"),
    [
        ("- talk: a\n  level: 3", "E401 2:10 3 is not between -1 and 1."),
        ("- talk: a\n- record: {timeOut: 1}", "E401 2:21 1 is not between 3 and 7200."),
        ("- talk: {language: en-GB}", "E401 1:3 talk needs text."),
        ("- talk: '<speak>Hello'", "E401 1:22 "),
        ("- talk: '<speak>{{ call.from_user | spoken }} <break></speak>'", "E401 1:9 "),
        ("- talk: '<speak>{{ call.custom_data.ref | digits }} & co</speak>'", "E401 1:9 "),
        ("- talk: 'At {{ call.from_user | in_zone(\"Europe/London\") | spoken }} <break/>'", "E401 1:9 "),
        ("- talk: '{{ call.custom_data.count | int + 1 }} <break/>'", "E401 1:9 "),
        ("- talk: a\n  language: en-XX", "W401 2:13 "),
        ("- record: {channels: 2, timeOut: 9}", "E401 1:"),
        ("- notify: {a: b}\n- transfer: CON-1\n- talk: a", "E401 3:3 "),
        ("- talk: a\n- talk: b\n  loop: 0\n- talk: c", "E401 4:3 A talk before this one loops forever, "),
    ],
)
def test_breaking_a_rule_is_reported_at_its_field(do: str, fault: str) -> None:
    (found,) = faults(do)

    assert found.startswith(fault)


@each_case(
    "do",
    [
        "- talk: '{{ caller }}'\n  language: '{{ caller }}'\n  level: '{{ seconds }}'\n  style: '{{ seconds }}'",
        "- talk: '{{ call.custom_data.missing }}'",
        "- talk: '<speak>Hello {{ caller }}</speak>'",
        "- connect: '{{ agent }}'\n  timeout: '{{ seconds }}'",
        "- connect: {type: sip, uri: 'sip:{{ call.sip[\"X-To\"] }}@pbx.example.com'}",
        "- notify: {caller: '{{ caller }}', list: [1, '{{ seconds }}']}",
        "- stream: '{{ site }}'",
        "- stream: '{{ env.CDN }}/a.mp3'",
        "- conversation: room\n  canHear: ['{{ call.custom_data.leg }}']",
        "- connect: '{{ caller }}'",
        "- conversation: room\n  mute: '{{ caller }}'\n  canHear: ['{{ flag }}']",
        "- record: {}",
    ],
)
def test_values_known_only_in_a_call_are_not_reported(do: str) -> None:
    assert [] == faults(do + "\n- talk: a")


@each_case(
    ("do", "found"),
    [
        ("- talk: a\n  bargeIn: true", ["E401 2:12 "]),
        ("- record: {}", ["W401 1:3 "]),
        ("- transfer: CON-1", []),
        ("- talk: a\n  loop: 0", []),
    ],
)
def test_a_step_at_the_end_of_a_call_is_checked_alone(do: str, found: list[str]) -> None:
    assert found == [" ".join(fault.split(" ")[:2]) + " " for fault in faults(do)]


@each_case(
    ("do", "found"),
    [
        ("- talk: a\n  bargeIn: true", []),
        ("- talk: a\n  bargeIn: true\n- wait: 1", ["E401 2:12 "]),
        ("- record: {}", []),
        ("- transfer: CON-1", ["E401 1:3 "]),
        ("- talk: a\n  loop: 0", ["W401 1:3 "]),
    ],
)
def test_a_step_that_continues_is_checked_with_an_action_after_it(do: str, found: list[str]) -> None:
    assert found == [" ".join(fault.split(" ")[:2]) + " " for fault in faults(do, goes_on=True)]


@each_case(
    ("document", "found"),
    [
        ('[{"action": "talk", "text": "a"}, {"action": "notify", "payload": {}}]', []),
        ('[{"action": "talk", "text": "{{ caller }}"}]', []),
        ('[{"action": "talk", "text": "{{ call.custom_data.missing }}"}]', []),
        ("{{ caller | int }}", []),
        ('[{"action": "tlak"}]', ["E401 1:13"]),
        ('[{"action": "tlak", "text": "{{ caller }}"}]', ["W401 1:13"]),
        ("[}", ["E413 1:2 "]),
        ('[{"action": "talk", "text": "{{ caller }}"}', ["W413 1:9 "]),
    ],
)
def test_a_document_is_checked_with_sample_values(document: str, found: list[str]) -> None:
    shown = faults("- ncco: list.json.j2", templates={"list.json.j2": document})

    assert found == [fault[: len(start)] for fault, start in zip(shown, found, strict=True)]


def test_each_target_of_a_list_is_checked_with_sample_values() -> None:
    reader = a_reader()
    parts = read_do(nodes("- talk: a\n- connect: [{user: ann}, {user: bob, timeout: 900}]\n  limit: 9000"), reader)
    dialling = DialNeeds(frozenset({"completed"}), completed_ends=False).complete(parts, EXIT, reader)

    issues = check_step(dialling, reader.scope, goes_on=False)
    assert [("E401", 2, 47), ("E401", 3, 10)] == sorted((i.code, i.place.line, i.place.column) for i in issues)


def test_lists_of_different_lengths_are_checked_to_their_ends() -> None:
    reader = a_reader()
    item = "- connect: '447700900111'\n- connect: [{user: ann}, {user: bob, timeout: 900}]\n  limit: 9000"
    parts = read_do(nodes(item), reader)

    issues = check_step(parts, reader.scope, goes_on=True)
    assert {("E401", 2), ("E401", 3)} == {(issue.code, issue.place.line) for issue in issues if issue.is_error}
