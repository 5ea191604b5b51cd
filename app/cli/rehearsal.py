"""Plays the scenarios that a proof writes: one that is kept has been seen to do what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.cli.server_under_test import make_app
from app.flow.model import Project
from app.verify.prove.counterexample import WrittenScenario, shortened, text_of
from app.verify.scenarios.model import read_scenarios
from app.verify.scenarios.result import Result
from app.verify.scenarios.runner import LocalStage, play
from app.verify.scenarios.script import HearStep
from app.verify.scenarios.values import Excerpt, ScenarioReader, UpperLimit

_FILE: Final = "rehearsal.yaml"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A scenario as it was played.

    Attributes:
        written: with what was heard, word for word.
        problem: why it does not do what it says; "" when it does.
        result: of the call; None when it could not be played.
    """

    written: WrittenScenario
    problem: str = ""
    result: Result | None = None


def rehearse(project: Project, scenarios: Iterable[WrittenScenario]) -> list[Rehearsed]:
    """Play each of them. One that expects to be without a fault has to differ by it, every other one has to hold."""

    async def play_all() -> list[Rehearsed]:
        stage = LocalStage(project, make_app)
        return [await _play(stage, each) for each in scenarios]

    return asyncio.run(play_all())


async def _play(stage: LocalStage, written: WrittenScenario) -> Rehearsed:
    """Calls that continue alike may have begun with different words, so what is heard is taken from the call."""
    (scenario,), _ = read_scenarios(_FILE, text_of([written]))
    reader = ScenarioReader()
    fitted = stage.fit(scenario, reader)
    if reader.issues:
        return Rehearsed(written, reader.issues[0].message)
    script = tuple(HearStep(texts=(Excerpt(None),)) if isinstance(step, HearStep) else step for step in fitted.script)
    result = await play(stage, fitted.model_copy(update={"script": script}), leaves_open=True)
    heard = replace(written, body=_with_heard(written.body, [text for _, text in result.heard]))
    return Rehearsed(heard, _problem(result, fitted.expect.without), result)


def _with_heard(body: Mapping[str, Any], heard: Sequence[str]) -> dict[str, Any]:
    """The script with what was heard in it; the words that were not heard any more stay."""
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
