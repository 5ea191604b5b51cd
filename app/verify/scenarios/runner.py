"""Plays scenarios on the real server of a project in this process, or on a server at a URL."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Any, Final, TypeAlias

import httpx

from app.engine.session import from_json
from app.flow.issues import Issue, by_place
from app.flow.language.reader import Reader
from app.flow.model import Flow, Project
from app.service.calls import CallService, LookUp, Policy
from app.service.library import Library
from app.settings.values import DEFAULT as SORRY
from app.settings.values import read_failsafe
from app.simulator.delivery import Application
from app.simulator.scheduler import VirtualClock
from app.simulator.servers import App, AsgiServer, HttpServer
from app.verify.coverage import Coverage, Tally
from app.verify.scenarios.caller import Caller, parties_of
from app.verify.scenarios.expectations import check_expectations, check_without
from app.verify.scenarios.files import ScenarioFile
from app.verify.scenarios.fitting import Answers, AnyCall, Fitting, lookups_of, named, stand_ins
from app.verify.scenarios.model import ANY_NUMBER, AT, Scenario, ScenarioCall
from app.verify.scenarios.result import Difference, Result, SessionRecord, decided_in
from app.verify.scenarios.script import EventStep, FaultStep, ScriptStep
from app.verify.scenarios.server import (
    CallStore,
    Circumstances,
    FailingDatabase,
    FaultyServer,
    NoServer,
    Outside,
    PlacedCall,
    advice_of,
)
from app.verify.scenarios.values import ScenarioReader

BASE: Final = "https://ncco.example"
"""The public URL of the server in this process; nothing is sent there."""
BROKEN: Final = "the server: error: "
"""How the lines of its log begin that show a fault of the server itself."""
DECIDED: Final = frozenset({"error_exit", "invalid_ncco", "failsafe", "steps", "menu_options"})
"""What of `without` only the trace of a flow shows."""
_KEY: Final = b"scenarios sign the callbacks of calls that nobody makes"
"""The same in every run, so that the same call has the same NCCOs."""
_MOST_HOOKS: Final = 10_000
_SHOWS_NOT: Final = "a server at a URL does not show it"
_OWN_SETTINGS: Final = "the server has its own"

MakeApp: TypeAlias = Callable[[CallService, Callable[[], datetime], list[str]], App]
"""Makes the server under test, an ASGI application, from its service, its clock and the list that takes its warnings
and errors. It is passed in, since `verify` does not import `web`."""


class LocalCall(PlacedCall):
    """A call to the server in this process: what it keeps, sends and logs can be seen, too."""

    def __init__(
        self, stage: LocalStage, application: Application, direct: AsgiServer, met: Circumstances, seed: str
    ) -> None:
        super().__init__(application, FaultyServer(direct, stage.database), stage.clock, met, seed)
        self._stage = stage
        self._direct = direct
        self._known, self._logged = len(stage.store.opened), len(stage.log)

    async def look(self, result: Result) -> None:
        """See `PlacedCall`. The store forgets the hooks that are seen."""
        await super().look(result)
        store = self._stage.store
        calls = store.records()
        await calls.open()
        timelines = [await calls.timeline(id_) for id_ in store.opened[self._known :]]
        sessions = [(from_json(each.call.session.state), each.turns) for each in timelines if each is not None]
        result.records = tuple(
            [SessionRecord(own, turns, await store.statuses(own.id, own.turn)) for own, turns in sessions]
        )
        zero_ms = round(self.vonage.clock.at(self.call.zero_ms).timestamp() * 1000)
        result.decided = tuple(decided_in((turn for each in result.records for turn in each.turns), zero_ms))
        hooks = sorted(await store.hooks(_MOST_HOOKS), key=lambda row: row.created_at)
        for row in hooks:
            await store.hook_sent(row.id, row.created_at)
        result.hooks = (*result.hooks, *hooks)
        result.log = tuple(self._stage.log[self._logged :])
        raised = (f"the server has raised {type(fault).__name__}: {fault}" for fault in self._direct.faults)
        result.broken = (*raised, *(each for each in result.log if each.startswith(BROKEN)))


class LocalStage:
    """Plays the scenarios of one project, one after another, on the real server in this process.

    Its store is in memory, and it sends no hook.

    Args:
        project: without errors.
        make_app: see there.
        dial_allow: prefixes of computed numbers that may be dialled, where a scenario does not say.
        outside: None: no request leaves the process; every variable that a scenario does not give has a stand-in, and
            every lookup without an answer its default. Also an attribute.
        chaos: a seed of bad luck on the network, the same for each scenario. How long a call lasts and which hooks are
            sent is not judged then, and scenarios that order their own faults have no other. None: nothing goes wrong.

    Attributes:
        clock: of the latest call. database, store: of the server.
        log: warnings and errors of the server, a sentence each.
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
        self.outside = outside
        self._fitting = Fitting(self.flows)
        self._lookups = lookups_of(self.flows)
        self._dial_allow = dial_allow
        self._env = stand_ins(self.flows) if outside is None else outside.env
        self._chaos = chaos
        self._played = Counter[str]()
        self.clock = VirtualClock(AT)
        self.database = FailingDatabase()
        self.store = CallStore(self.database)
        self.log: list[str] = []
        policy = Policy(keys=(_KEY,), failsafe=read_failsafe(SORRY))
        self._service = CallService(self.store, Library(self.store, lambda: project), policy)
        self._app = make_app(self._service, lambda: self.clock.at(self.clock.ms), self.log)
        self._is_open = False

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
        result = Result(_judged(scenario, met))
        answers = Answers(scenario.given, self._lookups, self.outside.look_ups() if self.outside else None)
        name = f"{scenario.place.file}:{scenario.name}"
        self._played[name] += 1
        # The ids are the same in every run, and others each time that it is played in this one.
        seed = f"{self._played[name]}:{name}"
        line = await self.ring(
            scenario, met, look_up=answers.ask, env=scenario.env, dial_allow=scenario.dial_allow, seed=seed
        )
        await _play(scenario, met, line, result)
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
        patience_s: float = 10.0,
    ) -> LocalCall:
        """Place a call.

        Args:
            call: with its number and flow.
            met: the parties and the network.
            look_up: answers its lookups.
            env: variables of flows, over the usual ones.
            dial_allow: prefixes of computed numbers; None: those of the stage.
            seed: decides its ids.
            patience_s: see `AsgiServer`.
        """
        if not self._is_open:
            await self.store.open()
            await self._service.library.reload()
            self._is_open = True
        allowed = self._dial_allow if dial_allow is None else dial_allow
        self._service.policy = replace(self._service.policy, env={**self._env, **env}, dial_allow=allowed)
        self._service.look_ups = lambda: look_up
        self.clock = VirtualClock(call.made_at)
        direct = AsgiServer(self._app, self.clock, patience_s)
        application = Application(
            answer_url=f"{BASE}/webhooks/answer{f'/{call.flow}' if call.flow else ''}",
            event_url=f"{BASE}/webhooks/event",
            fallback_url=f"{BASE}/webhooks/fallback",
        )
        line = LocalCall(self, application, direct, met, seed)
        await line.place(call, self.flows)
        return line


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

    @asynccontextmanager
    async def ring(self, call: ScenarioCall, met: Circumstances) -> AsyncIterator[PlacedCall]:
        """Place a call. The server may remember calls, so each has ids of its own. Raises NoServer."""
        clock, seed = VirtualClock(call.made_at), secrets.token_hex(16)
        async with HttpServer(self._transport) as http:
            line = PlacedCall(self.application, FaultyServer(http), clock, met, seed)
            await line.place(call)
            attempts = [attempt for each in line.call.log if each.kind == "answer" for attempt in each.attempts]
            failures = {attempt.response.failure for attempt in attempts}
            if not line.call.is_answered and failures <= {"closed", "connect timeout"}:
                raise NoServer(attempts[0].request.url.partition("?")[0])
            yield line

    async def play(self, scenario: Scenario) -> Result:
        """Play one scenario from ringing to the last webhook. Raises NoServer."""
        began = time.perf_counter()
        met, expect = _circumstances(scenario, self._chaos), scenario.expect
        kept = {name: bound for name, bound in expect.without.items() if name not in DECIDED}
        result = Result(_judged(scenario, met, without=kept, hooks=None, variables={}))
        async with self.ring(scenario, met) as line:
            await _play(scenario, met, line, result)
        result.notes = (*line.complaints, *dict.fromkeys(text for sent in line.call.log for text in advice_of(sent)))
        if not self.application.fallback_url and _has(scenario, FaultStep):
            result.notes += ("without --fallback-url nothing follows the `fault` of this scenario",)
        result.unjudged = tuple(self._unjudged(scenario, result))
        if expect.end == "failsafe" != result.ended:
            result.scenario = _judged(result.scenario, met, end=None)
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


async def _play(scenario: Scenario, met: Circumstances, line: PlacedCall, result: Result) -> None:
    """Play the script behind the faults that the call begins with."""
    await Caller(line, result).play(scenario.script[len(met.faults) :])
    await line.vonage.run()
    await line.look(result)


def _circumstances(scenario: Scenario, chaos: int | None) -> Circumstances:
    """What its call meets; no bad luck for a scenario that orders its own faults."""
    first = takewhile(lambda step: isinstance(step, FaultStep), scenario.script)
    faults = [step.fault for step in first if isinstance(step, FaultStep)]
    luck = None if _has(scenario, FaultStep) else chaos
    return Circumstances(parties_of(scenario.script), scenario.streams, luck, faults)


def _has(scenario: Scenario, kind: type[ScriptStep]) -> bool:
    return any(isinstance(step, kind) for step in scenario.script)


def _judged(scenario: Scenario, met: Circumstances, **expected: Any) -> Scenario:
    """The same with other expectations; bad luck changes the length of a call and its hooks."""
    expected |= {} if met.chaos is None else {"seconds": None, "hooks": None}
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
