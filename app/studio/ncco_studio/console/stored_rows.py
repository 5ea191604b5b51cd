"""What calls that are only played in the console read of the store: rows of tables, and hours decided by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fastapi import Request

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.errors import StoreError
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.service.hand_hours import HandHours
from ncco_server.service.row_lookups import rows_of
from ncco_server.store import Store
from ncco_server.store.table_rows import PIECE, TableRow, TableRows
from ncco_server.table_rows import table_of
from ncco_studio.console.sessions import ConsoleSession
from ncco_studio.console.state import Console, console_of


class PlayedRows(TableRows):
    """Rows of the project's tables, without sensitive columns unless `is_whole`."""

    def __init__(self, store: Store, tables: Mapping[str, TableDefinition], *, is_whole: bool = False) -> None:
        super().__init__(store.database)
        self._tables = tables
        self._is_whole = is_whole

    async def row(self, name: str, now: int) -> TableRow | None:
        table = self._tables.get(table_of(name))
        row = await super().row(name, now) if table is not None else None
        return None if row is None or table is None else self._shown(row, table)

    async def of_table(self, table: str, after: str = "", limit: int = PIECE) -> list[TableRow]:
        known = self._tables.get(table)
        return [] if known is None else [self._shown(row, known) for row in await super().of_table(table, after, limit)]

    def _shown(self, row: TableRow, table: TableDefinition) -> TableRow:
        names = [name for name, column in table.columns.items() if self._is_whole or not column.sensitive]
        return row._replace(columns={name: row.columns[name] for name in names if name in row.columns})


async def rows_for_call(console: Console, session: ConsoleSession, asked: Mapping[str, Any]) -> Sequence[Any] | None:
    """What `StoredRows` asks for; None while the database cannot be used.

    Only a saved flow gets sensitive columns, and only with the right to change, with which one could release it.
    """
    is_whole = asked["is_saved"] and session.role == "change"
    try:
        store = await console.opened_store()
        rows = PlayedRows(store, console.project.latest.project.tables, is_whole=is_whole)
        if asked["row"]:
            row = await rows.row(asked["row"], asked["now_or_most"])
            found = [] if row is None else [row]
        else:
            found = await rows.of_table(asked["table"], limit=asked["now_or_most"])
    except StoreError:
        return None
    return [(row.name, row.columns, row.expires_at) for row in found]


class PlayedWorld(NamedTuple):
    """What was decided by hand, and a function that answers lookups in tables: it blocks, and may raise StoreError."""

    by_hand: HandHours
    rows: Callable[[tuple[Lookup, ...]], tuple[LookupAnswer, ...]]


async def played_world(request: Request) -> PlayedWorld:
    """For a page that says what callers hear; its thread must not be that of the event loop."""
    console = console_of(request)
    loop = asyncio.get_running_loop()

    async def answer(wanted: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        rows = PlayedRows(await console.opened_store(), console.project.latest.project.tables)
        return await rows_of(rows, wanted)

    by_hand = await console.hand_hours(datetime.now(UTC))
    return PlayedWorld(by_hand, lambda wanted: asyncio.run_coroutine_threadsafe(answer(wanted), loop).result())


async def remember_world(request: Request) -> None:
    """Keep it for the route, in `request.state.played`."""
    request.state.played = await played_world(request)
