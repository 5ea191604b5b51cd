"""Plays the scenarios of files, and checks their expectations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ncco_server.flow.issues import FlowIssue, by_place
from ncco_server.flow.nodes import Place
from ncco_server.service.phone_numbers import line_of
from ncco_studio.verify.coverage import Coverage, OutcomeCounter
from ncco_studio.verify.scenarios.expectations import check_expectations, check_without
from ncco_studio.verify.scenarios.files import ScenarioFile
from ncco_studio.verify.scenarios.fitting import named
from ncco_studio.verify.scenarios.model import Scenario
from ncco_studio.verify.scenarios.result import Difference, Result
from ncco_studio.verify.scenarios.stage import Stage
from ncco_studio.verify.scenarios.tables import check_tables
from ncco_studio.verify.scenarios.values import ScenarioReader


@dataclass(frozen=True, slots=True, repr=False)  # asyncio.run() builds the repr of its task's result
class Suite:
    """The results of the scenarios of a project.

    Attributes:
        issues: of the files, sorted by place; a scenario with an error is not played.
        left_out: the number of scenarios that were not selected.
    """

    files: tuple[ScenarioFile, ...]
    issues: tuple[FlowIssue, ...]
    results: tuple[Result, ...]
    coverage: Coverage
    left_out: int = 0

    @property
    def differing(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.holds)

    @property
    def unasked(self) -> Mapping[str, Place]:
        """The given answers that no scenario has used; unknown if some were left out."""
        given = {name: each.place for result in self.results for name, each in result.scenario.given.items()}
        asked = frozenset[str]().union(*(result.asked for result in self.results))
        return {} if self.left_out else {name: place for name, place in given.items() if name not in asked}

    @property
    def has_errors(self) -> bool:
        return any(issue.is_error for issue in self.issues)


def fitted(stage: Stage, files: Sequence[ScenarioFile]) -> tuple[tuple[Scenario, ...], tuple[FlowIssue, ...]]:
    ready = list[Scenario]()
    issues = list[FlowIssue]()
    for file in files:
        issues += file.issues
        for scenario in file.scenarios:
            reader = ScenarioReader()
            fit = stage.fit(scenario, reader)
            issues += reader.issues
            ready += [] if any(issue.is_error for issue in (*reader.issues, *file.issues)) else [fit]
    return tuple(ready), tuple(sorted(dict.fromkeys(issues), key=by_place))


async def run_suite(
    stage: Stage,
    files: Sequence[ScenarioFile],
    words: str = "",
    *,
    leaves_open: bool = False,
    played: Callable[[Result], None] = lambda _: None,
) -> Suite:
    """Play the scenarios whose name or file contains each of the `words`; "" plays all.

    `leaves_open` accepts a `hear` without a text, which is filled in afterwards.
    """
    ready, issues = fitted(stage, files)
    wanted = named(ready, words)
    tally = OutcomeCounter(stage.flows, stage.path_of)
    results = list[Result]()
    for scenario in wanted:
        result = await play(stage, scenario, leaves_open=leaves_open)
        tally.add(result)
        results.append(result)
        played(result)
    return Suite(tuple(files), issues, tuple(results), tally.coverage(stage.lines), len(ready) - len(wanted))


async def play(stage: Stage, scenario: Scenario, *, leaves_open: bool = False) -> Result:
    result = await stage.play(scenario)
    if not leaves_open:
        message = "this `hear` does not have a text yet; `ncco test --update` fills it in"
        result.differences += [
            Difference(excerpt.place, message, found=found, at=result.seconds) for excerpt, found in result.heard
        ]
    happened = [] if result.differences else list(check_without(result, stage.flows))
    result.differences += check_expectations(result, is_explained=bool(happened))
    if not result.differences:
        result.differences += check_tables(result, stage.tables, line_of(stage.flows))
    if not result.differences:
        result.differences += happened
    return result
