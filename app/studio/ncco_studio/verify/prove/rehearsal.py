"""Plays a proof's scenarios before they are shown or written: the simulator must agree with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ncco_server.desk.transcript import CallLine
from ncco_server.flow.model import Project
from ncco_studio.verify.coverage import OutcomeCounter
from ncco_studio.verify.handler_lines import LineTrace
from ncco_studio.verify.outcomes import FlowOutcome, outcomes_of
from ncco_studio.verify.played_lines import result_lines
from ncco_studio.verify.prove.counterexample import counter_example, covering, shortened
from ncco_studio.verify.prove.proof import FlowVerdict, Proof, outlined
from ncco_studio.verify.prove.properties import Violation
from ncco_studio.verify.scenarios.files import WrittenScenario
from ncco_studio.verify.scenarios.model import read_scenarios
from ncco_studio.verify.scenarios.result import Result
from ncco_studio.verify.scenarios.runner import play
from ncco_studio.verify.scenarios.script import HearStep
from ncco_studio.verify.scenarios.stage import LocalStage, PathOf
from ncco_studio.verify.scenarios.values import Excerpt, ScenarioReader, UpperLimit


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A played scenario.

    Attributes:
        written: the scenario with the prompts that were heard.
        problem: why it did not have the expected result, or "".
        result: None if the call could not be played.
    """

    written: WrittenScenario
    problem: str = ""
    result: Result | None = None

    @property
    def call(self) -> tuple[CallLine, ...]:
        return tuple(result_lines(self.result)) if self.result is not None else ()


def confirmed(project: Project, proof: Proof, path_of: PathOf = str) -> FlowVerdict:
    """Violations that the simulator does not reproduce are left out and stop the proof."""
    first = dict[tuple[str, ...], Violation]()
    for violation in proof.violations:
        first.setdefault(violation.key, violation)
    calls = {key: call for key, each in first.items() if (call := counter_example(proof, each)) is not None}
    simulated = replace(project, flows={name: outlined(flow) for name, flow in project.flows.items()})
    played = dict(zip(calls, rehearse(simulated, calls.values(), path_of), strict=True))
    found = []
    stopped = ""
    for key, each in first.items():
        example = played.get(key)
        shown = each.found(proof.flow.name)
        if example is not None:
            shown = replace(shown, example=example.written, call=example.call)
        if example is None or not example.problem:
            found.append(shown)
        elif not stopped:
            where = f"{path_of(each.place.file)}:{each.place.line}"
            stopped = f"{where}: the simulator does not reproduce {each.kind}: {example.problem}"
    stopped = proof.verdict.stopped or stopped
    return replace(proof.verdict, violations=tuple(found), stopped=stopped)


def coverings(project: Project, proofs: Iterable[Proof]) -> tuple[dict[str, list[Rehearsed]], list[FlowOutcome]]:
    """Scenarios that cover all outcomes, by flow; and outcomes still missing after playing them.

    The first flow that reaches an outcome covers it. An outcome is missing if a proof reaches it, but no played
    scenario did.
    """
    played: dict[str, list[Rehearsed]] = {}
    taken: set[tuple[str, str, str]] = set()
    for proof in proofs:
        flows = [proof.flow, *proof.flow.subs.values()]
        wanted = {(each.flow, each.step, each.name) for flow in flows for each in outcomes_of(flow)} - taken
        played[proof.flow.name] = rehearse(project, covering(proof, wanted))
        taken |= wanted & proof.taken
    counter = OutcomeCounter(project.flows.values())
    for each in (scenario for scenarios in played.values() for scenario in scenarios):
        if each.result is not None and not each.problem:
            counter.add(each.result)
    return played, [outcome for outcome in counter.coverage(LineTrace()).missing if outcome[:3] in taken]


def rehearse(project: Project, scenarios: Iterable[WrittenScenario], path_of: PathOf = str) -> list[Rehearsed]:
    """Each scenario must hold, but one that expects `without` a fault must show that fault."""

    async def play_all() -> list[Rehearsed]:
        stage = LocalStage(project, path_of=path_of)
        return [await _play(stage, scenario) for scenario in scenarios]

    log = logging.getLogger("ncco_server.service")  # of exceptions, which the proof reports
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        return asyncio.run(play_all())
    finally:
        log.setLevel(level)


async def _play(stage: LocalStage, written: WrittenScenario) -> Rehearsed:
    """Write the heard prompts into the scenario, since similar calls can start differently."""
    (scenario,), _ = read_scenarios("rehearsal.yaml", written.text)
    reader = ScenarioReader()
    fitted = stage.fit(scenario, reader)
    if reader.issues:
        return Rehearsed(written, reader.issues[0].message)
    script = tuple(HearStep(texts=(Excerpt(None),)) if isinstance(step, HearStep) else step for step in fitted.script)
    result = await play(stage, replace(fitted, script=script), leaves_open=True)
    heard = replace(written, body=_with_heard(written.body, [text for _, text in result.heard]))
    return Rehearsed(heard, _problem(result, fitted.expect.without), result)


def _with_heard(body: Mapping[str, Any], heard: Sequence[str]) -> dict[str, Any]:
    """A `hear` that the call did not reach keeps its text."""
    texts = iter(heard)
    script = [
        {"hear": shortened(next(texts, step["hear"]))} if isinstance(step, dict) and "hear" in step else step
        for step in body["script"]
    ]
    return {**body, "script": script}


def _problem(result: Result, without: Mapping[str, UpperLimit]) -> str:
    first = next(iter(result.differences), None)
    fault = next(iter(without), "")
    if first is None:
        return f"{fault} does not happen" if fault else ""
    return "" if fault and first.fault == fault else first.message
