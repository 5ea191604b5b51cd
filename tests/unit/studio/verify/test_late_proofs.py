"""A proof looks at the time in each turn, not only in each state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from ncco_server.flow.loader import load
from ncco_studio.verify.prove import SearchLimits, prove

MONDAY: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
FLOW: Final = """
flow: main
default: true
lookups:
  one: {get: "https://example.com/one", returns: {kind: bool, size: int}}
start: first
steps:
  first:
    lookup: one
    do: [talk: "{{ one.kind }} {{ one.size }}"]
    branch: [{if: one.kind and one.size > 3, goto: end}, {else: end}]
"""


def test_a_proof_without_time_plays_one_turn() -> None:
    project = load({"flows/main.yaml": FLOW}, {}, extent="project")
    assert not project.has_errors, project.issues

    proof = prove(project.flows["main"], MONDAY, bounds=SearchLimits(seconds=0))

    assert ("0 seconds", 1) == (proof.space.stopped, len(proof.space.transitions))
