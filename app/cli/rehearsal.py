"""Plays the scenarios that a proof writes: one that is kept has been seen to do what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.cli.server_under_test import make_app
from app.flow.model import Project
from app.verify.prove.counterexample import Written, shortened, text_of
from app.verify.scenarios.model import Hear
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
        result: of the call; None when it could not be played.
    """

    written: Written
    problem: str = ""
    result: Result | None = None


def rehearse(project: Project, scenarios: Iterable[Written]) -> list[Rehearsed]:
    """Play each of them. One that expects to be without a fault has to differ by it, every other one has to hold."""

    async def play_all() -> list[Rehearsed]:
        stage = Stage(project, make_app)
        return [await _play(stage, each) for each in scenarios]

    return asyncio.run(play_all())


async def _play(stage: Stage, written: Written) -> Rehearsed:
    """Calls that continue alike may have begun with different words, so what is heard is taken from the call."""
    (scenario,), _ = read_scenarios(_FILE, text_of([written]))
    reader = Reader()
    fitted = stage.fit(scenario, reader)
    if reader.issues:
        return Rehearsed(written, reader.issues[0].message)
    script = tuple(replace(step, text=None) if isinstance(step, Hear) else step for step in fitted.script)
    result = await play(stage, replace(fitted, script=script), leaves_open=True)
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


def _problem(result: Result, without: Mapping[str, float]) -> str:
    message = next((difference.message for difference in result.differences), "")
    fault = next(iter(without), None)
    if fault is None:
        return message
    if not message:
        return f"{fault} does not happen"
    return "" if message.startswith(f"{fault}: ") else message
