"""The scenarios on the pages pass with the flows on the pages, and the reference describes each of their keys."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ncco_server.flow.loader import load
from ncco_studio.verify.scenarios.files import ScenarioFile
from ncco_studio.verify.scenarios.model import Expect, Scenario, ScenarioCall, read_scenarios
from ncco_studio.verify.scenarios.runner import run_suite
from ncco_studio.verify.scenarios.script import FAULTS, OUTCOMES, STEPS, ScriptedParty
from ncco_studio.verify.scenarios.stage import LocalStage
from tests.support.cases import each_case
from tests.system.docs.blocks import blocks_of
from tests.system.docs.headings import section, things_of

PAGE = "docs/reference/scenarios.md"
BLOCKS = [block for block in blocks_of(PAGE) if block.title.startswith("tests/scenarios/")]


@each_case("block", BLOCKS, ids=[block.title for block in BLOCKS])
def test_the_scenarios_of_the_page_pass(block: object) -> None:
    flows = {each.title: each.code for each in blocks_of(PAGE) if each.title.startswith("flows/")}
    (shown,) = [each for each in BLOCKS if each is block]
    scenarios, issues = read_scenarios(shown.title, shown.code)
    file = ScenarioFile(Path(shown.title), shown.title, shown.code, scenarios, tuple(issues))
    suite = asyncio.run(run_suite(LocalStage(load(flows, {})), [file]))

    assert () == suite.issues
    assert [] == [(result.scenario.name, result.differences) for result in suite.differing]


def test_every_key_has_its_heading() -> None:
    assert {*Scenario.words(), *STEPS} - {"script"} == {*things_of(PAGE, "")}


def test_the_keys_within_a_key_are_reported() -> None:
    dial, expect, fault = (section(PAGE, f"### `{word}`") for word in ("dial", "expect", "fault"))

    assert [] == [word for word in (*ScriptedParty.words(), *OUTCOMES) if f"`{word}`" not in dial]
    assert [] == [word for word in Expect.words() if f"| `{word}` |" not in expect]
    assert [] == [word for word in FAULTS if f"`{word}`" not in fault]
    assert {*ScenarioCall.words()} <= {*things_of(PAGE, "The call")}
