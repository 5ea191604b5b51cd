from __future__ import annotations

from tests.unit.server.flow.loading_flows import codes_of

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


def test_otherwise_catches_the_empty_list_though_every_failure_has_a_line() -> None:
    lines = "{completed: end, busy: end, timeout: end, unanswered: end, rejected: end, failed: end, otherwise: end}"

    assert [] == codes_of(steps('"{{ oncall.phones }}"', lines), HEAD)
    assert ["W267"] == codes_of(steps('["447700900111", "447700900222"]', lines), HEAD)
