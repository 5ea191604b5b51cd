"""Places calls to a server, observes them, and injects the faults of a scenario."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from ncco_server.errors import AppError, StoreUnavailable
from ncco_server.flow.model import Flow
from ncco_server.ncco.durations import Durations
from ncco_server.service.functions import AnswerLookups
from ncco_server.store import (
    EndOfCall,
    HookRow,
    ResultRow,
    SessionRow,
    SqliteDatabase,
    Store,
    TurnRow,
    WebhookRow,
)
from ncco_server.store.database import Row, Work
from ncco_server.store.sql import Sql
from ncco_server.store.table_rows import DELETE_ROW, all_rows
from ncco_server.table_rows import RowChange
from ncco_studio.simulator.assumptions import After
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import NOT_RETRIEVED, SYNTAX_ERROR, Application, Chaos, WebhookDelivery
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.servers import Request, Response, Server
from ncco_studio.verify.scenarios.model import ANY_NUMBER, ScenarioCall
from ncco_studio.verify.scenarios.result import Result
from ncco_studio.verify.scenarios.script import FaultKind, ScriptStep


class NoServer(AppError):
    """There is no server at the answer URL, `url`."""

    def __init__(self, url: str) -> None:
        cure = "start it, or write its answer URL as you would enter it at Vonage"
        super().__init__(f"there is no server at {url}", cure)
        self.url = url


@dataclass(frozen=True, slots=True)
class Outside:
    """The real environment, lookups and hooks, for `--live`.

    Attributes:
        look_ups: makes a function for lookups without a given answer.
        post: sends a hook; returns the error, "" if it was sent.
    """

    env: Mapping[str, str]
    look_ups: Callable[[], AnswerLookups]
    post: Callable[[HookRow], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class CallConditions:
    """The parties, the platform and the network of a call.

    Attributes:
        streams: the length of audio files in seconds, by URL.
        chaos: the seed of random network faults; None: no faults.
        faults: the faults of the first webhooks, in order.
        phone: the called phone's behaviour at each attempt of a placed call; the last one repeats.
        after_connect: as in `Assumptions`; None for the assumed behaviour.
    """

    parties: Parties
    streams: Mapping[str, float]
    chaos: int | None = None
    faults: Sequence[FaultKind] = ()
    script: tuple[ScriptStep, ...] = ()
    phone: tuple[Behaviour, ...] = ()
    after_connect: After | None = None


class ObservedCall:
    """A call to a server, observed from outside.

    Args:
        seed: determines the ids of the call.

    Attributes:
        leg: the caller's leg, once the call is placed.
        phone: as in `CallConditions`.
    """

    leg: Leg

    def __init__(
        self,
        application: Application,
        network: FaultyServer,
        clock: VirtualClock,
        conditions: CallConditions,
        seed: str,
    ) -> None:
        chaos = None if conditions.chaos is None else Chaos(conditions.chaos)
        durations = Durations(conditions.streams)
        self.pending_faults = network.pending_faults
        self.pending_faults += conditions.faults
        self.phone = conditions.phone
        if conditions.after_connect is not None:
            assumes = replace(application.assumes, after_connect=conditions.after_connect)
            application = replace(application, assumes=assumes)
        parties = conditions.parties
        self.vonage = Vonage(application, network, clock, parties, durations=durations, chaos=chaos, seed=seed)

    async def place(self, call: ScenarioCall, flows: Iterable[Flow] = ()) -> None:
        numbers = next((flow.numbers for flow in flows if flow.name == call.flow and flow.numbers), (ANY_NUMBER,))
        is_sip = bool(call.sip) or call.from_.lower().startswith(("sip:", "sips:"))
        kind = "app" if call.user or call.custom_data is not None else "sip" if is_sip else "phone"
        self.leg = await self.vonage.call(
            call.to or numbers[0],
            None if call.user else call.from_,
            endpoint_type=call.endpoint_type or kind,
            from_user=call.user,
            sip_headers=call.sip,
            custom_data=call.custom_data,
            uuid=call.uuid,
        )

    async def attempts(self) -> Sequence[tuple[datetime, str]]:
        """The time and outcome ("" for none yet) of a placed call's attempts; () for an incoming call."""
        return ()

    @property
    def turns(self) -> Sequence[StoredTurn]:
        """Of the call and its called parties, in order; () if the server does not show them."""
        return ()

    def observe(self, result: Result) -> None:
        leg = self.leg
        result.transcript = leg.transcript
        result.called = tuple(other.transcript for other in leg.dialled)
        result.seconds = max((heard.at for heard in leg.transcript if heard.kind in ("ended", "hung up")), default=0.0)
        result.is_answered = leg.is_answered
        result.performed = tuple(leg.performed)
        result.webhooks = tuple(sent for sent in leg.log if sent.attempts)
        result.answered_s = leg.zero_ms / 1000

    @property
    def problems(self) -> Iterator[str]:
        """NCCOs that the platform could not play, and parties that it could not dial."""
        yield from filter(None, map(problem_of, self.leg.log))
        yield from (other.problem for other in self.leg.dialled if other.problem)


def problem_of(delivery: WebhookDelivery) -> str:
    """Return "" unless the reply failed or the webhook reports an error."""
    result = delivery.result
    if result is not None and result.failure and delivery.is_over:
        return f"{delivery.kind} webhook to {delivery.url}: {result.failure} {result.problem}".rstrip()
    if delivery.kind == "error" and delivery.fields["reason"] not in (SYNTAX_ERROR, NOT_RETRIEVED):
        return f"the platform reports an error: {delivery.fields['reason']}"
    return ""


def warnings_of(delivery: WebhookDelivery) -> Iterator[str]:
    """Issues of an NCCO that is played despite them."""
    if delivery.ncco is not None and delivery.result is not None:
        for issue in delivery.result.issues:
            yield f"{delivery.kind} webhook: {issue.code} {issue.path}: {issue.message}"


FALLBACK: Final = "/fallback"
"""The end of the path of the fallback URL."""
_REFUSED: Final = b'[{"action": "refused"}]'
_MOST_HOOKS: Final = 10_000
T = TypeVar("T")


class FailingDatabase(SqliteDatabase):
    """A database in memory that is unavailable while `is_away` is set."""

    is_away: bool = False

    async def read(self, sql: Sql, *values: object) -> list[Row]:
        self._require()
        return await super().read(sql, *values)

    async def write(
        self, work: Callable[[], Work[T]], keys: Sequence[str] = (), *, is_long: bool = False, is_flushed: bool = True
    ) -> T:
        self._require()
        return await super().write(work, keys, is_long=is_long, is_flushed=is_flushed)

    def _require(self) -> None:
        if self.is_away:
            raise StoreUnavailable("the scenario made it unavailable")


class StoredTurn(NamedTuple):
    """A written turn, and the session after it."""

    session: SessionRow
    turn: TurnRow


class CallStore(Store):
    """Also collects turns, webhooks of waits and sent hooks in the order of writing."""

    def __init__(self, database: FailingDatabase) -> None:
        super().__init__(database)
        self.turns: list[StoredTurn] = []
        self.webhooks: list[WebhookRow] = []
        self.sent: list[HookRow] = []

    async def open_call(self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, **more: Any) -> bool:
        is_written = await super().open_call(session, turn, webhook, **more)
        self.turns.append(StoredTurn(session, turn))
        await self._remember(webhook, **more)
        return is_written

    async def advance(self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, **more: Any) -> None:
        await super().advance(session, turn, webhook, **more)
        self.turns.append(StoredTurn(session, turn))
        await self._remember(webhook, **more)

    async def record(self, webhook: WebhookRow, **more: Any) -> None:
        await super().record(webhook, **more)
        await self._remember(webhook, **more)

    async def end(self, leg: str, calls: Sequence[EndOfCall], webhook: WebhookRow, **more: Any) -> list[ResultRow]:
        ended = await super().end(leg, calls, webhook, **more)
        await self._remember(webhook, **more)
        return ended

    async def replace_rows(self, changes: Sequence[RowChange], now: int) -> None:
        names = [name async for name, _ in all_rows(self.database)]

        def clear() -> Work[None]:
            for name in names:
                yield DELETE_ROW, (name,)

        if names:
            await self.database.write(clear)
        if changes:
            await self.tables.change(changes, now, "the scenario")

    async def _remember(self, webhook: WebhookRow, hooks: Sequence[HookRow] = (), **_: Any) -> None:
        """Read hooks from the database, which does not get those of a repeated delivery."""
        if webhook.wait >= 0:
            self.webhooks.append(webhook)
        if hooks:
            await self.take_hooks()

    async def take_hooks(self) -> None:
        for row in await self.hooks.first(_MOST_HOOKS):
            await self.hooks.sent(row.id, row.created_at)
            self.sent.append(row)


class FaultyServer:
    """A server behind a network that injects the `pending_faults`, in order.

    `away` makes `database` unavailable; without one, it replies 503.
    """

    def __init__(self, server: Server, database: FailingDatabase | None = None) -> None:
        self._server = server
        self._database = database
        self._awaits_fallback = False
        self._gone: Any = None
        self.pending_faults: list[FaultKind] = []

    @property
    def now(self) -> datetime:
        return self._server.now

    async def deliver(self, request: Request) -> Response:
        """Apply the next fault if the reply to the request would be played."""
        if self._awaits_fallback:
            return await self._without_database(request)
        if self._gone is not None and (self._gone == (request.url, request.body) or _is_fallback(request)):
            return _lost(request)
        if not self.pending_faults or not request.is_awaited:
            return await self._server.deliver(request)
        match self.pending_faults.pop(0):
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
    """Cut off the body or, for a GET, remove the query."""
    return replace(request, body=b"{") if request.body else replace(request, url=request.url.partition("?")[0])
