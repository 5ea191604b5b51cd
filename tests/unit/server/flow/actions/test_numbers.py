from __future__ import annotations

from ncco_server.flow.actions.connect import ConnectPart
from tests.support.cases import each_case
from tests.unit.server.flow.loading_flows import codes_of, flow_of

HEAD = """
vars:
  agents: {type: list, default: ["447700900111"]}
  agent: {type: phone, default: "447700900111"}
  flags: {type: list, default: []}
lookups:
  oncall:
    get: "https://crm.example.com/oncall"
    returns:
      phones: [phone]
      texts: [text]
      flags: [bool]
      people: [{name: text, number: phone}]
      tier: [a, b]
      desk: ["447700900111", "447700900222"]
    default: {tier: a, desk: "447700900111"}
"""


def steps(connect: str, lines: str = "{completed: end, otherwise: end}") -> str:
    return f"""
hello:
  lookup: oncall
  do:
    - connect: {connect}
  on: {lines}
"""


def targets_of(connect: str) -> list[bool]:
    """For each target, whether it is a list of numbers."""
    part = flow_of(steps(connect), HEAD).steps["hello"].parts[0]
    assert isinstance(part, ConnectPart)
    return [target.numbers is not None for target in part.targets]


@each_case(
    ("connect", "lists"),
    [
        ('"{{ agents }}"', [True]),
        ('"{{ oncall.phones }}"', [True]),
        ('"{{ oncall.texts }}"', [True]),
        ('{number: "{{ oncall.phones }}", timeout: 15, dtmfAnswer: "1"}', [True]),
        ('{type: phone, number: "{{ oncall.phones }}"}', [True]),
        ('"{{ [agent, call.from] }}"', [True]),
        ('["{{ agent }}", "{{ oncall.phones }}", "447700900222"]', [False, True, False]),
        ('"{{ agent }}"', [False]),
        ('"{{ agents | first }}"', [False]),
        ('"{{ call.custom_data.number }}"', [False]),
        ('"44{{ agent }}"', [False]),
        ('"{{ agent }}{{ agent }}"', [False]),
    ],
)
def test_a_list_is_recognised_by_its_type(connect: str, lists: list[bool]) -> None:
    assert lists == targets_of(connect)


def test_otherwise_catches_the_empty_list_though_every_failure_has_a_line() -> None:
    lines = "{completed: end, busy: end, timeout: end, unanswered: end, rejected: end, failed: end, otherwise: end}"

    assert [] == codes_of(steps('"{{ oncall.phones }}"', lines), HEAD)
    assert ["W267"] == codes_of(steps('["447700900111", "447700900222"]', lines), HEAD)
