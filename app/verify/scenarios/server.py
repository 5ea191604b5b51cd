"""Calls placed to a server: the real one in this process, or one at a URL, with the faults that a scenario orders."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

import httpx

from app.engine import Lookup, LookupAnswer
from app.engine.session import from_json
from app.errors import AppError, StoreUnavailable
from app.flow.language.lookups import LookupDefinition
from app.flow.model import Flow, Project
from app.flow.nodes import Map, Node, Seq
from app.flow.types import ValueType
from app.service.calls import CallService, LookUp, Policy, no_lookups
from app.service.library import Library
from app.settings.values import DEFAULT as SORRY
from app.settings.values import read_failsafe
from app.simulator import (
    Application,
    AsgiServer,
    Chaos,
    Durations,
    HttpServer,
    Leg,
    Parties,
    Request,
    Response,
    Server,
    VirtualClock,
    Vonage,
    WebhookDelivery,
)
from app.simulator.delivery import NOT_RETRIEVED, SYNTAX_ERROR
from app.simulator.servers import App
from app.store import HookRow, SessionRow, SqliteDatabase, Store, TurnRow, WebhookRow
from app.store.database import Row, Work
from app.verify.scenarios.model import ANY_NUMBER, AT, GivenAnswers, NoAnswer, ScenarioCall
from app.verify.scenarios.result import Result, SessionRecord, decided_in
from app.verify.scenarios.script import FaultKind
from app.verify.scenarios.values import json_of

BASE: Final = "https://ncco.example"
"""The public URL of the server in this process; nothing is sent there."""
BROKEN: Final = "the server: error: "
"""How the lines of its log begin that show a fault of the server itself."""
_KEY: Final = b"scenarios sign the callbacks of calls that nobody makes"
"""The same in every run, so that the same call has the same NCCOs."""
_MOST_HOOKS: Final = 10_000
_ENV: Final = re.compile(r"\benv\.(\w+)")


MakeApp: TypeAlias = Callable[[CallService, Callable[[], datetime], list[str]], App]
"""Makes the server under test, an ASGI application, from its service, its clock and the list that takes its warnings
and errors. It is passed in, since `verify` does not import `web`."""


class NoServer(AppError):
    """There is no server at the answer URL.

    Attributes:
        url: which it is.
    """

    cure = "start it, or write its answer URL as you would enter it at Vonage"

    def __init__(self, url: str) -> None:
        super().__init__(f"there is no server at {url}")
        self.url = url


@dataclass(frozen=True, slots=True)
class Outside:
    """The world outside of simulated calls, for `--live`.

    Attributes:
        env: variables of flows, as the server gets them.
        look_ups: asks what a scenario gives no answer to.
        post: sends a hook; returns why it could not, "" when it could.
    """

    env: Mapping[str, str]
    look_ups: Callable[[], LookUp]
    post: Callable[[HookRow], Awaitable[str]]


@dataclass(slots=True)
class PlacedCall:
    """A call that has been placed, and what can be seen of it from outside.

    Attributes:
        call: what the caller experiences.
        network: the way to the server.
    """

    vonage: Vonage
    call: Leg
    network: FaultyServer

    async def look(self, result: Result) -> None:
        """Take in everything that has happened so far."""
        call = self.call
        result.transcript = call.transcript
        result.called = tuple(other.transcript for other in call.dialled)
        result.seconds = max((heard.at for heard in call.transcript if heard.kind in ("ended", "hung up")), default=0.0)
        result.is_answered, result.performed = call.is_answered, tuple(call.performed)
        result.webhooks = tuple(sent for sent in call.log if sent.attempts)
        result.answered_s = call.zero_ms / 1000

    @property
    def complaints(self) -> Iterator[str]:
        """What the platform could not play, or whom it could not reach."""
        yield from filter(None, map(complaint_of, self.call.log))
        yield from (other.problem for other in self.call.dialled if other.problem)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a call meets besides the server.

    Attributes:
        parties: who is dialled. streams: seconds of audio files, by URL.
        chaos: a seed of bad luck on the network; None: nothing goes wrong.
        faults: of the first webhooks.
    """

    parties: Parties
    streams: Mapping[str, float]
    chaos: int | None = None
    faults: Sequence[FaultKind] = ()


class _CallStore(Store):
    """A store that remembers which calls were opened, oldest first."""

    def __init__(self, database: FailingDatabase) -> None:
        super().__init__(database)
        self.opened: list[str] = []

    async def open_call(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """See `Store`."""
        await super().open_call(session, turn, webhook, hooks=hooks)
        self.opened.append(session.id)


class LocalServer:
    """The real server in this process, with a store in memory. It sends no hook.

    Args:
        project: without errors.
        make_app: makes its application.
        dial_allow: prefixes of computed numbers that may be dialled.

    Attributes:
        look_up: answers the lookups of the calls that follow. env: variables of flows. store: in memory.
        log: its warnings and errors, a sentence each.
    """

    def __init__(self, project: Project, make_app: MakeApp, dial_allow: tuple[str, ...] = ()) -> None:
        self.env: dict[str, str] = {}
        self.look_up: LookUp = no_lookups
        self.log: list[str] = []
        self._clock = VirtualClock(AT)
        self._database = FailingDatabase()
        self.store = _CallStore(self._database)
        policy = Policy(keys=(_KEY,), failsafe=read_failsafe(SORRY), env=self.env, dial_allow=dial_allow)
        library = Library(self.store, lambda: project)
        self._service = CallService(self.store, library, policy, look_ups=lambda: self.look_up)
        self._app = make_app(self._service, lambda: self._clock.now, self.log)

    async def start(self) -> None:
        """Open the store and load the flows."""
        await self.store.open()
        await self._service.library.reload()

    async def ring(
        self, call: ScenarioCall, flows: Iterable[Flow], met: Circumstances, seed: str, **options: float
    ) -> LocalCall:
        """Place a call. `seed` decides its ids; `options` are those of `AsgiServer`."""
        known, logged = len(self.store.opened), len(self.log)
        self._clock = VirtualClock(call.made_at)
        direct = AsgiServer(self._app, self._clock, **options)
        path = f"/{call.flow}" if call.flow else ""
        application = Application(
            answer_url=f"{BASE}/webhooks/answer{path}",
            event_url=f"{BASE}/webhooks/event",
            fallback_url=f"{BASE}/webhooks/fallback",
        )
        network = FaultyServer(direct, self._database)
        vonage = _vonage(application, network, self._clock, met, seed)
        leg = await vonage.call(**_facts(call, flows))
        return LocalCall(vonage, leg, network, self, direct, known, logged)


@dataclass(slots=True)
class LocalCall(PlacedCall):
    """A call to the server in this process: what it keeps, sends and logs can be seen, too.

    Attributes:
        direct: the way to it. known, logged: how many calls and lines of its log there were before.
    """

    server: LocalServer
    direct: AsgiServer
    known: int
    logged: int

    async def look(self, result: Result) -> None:
        """See `PlacedCall`. The store forgets the hooks that are seen."""
        await PlacedCall.look(self, result)
        store = self.server.store
        calls = store.records()
        await calls.open()
        timelines = [await calls.timeline(id_) for id_ in store.opened[self.known :]]
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
        result.log = tuple(self.server.log[self.logged :])
        raised = (f"the server has raised {type(fault).__name__}: {fault}" for fault in self.direct.faults)
        result.broken = (*raised, *(each for each in result.log if each.startswith(BROKEN)))


@asynccontextmanager
async def ring_url(
    application: Application,
    call: ScenarioCall,
    met: Circumstances,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[PlacedCall]:
    """Place a call to a server at a URL, which may remember calls: each has ids of its own. Raises NoServer."""
    clock = VirtualClock(call.made_at)
    async with HttpServer(transport=transport) as http:
        network = FaultyServer(http)
        vonage = _vonage(application, network, clock, met, secrets.token_hex(16))
        line = PlacedCall(vonage, await vonage.call(**_facts(call, ())), network)
        attempts = [attempt for each in line.call.log if each.kind == "answer" for attempt in each.attempts]
        failures = {attempt.response.failure for attempt in attempts}
        if not line.call.is_answered and failures <= {"closed", "connect timeout"}:
            raise NoServer(attempts[0].request.url.partition("?")[0])
        yield line


def _vonage(
    application: Application, network: FaultyServer, clock: VirtualClock, met: Circumstances, seed: str
) -> Vonage:
    network.ordered += met.faults
    chaos = None if met.chaos is None else Chaos(met.chaos)
    return Vonage(application, network, clock, met.parties, durations=Durations(met.streams), chaos=chaos, seed=seed)


def _facts(call: ScenarioCall, flows: Iterable[Flow]) -> dict[str, Any]:
    """What `Vonage.call` is told."""
    numbers = next((flow.numbers for flow in flows if flow.name == call.flow and flow.numbers), (ANY_NUMBER,))
    is_sip = bool(call.sip) or call.from_.lower().startswith(("sip:", "sips:"))
    kind = "app" if call.user or call.custom_data is not None else "sip" if is_sip else "phone"
    return {
        "to": call.to or numbers[0],
        "from_": None if call.user else call.from_,
        "endpoint_type": call.endpoint_type or kind,
        "from_user": call.user,
        "sip_headers": call.sip,
        "custom_data": call.custom_data,
    }


def stand_ins(flows: Iterable[Flow]) -> dict[str, str]:
    """A value for every variable that flows read: an address that leads nowhere."""
    texts = {path: text for flow in flows for path, text in flow.sources.items()}
    names = {name for text in texts.values() for name in _ENV.findall(text)}
    return {name: f"https://{name.lower().replace('_', '-')}.example" for name in names}


def complaint_of(delivery: WebhookDelivery) -> str:
    """What is wrong with the reply to a webhook, or what an error webhook reports; "" for nothing."""
    result = delivery.result
    if result is not None and result.failure and delivery.is_over:
        return f"{delivery.kind} webhook to {delivery.message.url}: {result.failure} {result.problem}".rstrip()
    if delivery.kind == "error" and delivery.fields["reason"] not in (SYNTAX_ERROR, NOT_RETRIEVED):
        return f"the platform reports an error: {delivery.fields['reason']}"
    return ""


def advice_of(delivery: WebhookDelivery) -> Iterator[str]:
    """What is wrong with an NCCO that is played all the same."""
    if delivery.ncco is not None and delivery.result is not None:
        for issue in delivery.result.issues:
            yield f"{delivery.kind} webhook: {issue.code} {issue.path}: {issue.message}"


FALLBACK: Final = "/fallback"
"""The end of the URL that is asked when a webhook has failed."""
_REFUSED: Final = b'[{"action": "refused"}]'
T = TypeVar("T")


class FailingDatabase(SqliteDatabase):
    """A database in memory that is unavailable while `is_away`, as one on another machine sometimes is."""

    is_away: bool = False

    async def read(self, sql: str, *values: object) -> list[Row]:
        """See `Database`."""
        self._require()
        return await super().read(sql, *values)

    async def write(self, work: Callable[[], Work[T]], keys: Iterable[str] = ()) -> T:
        """See `Database`."""
        self._require()
        return await super().write(work, keys)

    def _require(self) -> None:
        if self.is_away:
            raise StoreUnavailable("the scenario has made it unavailable")


class FaultyServer:
    """A server, and the network to it.

    Args:
        server: where webhooks go.
        database: of that server, for `away`; None: the server answers 503 then, and no more is known of it.

    Attributes:
        ordered: the faults that are still to come, in their order.
    """

    def __init__(self, server: Server, database: FailingDatabase | None = None) -> None:
        self._server = server
        self._database = database
        self._awaits_fallback = False
        self._gone: Any = None
        self.ordered: list[FaultKind] = []

    @property
    def now(self) -> datetime:
        """See `Server`."""
        return self._server.now

    async def deliver(self, request: Request) -> Response:
        """Deliver, with the next fault if the reply to this webhook is played."""
        if self._awaits_fallback:
            return await self._without_database(request)
        if self._gone is not None and (self._gone == (request.url, request.body) or _is_fallback(request)):
            return _lost(request)
        if not self.ordered or not request.is_awaited:
            return await self._server.deliver(request)
        match self.ordered.pop(0):
            case "unreadable":
                return await self._server.deliver(_unreadable(request))
            case "refused":
                return replace(await self._server.deliver(request), body=_REFUSED)
            case "away":
                return await self._without_database(request)
            case "gone":
                self._gone = request.url, request.body
        return _lost(request)

    async def _without_database(self, request: Request) -> Response:
        """A delivery while the database is away: the first one, the one after it, and that of the fallback."""
        if self._database is None:
            self._awaits_fallback = request.is_awaited and not self._awaits_fallback
            return Response(503) if request.is_awaited else await self._server.deliver(request)
        is_last = _is_fallback(request)
        self._awaits_fallback = not is_last
        self._database.is_away = request.is_awaited or is_last
        try:
            return await self._server.deliver(request)
        finally:
            self._database.is_away = False


def _is_fallback(request: Request) -> bool:
    return urlsplit(request.url).path.endswith(FALLBACK)


def _lost(request: Request) -> Response:
    return Response(0, seconds=request.answer_s, failure="timeout")


def _unreadable(request: Request) -> Request:
    """A POST whose body is cut off, a GET without its query."""
    return replace(request, body=b"{") if request.body else replace(request, url=request.url.partition("?")[0])


UNANSWERED: Final = "the scenario gives no answer"

Definitions = Mapping[tuple[str, str], LookupDefinition]
"""By the name of the flow and that of the lookup."""


def lookups_of(flows: Iterable[Flow]) -> Definitions:
    """The lookups that the steps of some flows ask."""
    return {
        (flow.name, asked.name): asked.definition
        for flow in flows
        for step in flow.steps.values()
        for asked in step.asks
    }


class Answers:
    """The answers of one call, each lookup's in turn.

    Args:
        given: what the scenario answers.
        definitions: the lookups of its flows.
        outside: asks those that the scenario says nothing about; None: they are not answered.

    Attributes:
        unanswered: the names of those that were not answered.
        misfits: the names of those whose answer does not fit what they declare, each with what is wrong.
    """

    def __init__(
        self, given: Mapping[str, GivenAnswers], definitions: Definitions, outside: LookUp | None = None
    ) -> None:
        self._given = given
        self._definitions = definitions
        self._outside = outside
        self._asked: dict[str, int] = {}
        self._answered: dict[str, LookupAnswer] = {}
        self.unanswered: list[str] = []
        self.misfits: dict[str, str] = {}

    async def ask(self, lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        """One answer for each, in their order; what is asked twice with one key gets the same answer."""
        for lookup in lookups:
            if lookup.key not in self._answered:
                self._answered[lookup.key] = await self._answer(lookup)
        return tuple([self._answered[lookup.key] for lookup in lookups])

    @property
    def notes(self) -> Iterable[str]:
        """Which lookups took their default though nothing says so, a sentence each."""
        for name in dict.fromkeys(self.unanswered):
            yield f'the lookup "{name}" had no answer, so its default was used; `given: {{{name}: ..}}` gives one'
        for name, problem in self.misfits.items():
            yield f'the answer of the lookup "{name}" does not fit, so its default was used: {problem}'

    async def _answer(self, lookup: Lookup) -> LookupAnswer:
        name = next((name for name in (f"{lookup.flow}.{lookup.name}", lookup.name) if name in self._given), None)
        if name is None and self._outside is not None:
            return (await self._outside((lookup,)))[0]
        if name is None:
            self.unanswered.append(lookup.name)
            return LookupAnswer(None, UNANSWERED)
        answers, number = self._given[name].answers, self._asked.get(name, 0)
        self._asked[name] = number + 1
        answer = answers[min(number, len(answers) - 1)]
        if isinstance(answer, NoAnswer):
            ms = lookup.request.timeout_ms
            return LookupAnswer(None, answer.problem or f"timed out after {ms} ms", 0 if answer.problem else ms)
        definition = self._definitions.get((lookup.flow, lookup.name))
        value = _answer_of(answer.node, definition.returns.type if definition else None)
        if definition is not None and (problem := definition.read(value)[1]):
            self.misfits[lookup.name] = problem
        return LookupAnswer(value)


def _answer_of(node: Node, type_: ValueType | None) -> Any:
    """What a lookup answers, as JSON. A text that is declared as one may look like a number."""
    if isinstance(node, Map):
        fields = type_.fields if type_ else {}
        return {entry.key.value: _answer_of(entry.value, fields.get(entry.key.value)) for entry in node.entries}
    if isinstance(node, Seq):
        item = type_.item if type_ else None
        return [_answer_of(each, item) for each in node.items]
    return node.value if type_ and type_.kind == "text" else json_of(node)
