"""`ncco check` finds mistakes in lines that only some results, calls and inputs lead to."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Any, Final

import yaml

from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import project_of

WRITTEN: Final[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("met_conditions.yaml").read_text())
HANDLER: Final = """
@call_flow(default=True)
async def shop(call: Call):
    await call.talk("Hello.")
"""
RECORD: Final = 'r = await call.run(find, "1")'
BODIES: Final = WRITTEN["bodies"] | {
    name: f'{case.get("given", RECORD)}\nif {case["if"]}:\n    await call.tlak("Hello.")'
    for name, case in WRITTEN["conditions"].items()
}


@each_case("body", BODIES.values(), ids=BODIES.keys())
def test_a_sample_meets_the_condition(body: str) -> None:
    code = WRITTEN["code"] + HANDLER + indent(body, "    ")
    (line,) = [number for number, text in enumerate(code.splitlines(), 1) if "tlak" in text]

    assert ("E703", line) in [(each.code, each.place.line) for each in project_of(code).issues]
