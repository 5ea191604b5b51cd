"""Calls that are placed to a server, what can be seen of them, and the faults that a scenario orders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from app.errors import AppError, StoreUnavailable
from app.flow.model import Flow
from app.service.calls import LookUp
from app.simulator.delivery import NOT_RETRIEVED, SYNTAX_ERROR, Application, Chaos, WebhookDelivery
from app.simulator.durations import Durations
from app.simulator.legs import Leg
from app.simulator.parties import Parties
from app.simulator.platform import Vonage
from app.simulator.scheduler import VirtualClock
from app.simulator.servers import Request, Response, Server
from app.store import HookRow, SessionRow, SqliteDatabase, Store, TurnRow, WebhookRow
from app.store.database import Row, Work
from app.verify.scenarios.model import ANY_NUMBER, ScenarioCall
from app.verify.scenarios.result import Result
from app.verify.scenarios.script import FaultKind


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


class PlacedCall:
    """A call, and what can be seen of it from outside.

    Args:
        application: the URLs of the server.
        network: the way to it.
        clock: virtual time.
        met: the parties and the network.
        seed: decides its ids.

    Attributes:
        call: what the caller experiences, once the call is placed.
    """

    call: Leg

    def __init__(
        self, application: Application, network: FaultyServer, clock: VirtualClock, met: Circumstances, seed: str
    ) -> None:
        chaos, durations = None if met.chaos is None else Chaos(met.chaos), Durations(met.streams)
        network.ordered += met.faults
        self.network = network
        self.vonage = Vonage(application, network, clock, met.parties, durations=durations, chaos=chaos, seed=seed)

    async def place(self, call: ScenarioCall, flows: Iterable[Flow] = ()) -> None:
        """Ring, and wait for the answer."""
        numbers = next((flow.numbers for flow in flows if flow.name == call.flow and flow.numbers), (ANY_NUMBER,))
        is_sip = bool(call.sip) or call.from_.lower().startswith(("sip:", "sips:"))
        kind = "app" if call.user or call.custom_data is not None else "sip" if is_sip else "phone"
        self.call = await self.vonage.call(
            call.to or numbers[0],
            None if call.user else call.from_,
            endpoint_type=call.endpoint_type or kind,
            from_user=call.user,
            sip_headers=call.sip,
            custom_data=call.custom_data,
        )

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


def complaint_of(delivery: WebhookDelivery) -> str:
    """What is wrong with the reply to a webhook, or what an error webhook reports; "" for nothing."""
    result = delivery.result
    if result is not None and result.failure and delivery.is_over:
        return f"{delivery.kind} webhook to {delivery.url}: {result.failure} {result.problem}".rstrip()
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


class CallStore(Store):
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
