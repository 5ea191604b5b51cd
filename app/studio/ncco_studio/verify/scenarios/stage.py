"""The server that scenarios are played against: the server of a project in this process, or one at a URL."""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

import httpx
import orjson
import structlog
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from ncco_server.engine import Lookup, LookupAnswer, Session, agent_step
from ncco_server.engine.session import from_json
from ncco_server.errors import AppError
from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.hours.calendar import DAY_S, ByHand, seconds
from ncco_server.flow.language.agents import Agent
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.flow.model import Flow, Project
from ncco_server.results import DecidedResult
from ncco_server.sample_calls import ANY_NUMBER
from ncco_server.service.calls import CallService
from ncco_server.service.functions import AnswerLookups
from ncco_server.service.hand_hours import HandHours
from ncco_server.service.phone_numbers import digits_of, line_of
from ncco_server.service.row_lookups import rows_of
from ncco_server.service.turns import Policy, no_lookups
from ncco_server.settings import Settings
from ncco_server.settings.values import DEFAULT as DEFAULT_FAILSAFE
from ncco_server.settings.values import read_failsafe
from ncco_server.store import WebhookRow
from ncco_server.store.table_rows import all_rows
from ncco_server.table_rows import RowChange
from ncco_server.web import create_app
from ncco_studio.simulator.assumptions import DEFAULTS, Assumptions
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.servers import AsgiServer, HttpServer, moved
from ncco_studio.verify.handler_lines import LineTrace, traced_flows
from ncco_studio.verify.prove.turns import context_at
from ncco_studio.verify.scenarios.answers import LookupAnswers, ScenarioAnswers, lookups_of
from ncco_studio.verify.scenarios.caller import Caller, parties_of
from ncco_studio.verify.scenarios.fitting import AnyCall, Fitting, named_by, placeholder_env
from ncco_studio.verify.scenarios.model import AT, Scenario, ScenarioCall
from ncco_studio.verify.scenarios.observed_call import CallConditions, NoServer, ObservedCall, warnings_of
from ncco_studio.verify.scenarios.placing import PlacedAttempts, phone_of, row_of
from ncco_studio.verify.scenarios.result import Result, SessionRecord, decided_in
from ncco_studio.verify.scenarios.script import EventStep, FaultStep, ScriptStep
from ncco_studio.verify.scenarios.server import CallStore, FailingDatabase, FaultyServer, ReadRows, StoredTurn
from ncco_studio.verify.scenarios.tables import changes_of
from ncco_studio.verify.scenarios.values import ScenarioReader

BASE: Final = "https://ncco.example"
"""Nothing is sent to this public URL."""
BROKEN: Final = "the server: error: "
"""Begins log lines about an internal error of the server."""
DECIDED: Final = frozenset({"error_exit", "invalid_ncco", "failsafe"})
"""Entries of `without` that need a flow's trace."""
_DIAL_ALLOW: Final = 'to allow computed numbers, list their first digits next to `script`, such as `dial_allow: ["44"]`'
_KEY: Final = b"scenarios sign the callbacks of calls that nobody makes"
"""Constant, so that NCCOs are reproducible."""
_NOT_VISIBLE: Final = "a server at a URL does not show it"
_OWN_SETTINGS: Final = "the server has its own"

PathOf: TypeAlias = Callable[[str], str]
"""Makes a flow file's path for display: `shop/flows/acme.yaml` for `flows/acme.yaml`."""


class CannotPlace(AppError):
    """No flow answers the call, or it is unclear which flow does."""


class LocalCall(ObservedCall):
    """A call to the server in this process, with its sessions, hooks and log."""

    def __init__(
        self,
        server: ServerInProcess,
        application: Application,
        direct: AsgiServer,
        conditions: CallConditions,
        *,
        seed: str,
        path_of: PathOf,
    ) -> None:
        super().__init__(application, FaultyServer(direct, server.database), server.clock, conditions, seed)
        self._server = server
        self._direct = direct
        self._path_of = path_of
        self._attempts: PlacedAttempts | None = None
        store = server.store
        self._before = len(store.turns), len(store.webhooks), len(store.sent), len(server.log)

    async def place_out(self, call: ScenarioCall, flow: Flow, phone: Sequence[Behaviour]) -> None:
        """Call until somebody hears the flow or no attempt is left."""
        service = self._server.service
        self._attempts = PlacedAttempts(service, self.vonage, phone, BASE)
        flows = service.library.current.flows.values()
        row = row_of(call, flows, service.policy.dial_allow, service.policy.keys)
        self.leg = await self._attempts.ring(row, flow)

    async def rows(self) -> dict[str, Any]:
        return {name: orjson.loads(columns) async for name, columns in all_rows(self._server.database)}

    async def result(self, call: str, *, is_incoming: bool) -> DecidedResult:
        return await self._server.store.results.decided(call, is_incoming=is_incoming, is_lost=False)

    async def attempts(self) -> Sequence[tuple[datetime, str]]:
        if self._attempts is None:
            return ()
        await self._server.store.take_hooks()
        return await self._attempts.made()

    @property
    def turns(self) -> Sequence[StoredTurn]:
        return self._server.store.turns[self._before[0] :]

    def observe(self, result: Result) -> None:
        super().observe(result)
        _, webhooks, hooks, logged = self._before
        written = defaultdict[str, list[StoredTurn]](list)
        for each in self.turns:
            written[each.session.id].append(each)
        came = self._server.store.webhooks[webhooks:]
        result.records = tuple([_record_of(turns, came) for turns in written.values()])
        zero_ms = round(self.vonage.clock.at(self.leg.zero_ms).timestamp() * 1000)
        turns = (turn for record in result.records for turn in record.turns)
        result.decided = tuple(decided_in(turns, zero_ms, self._path_of))
        result.hooks = sorted(self._server.store.sent[hooks:], key=lambda row: row.created_at)
        result.log = tuple(self._server.log[logged:])
        raised = (f"the server raised {type(fault).__name__}: {fault}" for fault in self._direct.faults)
        result.broken += (*raised, *(each for each in result.log if each.startswith(BROKEN)))


def _record_of(turns: Sequence[StoredTurn], came: Iterable[WebhookRow]) -> SessionRecord:
    state = from_json(turns[-1].session.state)
    own = (each for each in came if (each.session, each.turn) == (state.id, state.turn))
    statuses = tuple([(each.wait, each.status) for each in own])
    return SessionRecord(state, tuple([turn.turn for turn in turns]), statuses)


def make_app(service: CallService, clock: Callable[[], datetime], log: list[str]) -> ASGIApp:
    """Add the server's warnings and errors to `log`, one sentence each."""
    settings = Settings(public_url=BASE)  # without the environment: the same on every machine
    return create_app(settings, service=service, clock=clock, log=_logger(log))


def _logger(log: list[str]) -> FilteringBoundLogger:
    def keep(_: object, level: str, line: MutableMapping[str, Any]) -> str:
        parts = [str(line[name]) for name in ("problem", "error", "message") if line.get(name)]
        prefix = BROKEN if level == "error" else f"the server: {level}: "
        log.append(f"{prefix}{': '.join(parts) or line.get('event', '')}")
        raise structlog.DropEvent

    warnings = structlog.make_filtering_bound_logger(logging.WARNING)
    logger: FilteringBoundLogger = structlog.wrap_logger(None, processors=[keep], wrapper_class=warnings)
    return logger


class ServerInProcess:
    """The real server under one policy, with a store in memory or in a file. It sends no hooks."""

    def __init__(
        self,
        project: Project,
        policy: Policy,
        file: Path | None = None,
        read_rows: ReadRows | None = None,
    ) -> None:
        self.clock = VirtualClock(AT)
        self.database = FailingDatabase(file)
        self.store = CallStore(self.database, read_rows)
        self.log: list[str] = []
        self.service = CallService(
            self.store,
            lambda: project,
            policy,
            look_ups=self._answers_of_turn,
            read_rows=self._rows,
            read_hours=self._hours,
        )
        self._look_ups: AnswerLookups = no_lookups
        self._answers: LookupAnswers | None = None
        self._by_hand: HandHours = {}
        self._app = make_app(self.service, lambda: self.clock.at(self.clock.ms), self.log)
        self._is_open = False

    async def begin(
        self,
        at: datetime,
        look_ups: AnswerLookups,
        answers: LookupAnswers | None,
        by_hand: HandHours,
    ) -> AsgiServer:
        """The server for the call's webhooks; see `LocalStage.ring`."""
        self._look_ups = look_ups
        self._answers = answers
        self._by_hand = by_hand
        if not self._is_open:
            await self.store.open()
            await self.service.library.reload()
            self._is_open = True
        self.clock = VirtualClock(at)
        return AsgiServer(self._app, self.clock, base=f"{BASE}/")

    def _answers_of_turn(self) -> AnswerLookups:
        return self._look_ups

    async def _rows(self, lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        if self._answers is None:
            return await rows_of(self.store.tables, lookups)
        return await self._answers.of_rows(self.store, lookups)

    async def _hours(self, _: datetime, __: Flow) -> HandHours:
        return self._by_hand


class LocalStage:
    """Plays one project's scenarios, one after another, against the real server in this process.

    No request leaves it: environment variables get placeholders, and unanswered lookups take their defaults.

    Args:
        project: without errors.
        dial_allow: default prefixes of computed numbers that may be dialled.
        chaos: the seed of random network faults for each scenario; None: no faults. With faults, a call's length and
            hooks are not checked. A scenario with its own `fault` steps gets none.
        assumes: what the platform does.
        file: the database that keeps the calls, and what they record; None: nothing is kept.
        read_rows: reads rows of tables that a call needs; None: there are only those of the call.
    """

    def __init__(
        self,
        project: Project,
        dial_allow: tuple[str, ...] = (),
        *,
        chaos: int | None = None,
        path_of: PathOf = str,
        assumes: Assumptions = DEFAULTS,
        file: Path | None = None,
        read_rows: ReadRows | None = None,
    ) -> None:
        self.lines = LineTrace()
        project = self._project = replace(project, flows=traced_flows(project.flows, self.lines))
        self._read_rows = read_rows
        self._file = file
        self.flows: tuple[Flow, ...] = tuple(project.flows.values())
        self.path_of = path_of
        self.tables = project.tables
        self._fitting = Fitting(project)
        self._lookups = lookups_of(self.flows)
        self._policy = Policy(
            keys=(_KEY,),
            failsafe=read_failsafe(DEFAULT_FAILSAFE),
            env=placeholder_env(self.flows),
            dial_allow=dial_allow,
            keeps_recordings=file is not None,
        )
        self._chaos = chaos
        self._assumes = assumes
        self._played = Counter[str]()
        self._server: ServerInProcess | None = None

    def fit(self, scenario: Scenario, reader: Reader) -> Scenario:
        """Fill in number and flow; `reader` gets problems."""
        return self._fitting.fit(scenario, reader)

    def fit_call(self, call: AnyCall, reader: Reader) -> AnyCall:
        return self._fitting.fit_call(call, reader)

    async def play(self, scenario: Scenario) -> Result:
        began = time.perf_counter()
        conditions = _conditions_of(scenario, self._chaos, self._flow_named(scenario.places))
        result = Result(_judged(scenario, conditions))
        answers = ScenarioAnswers(scenario.given, self._lookups)
        name = f"{scenario.place.file}:{scenario.name}"
        self._played[name] += 1
        # The ids differ when a run repeats a scenario, but not between runs.
        seed = f"{self._played[name]}:{name}"
        placed = await self.ring(
            scenario,
            conditions,
            look_ups=answers.ask,
            env=scenario.env,
            dial_allow=scenario.dial_allow,
            seed=seed,
            rows=tuple(changes_of(scenario.tables, self.tables, line_of(self.flows))),
            answers=answers,
        )
        await _play(scenario, conditions, placed, result)
        if scenario.places:
            result.attempts = await placed.attempts()
            placed.observe(result)
        if scenario.expect.result and result.records:
            call = result.records[0].session.id
            result.became = await placed.result(call, is_incoming=not scenario.places)
        if scenario.expect.tables:
            result.rows = await placed.rows()
        refused = (_DIAL_ALLOW,) if any(line.what == "R101" for line in result.decided) else ()
        result.notes = (*refused, *result.log, *placed.problems, *answers.notes)
        result.asked = frozenset(answers.asked)
        result.took_s = time.perf_counter() - began
        return result

    async def ring(
        self,
        call: ScenarioCall,
        conditions: CallConditions,
        *,
        look_ups: AnswerLookups,
        env: Mapping[str, str],
        dial_allow: tuple[str, ...] | None = None,
        seed: str,
        rows: Sequence[RowChange] | None = None,
        answers: LookupAnswers | None = None,
        by_hand: HandHours | None = None,
    ) -> LocalCall:
        """Place a call.

        Args:
            call: its number and flow are filled in.
            conditions: the parties and the network.
            look_ups: answers lookups.
            env: overrides the default environment variables.
            dial_allow: prefixes of computed numbers that may be dialled; None: the default.
            seed: determines the ids of the call.
            rows: of all tables when the call begins; None for those that earlier calls left.
            answers: chooses the rows that lookups of tables find; None for the stored ones.
            by_hand: what was decided by hand for opening hours; None for what `call` says.
        """
        flow = self._flow_named(call.places)
        allowed = self._policy.dial_allow if dial_allow is None else dial_allow
        called = () if flow is None else (digits_of(call.to, line_of(self.flows, flow)),)
        policy = replace(self._policy, env={**self._policy.env, **env}, dial_allow=(*allowed, *called))
        server = await self._server_for(policy, is_new=flow is not None)
        decided = self._by_hand(call) if by_hand is None else by_hand
        direct = await server.begin(call.made_at, look_ups, answers, decided)
        if rows is not None and self.tables:
            await server.store.replace_rows(rows, round(call.made_at.timestamp() * 1000))
        query = f"?{urlencode(call.query)}" if call.query else ""
        application = Application(
            answer_url=f"{BASE}/webhooks/answer{f'/{call.flow}' if call.flow else ''}{query}",
            event_url=f"{BASE}/webhooks/event",
            fallback_url=f"{BASE}/webhooks/fallback",
            assumes=self._assumes,
        )
        placed = LocalCall(server, application, direct, conditions, seed=seed, path_of=self.path_of)
        if flow is None:
            await placed.place(call, self.flows)
        else:
            await placed.place_out(call, flow, conditions.phone)
        return placed

    def agent_in(self, session: Session, now: datetime) -> Agent | None:
        """The agent that a call of the last `ring` waits for."""
        flow = self._flow_named(session.flow)
        if flow is None or self._server is None:
            return None
        policy = self._server.service.policy
        step = agent_step(flow, session, context_at(now, policy.env)._replace(keys=policy.keys))
        return step.exit if step is not None and isinstance(step.exit, Agent) else None

    def _by_hand(self, call: ScenarioCall) -> HandHours:
        start = seconds(call.made_at) - DAY_S
        found = dict[tuple[str, str], Sequence[ByHand]]()
        for name, given in call.by_hand.items():
            end = start + 2 * DAY_S if given.until is None else seconds(given.until)
            calendar = self._project.calendars[name]
            found[calendar.key] = (ByHand(given.state == "open", start, end, given.reason),)
        return found

    async def _server_for(self, policy: Policy, *, is_new: bool) -> ServerInProcess:
        """A placed call gets a new server: the placer reads all calls, and its time only moves forward."""
        if self._server is None or is_new or self._server.service.policy != policy:
            await self.close()
            self._server = ServerInProcess(self._project, policy, self._file, self._read_rows)
        return self._server

    async def close(self) -> None:
        if self._server is not None:
            await self._server.store.close()

    def _flow_named(self, name: str) -> Flow | None:
        return next((flow for flow in self.flows if flow.name == name), None)


class RemoteStage:
    """Plays scenarios against a server at a URL. What cannot be set or seen there goes into `Result.unjudged`.

    `numbers` has each flow's number, if the project is known. `public_url` is the base URL that the server writes into
    its NCCOs, if it is not the address where it runs; "" if it is.
    """

    flows: tuple[Flow, ...] = ()
    lines = LineTrace()
    tables: Mapping[str, TableDefinition] = MappingProxyType({})
    path_of: PathOf = str

    def __init__(
        self,
        application: Application,
        *,
        chaos: int | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        numbers: Mapping[str, str] | None = None,
        public_url: str = "",
    ) -> None:
        self.application = application
        self._place = partial(moved, base=public_url, to=application.answer_url) if public_url else str
        self._numbers = numbers or {}
        self._chaos = chaos
        self._transport = transport

    def fit_call(self, call: AnyCall, reader: Reader) -> AnyCall:
        """The flow is not checked, since the server's flows are unknown."""
        if call.places:
            cure = "play it with the flows of the project, without a URL"
            reader.report("S106", call.at("place"), "a server at a URL places its own calls", cure)
        return replace(call, to=call.to or self._numbers.get(call.flow or named_by(call), ANY_NUMBER))

    fit = fit_call

    @asynccontextmanager
    async def ring(self, call: ScenarioCall, conditions: CallConditions) -> AsyncIterator[ObservedCall]:
        """Use random ids, since the server may remember earlier calls. Raises NoServer."""
        clock = VirtualClock(call.made_at)
        seed = secrets.token_hex(16)
        async with HttpServer(self._transport, place=self._place) as http:
            placed = ObservedCall(self.application, FaultyServer(http), clock, conditions, seed)
            await placed.place(call)
            attempts = [attempt for each in placed.leg.log if each.kind == "answer" for attempt in each.attempts]
            failures = {attempt.response.failure for attempt in attempts}
            if not placed.leg.is_answered and failures <= {"closed", "connect timeout"}:
                raise NoServer(attempts[0].request.url.partition("?")[0])
            yield placed

    async def play(self, scenario: Scenario) -> Result:
        """Raise NoServer."""
        began = time.perf_counter()
        conditions = _conditions_of(scenario, self._chaos)
        expect = scenario.expect
        kept = {name: bound for name, bound in expect.without.items() if name not in DECIDED}
        result = Result(_judged(scenario, conditions, without=kept, hooks=None, variables={}, tables={}))
        async with self.ring(scenario, conditions) as placed:
            await _play(scenario, conditions, placed, result)
        warnings = dict.fromkeys(text for sent in placed.leg.log for text in warnings_of(sent))
        result.notes = (*placed.problems, *warnings)
        if not self.application.fallback_url and _has(scenario, FaultStep):
            result.notes += ("without --fallback-url, nothing happens after this scenario's `fault`",)
        result.unjudged = tuple(self._unjudged(scenario, result))
        result.asked = frozenset(scenario.given)
        if expect.end == "failsafe" != result.ended:
            result.scenario = _judged(result.scenario, conditions, end=None)
        result.took_s = time.perf_counter() - began
        return result

    def _unjudged(self, scenario: Scenario, result: Result) -> Iterator[str]:
        expect = scenario.expect
        said = {
            "given (the server makes its own lookups)": scenario.given,
            "by_hand (the server has its own)": scenario.by_hand,
            "tables (the server has its own)": scenario.tables,
            f"expect.tables ({_NOT_VISIBLE})": expect.tables,
            f"env ({_OWN_SETTINGS})": scenario.env,
            f"dial_allow ({_OWN_SETTINGS})": scenario.dial_allow is not None,
            "query (it is part of the answer URL)": scenario.query,
            "flow (the answer URL determines it)": scenario.flow and self._numbers.get(scenario.flow) != scenario.to,
            "at (the server uses its own clock)": scenario.made_at != AT,
            f"expect.hooks ({_NOT_VISIBLE})": expect.hooks is not None,
            f"expect.variables ({_NOT_VISIBLE})": expect.variables,
            f"expect.result ({_NOT_VISIBLE})": expect.result,
            f"expect.without for things that are visible only in a flow ({_NOT_VISIBLE})": DECIDED
            & expect.without.keys(),
            f"expect.end: failsafe ({_NOT_VISIBLE})": expect.end == "failsafe" != result.ended,
            "event (no --event-url was given)": not self.application.event_url and _has(scenario, EventStep),
        }
        yield from (what for what, is_said in said.items() if is_said)


Stage: TypeAlias = LocalStage | RemoteStage


def with_number(stage: Stage, call: ScenarioCall) -> ScenarioCall:
    """Raise CannotPlace."""
    reader = ScenarioReader()
    fit = stage.fit_call(call, reader)
    for issue in reader.issues:
        raise CannotPlace(issue.message, issue.cure)
    return fit


async def _play(scenario: Scenario, conditions: CallConditions, placed: ObservedCall, result: Result) -> None:
    """The faults at the script's start are already set."""
    await Caller(placed, result).play(conditions.script)
    await placed.vonage.run()
    placed.observe(result)


def _conditions_of(scenario: Scenario, chaos: int | None, placed: Flow | None = None) -> CallConditions:
    first = takewhile(lambda step: isinstance(step, FaultStep), scenario.script)
    faults = [step.fault for step in first if isinstance(step, FaultStep)]
    luck = None if _has(scenario, FaultStep) else chaos
    script = scenario.script[len(faults) :]
    phone: tuple[Behaviour, ...] = ()
    if scenario.places:
        phone, script = phone_of(script, placed)
    parties = parties_of(script)
    parties.known = {scenario.to: phone} if phone else {}
    return CallConditions(parties, luck, faults, script, phone, scenario.after_connect)


def _has(scenario: Scenario, kind: type[ScriptStep]) -> bool:
    return any(isinstance(step, kind) for step in scenario.script)


def _judged(scenario: Scenario, conditions: CallConditions, **expected: Any) -> Scenario:
    expected |= {} if conditions.chaos is None else {"seconds": None, "hooks": None}
    return replace(scenario, expect=replace(scenario.expect, **expected))
