from __future__ import annotations

from tests.unit.server.flow.loading_flows import codes_of

HEAD = """
lookups:
  oncall: {get: "https://crm.example.com/oncall", returns: {phones: [phone]}, default: {phones: []}}
"""


def steps(connect: str, lines: str) -> str:
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
