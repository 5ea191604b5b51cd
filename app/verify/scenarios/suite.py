"""All scenarios of a project, played one after another and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.flow.issues import Issue, by_place
from app.verify.coverage import Coverage, Tally
from app.verify.scenarios.checks import check_expectations
from app.verify.scenarios.files import ScenarioFile
from app.verify.scenarios.fitting import named
from app.verify.scenarios.model import Scenario
from app.verify.scenarios.result import Difference, Result
from app.verify.scenarios.stage import Stage
from app.verify.scenarios.values import ScenarioReader
from app.verify.scenarios.without import check_without

Rename: TypeAlias = Callable[[str], str]
"""Names a file of a flow as the reader can open it."""


@dataclass(frozen=True, slots=True)
class Suite:
    """What came of the scenarios of a project.

    Attributes:
        issues: of the scenario files, sorted by place; a scenario with an error is not played.
        left_out: how many scenarios a filter has left out.
        rename: a file of a flow, as the reader can open it.
    """

    files: tuple[ScenarioFile, ...]
    issues: tuple[Issue, ...]
    results: tuple[Result, ...]
    coverage: Coverage
    left_out: int = 0
    rename: Rename = str

    @property
    def differing(self) -> tuple[Result, ...]:
        """The scenarios that do not hold."""
        return tuple(result for result in self.results if not result.holds)

    @property
    def has_errors(self) -> bool:
        """Whether a file has an error."""
        return any(issue.is_error for issue in self.issues)


def fitted(stage: Stage, files: Sequence[ScenarioFile]) -> tuple[tuple[Scenario, ...], tuple[Issue, ...]]:
    """The scenarios of some files that can be played, and every issue of them; none of a file with an error."""
    ready, issues = list[Scenario](), list[Issue]()
    for file in files:
        issues += file.issues
        for scenario in file.scenarios:
            reader = ScenarioReader()
            fit = stage.fit(scenario, reader)
            issues += reader.issues
            ready += [] if reader.issues or any(issue.is_error for issue in file.issues) else [fit]
    return tuple(ready), tuple(sorted(issues, key=by_place))


async def run_suite(
    stage: Stage,
    files: Sequence[ScenarioFile],
    words: str = "",
    *,
    leaves_open: bool = False,
    played: Callable[[Result], None] = lambda _: None,
    rename: Rename = str,
) -> Suite:
    """Play the scenarios of some files.

    Args:
        stage: where.
        files: as they were read.
        words: only those that hold each of these words in name or file; "" is all.
        leaves_open: whether a `hear` without a text is right, since it is written now.
        played: is told of each, as soon as it was played.
        rename: as in `Suite`.
    """
    ready, issues = fitted(stage, files)
    wanted = named(ready, words)
    tally, results = Tally(stage.flows), list[Result]()
    for scenario in wanted:
        result = await play(stage, scenario, leaves_open=leaves_open)
        tally.add(result)
        results.append(result)
        played(result)
    return Suite(tuple(files), issues, tuple(results), tally.coverage(), len(ready) - len(wanted), rename)


async def play(stage: Stage, scenario: Scenario, *, leaves_open: bool = False) -> Result:
    """Play one scenario, and hold it against what it expects."""
    result = await stage.play(scenario)
    if not leaves_open:
        message = "this `hear` has no text yet; `ncco test --update` writes what is heard"
        result.differences += [
            Difference(excerpt.place, message, found=found, at=result.seconds) for excerpt, found in result.heard
        ]
    happened = [] if result.differences else list(check_without(result, stage.flows))
    result.differences += check_expectations(result, is_explained=bool(happened))
    if not result.differences:
        result.differences += happened
    return result
