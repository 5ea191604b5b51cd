"""The server of a scenario, its store, and the network before it, with the faults of the scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from ncco_server.errors import StoreUnavailable
from ncco_server.store import (
    NOTHING_CAUSED,
    Caused,
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
from ncco_studio.simulator.servers import Request, Response, Server
from ncco_studio.verify.scenarios.script import FaultKind

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

    async def open_call(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, caused: Caused = NOTHING_CAUSED
    ) -> bool:
        is_written = await super().open_call(session, turn, webhook, caused)
        self.turns.append(StoredTurn(session, turn))
        await self._remember(webhook, caused)
        return is_written

    async def advance(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, caused: Caused = NOTHING_CAUSED
    ) -> None:
        await super().advance(session, turn, webhook, caused)
        self.turns.append(StoredTurn(session, turn))
        await self._remember(webhook, caused)

    async def record(self, webhook: WebhookRow, caused: Caused = NOTHING_CAUSED) -> None:
        await super().record(webhook, caused)
        await self._remember(webhook, caused)

    async def end(
        self, leg: str, calls: Sequence[EndOfCall], webhook: WebhookRow, caused: Caused = NOTHING_CAUSED
    ) -> list[ResultRow]:
        ended = await super().end(leg, calls, webhook, caused)
        await self._remember(webhook, caused)
        return ended

    async def replace_rows(self, changes: Sequence[RowChange], now: int) -> None:
        names = [name async for name, _ in all_rows(self.database)]

        def clear() -> Work[None]:
            for name in names:
                yield DELETE_ROW, (name,)

        if names:
            await self.database.write(clear)
        if changes:
            await self.tables.change(changes, now, "an import")

    async def _remember(self, webhook: WebhookRow, caused: Caused) -> None:
        """Read hooks from the database, which does not get those of a repeated delivery."""
        if webhook.wait >= 0:
            self.webhooks.append(webhook)
        if caused.hooks:
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
