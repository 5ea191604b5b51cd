"""Plays what a proof would write, before it is written: a scenario that is kept has been seen to do what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.cli.jobs.server_under_test import make_app
from app.flow.model import Project
from app.verify.prove.scenario import Written, shortened, text_of
from app.verify.scenarios.model import Hear, Scenario
from app.verify.scenarios.reader import Reader
from app.verify.scenarios.reading import read_scenarios
from app.verify.scenarios.result import Result
from app.verify.scenarios.stage import Stage
from app.verify.scenarios.suite import play

_FILE: Final = "rehearsal.yaml"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A scenario as it was played.

    Attributes:
        written: with what was heard, word for word.
        problem: why it does not do what it says; "" when it does.
        result: what came of it; None when it could not be played.
    """

    written: Written
    problem: str = ""
    result: Result | None = None


def rehearse(project: Project, scenarios: Iterable[Written]) -> list[Rehearsed]:
    """Play each of them. One that expects to be spared a fault has to differ by it, every other one has to hold."""
    return asyncio.run(_rehearse(project, scenarios))


async def _rehearse(project: Project, scenarios: Iterable[Written]) -> list[Rehearsed]:
    stage = Stage(project, make_app)
    return [await _play(stage, each) for each in scenarios]


async def _play(stage: Stage, written: Written) -> Rehearsed:
    """What is heard is taken from the call: calls that go on alike may have come to be so by different words."""
    (scenario,), _ = read_scenarios(_FILE, text_of([written]))
    reader = Reader()
    fitted = stage.fit(scenario, reader)
    if reader.issues:
        return Rehearsed(written, reader.issues[0].message)
    result = await play(stage, _open(fitted), leaves_open=True)
    heard = replace(written, body=_told(written.body, [text for _, text in result.heard]))
    return Rehearsed(heard, _problem(result, fitted.expect.without), result)


def _open(scenario: Scenario) -> Scenario:
    """The same scenario, which hears whatever comes."""
    script = tuple(replace(step, text=None) if isinstance(step, Hear) else step for step in scenario.script)
    return replace(scenario, script=script)


def _told(body: Mapping[str, Any], heard: Sequence[str]) -> dict[str, Any]:
    """The script with what was heard in it; what was not heard any more is left as it stands."""
    texts = iter(heard)
    script = [
        {"hear": shortened(next(texts, step["hear"]))} if isinstance(step, dict) and "hear" in step else step
        for step in body["script"]
    ]
    return {**body, "script": script}


def _problem(result: Result, without: Mapping[str, float]) -> str:
    first = next(iter(result.differences), None)
    told = "" if first is None else first.message
    spared = next(iter(without), None)
    if spared is None:
        return told
    if first is None:
        return f"{spared} does not happen"
    return "" if told.startswith(f"{spared}: ") else told
