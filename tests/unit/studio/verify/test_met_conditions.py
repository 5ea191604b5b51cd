"""`ncco check` finds mistakes in lines that only some results, calls and inputs lead to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent
from typing import Any, Final

import pytest
import yaml

from ncco_server.flow.loader import load
from ncco_studio.verify.prove import SearchLimits, prove
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import project_of

pytestmark = pytest.mark.usefixtures("small_heap")
WRITTEN: Final[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("met_conditions.yaml").read_text())
HANDLER: Final = """
@call_flow(default=True)
async def shop(call: Call):
    await call.talk("Hello.")
"""
RECORD: Final = 'r = await call.run(find, "1")'
BODIES: Final = WRITTEN["bodies"] | {
    name: f'{case.get("given", RECORD)}\nif {case["if"]}:\n    {{}}["x"]'
    for name, case in WRITTEN["conditions"].items()
}


@each_case("body", BODIES.values(), ids=BODIES.keys())
def test_a_sample_meets_the_condition(body: str) -> None:
    code = WRITTEN["code"] + HANDLER + indent(body, "    ")
    (line,) = [number for number, text in enumerate(code.splitlines(), 1) if '{}["x"]' in text]

    assert ("E703", line) in [(each.code, each.place.line) for each in project_of(code).issues]


MONDAY: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
FLOW: Final = """
flow: main
default: true
lookups: {one: {get: "https://example.com/one", returns: {kind: bool, size: int}}}
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
