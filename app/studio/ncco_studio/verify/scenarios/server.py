"""The server of a scenario, its store, and the network before it, with the faults of the scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar
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
from ncco_server.store.database import Database, Row, Work
from ncco_server.store.sql import Sql
from ncco_server.store.table_rows import DELETE_ROW, PIECE, TableRow, TableRows, all_rows
from ncco_server.table_rows import RowChange, table_of
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


class CopiedRow(NamedTuple):
    """A row of another store; `expires_at` is as in `TableRow`."""

    name: str
    columns: Mapping[str, Any]
    expires_at: int | None


ReadRows: TypeAlias = Callable[[str, str, int], Sequence[CopiedRow]]
"""Reads a row of a table by its name at a time, or the first rows of the table if the name is "" (how many instead of
the time). Raises StoreUnavailable."""


class CopiedRows(TableRows):
    """Copies each row of another store when it is first read or changed here."""

    def __init__(self, database: Database, read: ReadRows) -> None:
        super().__init__(database)
        self._read = read
        self._known = set[str]()

    async def row(self, name: str, now: int) -> TableRow | None:
        await self.copy([name], now)
        return await super().row(name, now)

    async def of_table(self, table: str, after: str = "", limit: int = PIECE) -> list[TableRow]:
        if table not in self._known:
            self._known.add(table)
            await self._write(self._read(table, "", limit))
        return await super().of_table(table, after, limit)

    async def copy(self, names: Iterable[str], now: int) -> None:
        for name in names:
            if name not in self._known:
                await self._write(self._read(table_of(name), name, now))
                self._known.add(name)

    async def _write(self, rows: Iterable[CopiedRow]) -> None:
        new = [row for row in rows if row.name not in self._known]
        self._known.update(row.name for row in new)
        changes = [RowChange(row.name, row.columns, keep_ms=row.expires_at or 0) for row in new]
        if changes:
            await self.change(changes, 0, "")


class StoredTurn(NamedTuple):
    """A written turn, and the session after it."""

    session: SessionRow
    turn: TurnRow


class CallStore(Store):
    """Also collects turns, webhooks of waits and sent hooks in the order of writing.

    `read_rows` reads the rows of tables that are not here yet; None if there are no others.
    """

    def __init__(self, database: FailingDatabase, read_rows: ReadRows | None = None) -> None:
        super().__init__(database)
        self._copied = CopiedRows(database, read_rows) if read_rows is not None else None
        self.tables = self._copied or self.tables
        self.turns: list[StoredTurn] = []
        self.webhooks: list[WebhookRow] = []
        self.sent: list[HookRow] = []

    async def open_call(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, caused: Caused = NOTHING_CAUSED
    ) -> bool:
        await self._copy_rows(webhook, caused)
        is_written = await super().open_call(session, turn, webhook, caused)
        self.turns.append(StoredTurn(session, turn))
        await self._remember(webhook, caused)
        return is_written

    async def advance(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, caused: Caused = NOTHING_CAUSED
    ) -> None:
        await self._copy_rows(webhook, caused)
        await super().advance(session, turn, webhook, caused)
        self.turns.append(StoredTurn(session, turn))
        await self._remember(webhook, caused)

    async def record(self, webhook: WebhookRow, caused: Caused = NOTHING_CAUSED) -> None:
        await self._copy_rows(webhook, caused)
        await super().record(webhook, caused)
        await self._remember(webhook, caused)

    async def end(
        self, leg: str, calls: Sequence[EndOfCall], webhook: WebhookRow, caused: Caused = NOTHING_CAUSED
    ) -> list[ResultRow]:
        await self._copy_rows(webhook, caused)
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

    async def _copy_rows(self, webhook: WebhookRow, caused: Caused) -> None:
        """A row that the call changes without reading it, such as a counter, goes on from its stored value."""
        if self._copied is not None:
            await self._copied.copy((save.row for save in caused.saves), webhook.received_at)

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
