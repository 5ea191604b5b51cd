"""All scenarios of a project, played one after another and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.flow.issues import Issue, by_place
from app.flow.model import Flow
from app.verify.coverage import Coverage, Tally
from app.verify.scenarios.checks import check_expectations
from app.verify.scenarios.files import ScenarioFile
from app.verify.scenarios.fitting import named
from app.verify.scenarios.model import Scenario
from app.verify.scenarios.reader import Reader
from app.verify.scenarios.result import Difference, Result
from app.verify.scenarios.telling import Rename
from app.verify.scenarios.without import check_without


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


class AnyStage(Protocol):
    """Where scenarios are played.

    Attributes:
        flows: whose outcomes are counted; () when nobody knows them.
    """

    @property
    def flows(self) -> tuple[Flow, ...]:
        """See the attribute."""

    def fit(self, scenario: Scenario, reader: Reader) -> Scenario:
        """The scenario as it can be played; `reader` takes what is wrong with it."""

    async def play(self, scenario: Scenario) -> Result:
        """Play one scenario from ringing to the last webhook."""


def fitted(stage: AnyStage, files: Sequence[ScenarioFile]) -> tuple[tuple[Scenario, ...], tuple[Issue, ...]]:
    """The scenarios of some files that can be played, and every issue of them; none of a file with an error."""
    ready, issues = list[Scenario](), list[Issue]()
    for file in files:
        issues += file.issues
        for scenario in file.scenarios:
            reader = Reader()
            fit = stage.fit(scenario, reader)
            issues += reader.issues
            ready += [] if reader.issues or any(issue.is_error for issue in file.issues) else [fit]
    return tuple(ready), tuple(sorted(issues, key=by_place))


async def run_suite(
    stage: AnyStage,
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


async def play(stage: AnyStage, scenario: Scenario, *, leaves_open: bool = False) -> Result:
    """Play one scenario, and hold it against what it expects."""
    result = await stage.play(scenario)
    if not leaves_open:
        result.differences += [_open(result, number) for number in range(len(result.heard))]
    befallen = [] if result.differences else list(check_without(result, stage.flows))
    result.differences += check_expectations(result, is_told=bool(befallen))
    if not result.differences:
        result.differences += befallen
    return result


def _open(result: Result, number: int) -> Difference:
    """A `hear` that nobody has written yet."""
    hear, found = result.heard[number]
    message = "this `hear` has no text yet; `ncco test --update` writes what is heard"
    return Difference(hear.place, message, found=found, at=result.seconds)
