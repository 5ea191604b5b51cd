"""Plays scenarios on the real server of a project in this process, or on a server at a URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final, TypeAlias

import httpx

from app.flow.issues import Issue, by_place
from app.flow.language.reader import Reader
from app.flow.model import Flow, Project
from app.service.calls import LookUp
from app.simulator import Application
from app.verify.coverage import Coverage, Tally
from app.verify.scenarios.caller import Caller, parties_of
from app.verify.scenarios.expectations import check_expectations, check_without
from app.verify.scenarios.files import ScenarioFile
from app.verify.scenarios.fitting import AnyCall, Fitting, named
from app.verify.scenarios.model import ANY_NUMBER, AT, Scenario, ScenarioCall
from app.verify.scenarios.result import Difference, Result
from app.verify.scenarios.script import EventStep, FaultStep, ScriptStep
from app.verify.scenarios.server import (
    Answers,
    Circumstances,
    LocalCall,
    LocalServer,
    MakeApp,
    Outside,
    PlacedCall,
    advice_of,
    lookups_of,
    ring_url,
    stand_ins,
)
from app.verify.scenarios.values import ScenarioReader

DECIDED: Final = frozenset({"error_exit", "invalid_ncco", "failsafe", "steps", "menu_options"})
"""What of `without` only the trace of a flow shows."""
_SHOWS_NOT: Final = "a server at a URL does not show it"
_OWN_SETTINGS: Final = "the server has its own"


class LocalStage:
    """Plays the scenarios of one project, one after another.

    Args:
        project: without errors.
        make_app: see there.
        dial_allow: prefixes of computed numbers that may be dialled, where a scenario does not say.
        outside: None: no request leaves the process; every variable that a scenario does not give has a stand-in, and
            every lookup without an answer its default. Also an attribute.
        chaos: a seed of bad luck on the network, the same for each scenario. How long a call lasts and which hooks are
            sent is not judged then, and scenarios that order their own faults have no other. None: nothing goes wrong.
    """

    def __init__(
        self,
        project: Project,
        make_app: MakeApp,
        dial_allow: tuple[str, ...] = (),
        *,
        outside: Outside | None = None,
        chaos: int | None = None,
    ) -> None:
        self.flows: tuple[Flow, ...] = tuple(project.flows.values())
        self._fitting = Fitting(self.flows)
        self._lookups = lookups_of(self.flows)
        self._project = project
        self._make_app = make_app
        self._dial_allow = dial_allow
        self.outside = outside
        self._chaos = chaos
        self._env = stand_ins(self.flows) if outside is None else outside.env
        self._played: dict[str, int] = {}
        self._servers: dict[tuple[str, ...], LocalServer] = {}

    def fit(self, scenario: Scenario, reader: Reader) -> Scenario:
        """The scenario as it can be played; `reader` takes what is wrong with it."""
        return self._fitting.fit(scenario, reader)

    def fit_call(self, call: AnyCall, reader: Reader) -> AnyCall:
        """The call with its number and flow; `reader` takes what is wrong with it."""
        return self._fitting.fit_call(call, reader)

    async def play(self, scenario: Scenario) -> Result:
        """Play one scenario from ringing to the last webhook."""
        began = time.perf_counter()
        met = _circumstances(scenario, self._chaos)
        result = Result(scenario if met.chaos is None else _judged(scenario, seconds=None, hooks=None))
        answers = Answers(scenario.given, self._lookups, self.outside.look_ups() if self.outside else None)
        line = await self.ring(
            scenario,
            met,
            look_up=answers.ask,
            env=scenario.env,
            dial_allow=scenario.dial_allow,
            seed=self._seed(scenario),
        )
        await _play(scenario, line, result)
        result.notes = (*result.log, *line.complaints, *answers.notes)
        if self.outside is not None:
            problems = [(hook.name, await self.outside.post(hook)) for hook in result.hooks]
            result.notes += tuple(f"the hook {name} was not sent: {problem}" for name, problem in problems if problem)
        result.took_s = time.perf_counter() - began
        return result

    async def ring(
        self,
        call: ScenarioCall,
        met: Circumstances,
        *,
        look_up: LookUp,
        env: Mapping[str, str],
        dial_allow: tuple[str, ...] | None = None,
        seed: str,
        **options: float,
    ) -> LocalCall:
        """Place a call.

        Args:
            call: with its number and flow.
            met: the parties and the network.
            look_up: answers its lookups.
            env: variables of flows, over the usual ones.
            dial_allow: prefixes of computed numbers; None: those of the stage.
            seed: decides its ids.
            **options: those of `AsgiServer`.
        """
        allowed = self._dial_allow if dial_allow is None else dial_allow
        if allowed not in self._servers:
            self._servers[allowed] = LocalServer(self._project, self._make_app, allowed)
            await self._servers[allowed].start()
        server = self._servers[allowed]
        server.env.clear()
        server.env.update({**self._env, **env})
        server.look_up = look_up
        return await server.ring(call, self.flows, met, seed, **options)

    def _seed(self, scenario: Scenario) -> str:
        """Of the ids of its calls: the same in every run, and another one each time that it is played in this one."""
        name = f"{scenario.place.file}:{scenario.name}"
        self._played[name] = self._played.get(name, 0) + 1
        return f"{self._played[name]}:{name}"


class RemoteStage:
    """Plays scenarios on a server at a URL. What it cannot be told or does not show is `Result.unjudged`.

    Args:
        application: its URLs, and how webhooks are signed.
        chaos: as in `LocalStage`.
        transport: of httpx, for tests; None: the network.
        numbers: the number of each flow, where the project of the scenarios is known: one that names a flow calls it.
    """

    flows: tuple[Flow, ...] = ()

    def __init__(
        self,
        application: Application,
        *,
        chaos: int | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        numbers: Mapping[str, str] | None = None,
    ) -> None:
        self.application = application
        self._numbers = numbers or {}
        self._chaos = chaos
        self._transport = transport

    def fit_call(self, call: AnyCall, _: Reader) -> AnyCall:
        """The call, or a scenario, with a number; nothing more is known of the server."""
        return call.model_copy(update={"to": call.to or self._numbers.get(call.flow, ANY_NUMBER)})

    fit = fit_call

    def ring(self, call: ScenarioCall, met: Circumstances) -> AbstractAsyncContextManager[PlacedCall]:
        """Place a call. Raises NoServer."""
        return ring_url(self.application, call, met, transport=self._transport)

    async def play(self, scenario: Scenario) -> Result:
        """Play one scenario from ringing to the last webhook. Raises NoServer."""
        began = time.perf_counter()
        met = _circumstances(scenario, self._chaos)
        kept = {name: bound for name, bound in scenario.expect.without.items() if name not in DECIDED}
        seconds = scenario.expect.seconds if met.chaos is None else None
        result = Result(_judged(scenario, without=kept, hooks=None, variables={}, seconds=seconds))
        async with self.ring(scenario, met) as line:
            await _play(scenario, line, result)
        advice = dict.fromkeys(text for sent in line.call.log for text in advice_of(sent))
        result.notes = (*line.complaints, *advice)
        if not self.application.fallback_url and _has(scenario, FaultStep):
            result.notes += ("without --fallback-url nothing follows the `fault` of this scenario",)
        result.unjudged = tuple(self._unjudged(scenario, result))
        if scenario.expect.end == "failsafe" != result.ended:
            result.scenario = _judged(result.scenario, end=None)
        result.took_s = time.perf_counter() - began
        return result

    def _unjudged(self, scenario: Scenario, result: Result) -> Iterator[str]:
        """What a scenario says that is not checked here, or that the server is not told; why."""
        expect = scenario.expect
        said = {
            "given (the server asks its own lookups)": scenario.given,
            f"env ({_OWN_SETTINGS})": scenario.env,
            f"dial_allow ({_OWN_SETTINGS})": scenario.dial_allow is not None,
            "flow (the answer URL decides it)": scenario.flow and self._numbers.get(scenario.flow) != scenario.to,
            "at (the server has its own clock)": scenario.made_at != AT,
            f"expect.hooks ({_SHOWS_NOT})": expect.hooks is not None,
            f"expect.variables ({_SHOWS_NOT})": expect.variables,
            f"expect.without of what only a flow shows ({_SHOWS_NOT})": DECIDED & expect.without.keys(),
            f"expect.end: failsafe ({_SHOWS_NOT})": expect.end == "failsafe" != result.ended,
            "event (no --event-url was given)": not self.application.event_url and _has(scenario, EventStep),
        }
        yield from (what for what, is_said in said.items() if is_said)


Stage: TypeAlias = LocalStage | RemoteStage
"""Where scenarios are played."""


async def _play(scenario: Scenario, line: PlacedCall, result: Result) -> None:
    """Play the script behind the faults that the call begins with."""
    await Caller(line, result).play(scenario.script[len(_first_faults(scenario)) :])
    await line.vonage.run()
    await line.look(result)


def _circumstances(scenario: Scenario, chaos: int | None) -> Circumstances:
    """What its call meets; no bad luck for a scenario that orders its own faults."""
    faults = [step.fault for step in _first_faults(scenario)]
    luck = None if _has(scenario, FaultStep) else chaos
    return Circumstances(parties_of(scenario.script), scenario.streams, luck, faults)


def _first_faults(scenario: Scenario) -> list[FaultStep]:
    """Those of the answer webhook."""
    first = takewhile(lambda step: isinstance(step, FaultStep), scenario.script)
    return [step for step in first if isinstance(step, FaultStep)]


def _has(scenario: Scenario, kind: type[ScriptStep]) -> bool:
    return any(isinstance(step, kind) for step in scenario.script)


def _judged(scenario: Scenario, **expected: Any) -> Scenario:
    """The same with other expectations."""
    return scenario.model_copy(update={"expect": scenario.expect.model_copy(update=expected)})


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
