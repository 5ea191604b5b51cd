"""The store of calls, turns, webhooks, flow revisions and hooks, in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from ncco_server.store import retention, table_rows
from ncco_server.store.api_keys import ApiKeys
from ncco_server.store.calls import Calls
from ncco_server.store.changes import Changes
from ncco_server.store.database import Database, Many, Work, in_one_transaction
from ncco_server.store.forgetting import forget
from ncco_server.store.function_results import FunctionResults
from ncco_server.store.hooks import Hooks
from ncco_server.store.migrations import probe
from ncco_server.store.placed import PlacedCalls
from ncco_server.store.recordings import Recordings
from ncco_server.store.records import SELECT_REVISION, Records
from ncco_server.store.results import Results
from ncco_server.store.rows import Forgotten, RevisionRow, Schema
from ncco_server.store.sql import RECORDINGS_TABLE, Sql
from ncco_server.table_rows import StoredTypes

SELECT_ANY_RECORDING: Final = Sql(f"SELECT EXISTS (SELECT 1 FROM {RECORDINGS_TABLE} LIMIT 1)")

INSERT_REVISION: Final = Sql.insert("revisions", RevisionRow._fields, "ON CONFLICT (hash) DO NOTHING")

REPLACE_REVISION: Final = Sql.insert(
    "revisions",
    RevisionRow._fields,
    """
    ON CONFLICT (hash) DO UPDATE
    SET flow = excluded.flow, sources = excluded.sources, created_at = excluded.created_at
    """,
)


class Store(Calls):
    """The store in a database. Every method, also of its parts, may raise StoreUnavailable.

    Once a method has returned, its changes survive a crash or power failure; if it is cancelled, all are written or
    none. Hooks are written in the transaction that causes them.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.label = database.label
        self.path: Path | None = database.path
        self.is_durable = database.is_durable
        self.results = Results(database)
        self.functions = FunctionResults(database)
        self.hooks = Hooks(database)
        self.recordings = Recordings(database)
        self.tables = table_rows.TableRows(database)
        self.changes = Changes(database)
        self.placed = PlacedCalls(database)
        self.api_keys = ApiKeys(database)

    async def has_recordings(self) -> bool:
        return await self.is_any(SELECT_ANY_RECORDING)

    async def open(self) -> None:
        """See `Database.open`. Raises StoreUnusable, or StoreUnavailable if a retry may succeed."""
        await self.database.open()

    async def close(self) -> None:
        await self.database.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def schema(self) -> Schema:
        """The store need not be open. Raises StoreUnusable if it is not ours or too new."""
        return await self.database.schema()

    @asynccontextmanager
    async def records(self) -> AsyncIterator[Records]:
        """The store need not be open. Raises StoreUnusable, as `Database.reading`."""
        async with self.database.reading() as read:
            yield Records(read)

    async def check(self) -> None:
        await self.database.write(probe)

    # Revisions

    @in_one_transaction
    def save_revisions(self, revisions: Iterable[RevisionRow]) -> Work[None]:
        yield Many(INSERT_REVISION, sorted(revisions))

    @in_one_transaction
    def replace_revision(self, revision: RevisionRow) -> Work[None]:
        yield REPLACE_REVISION, revision

    async def revision(self, hash_: str) -> RevisionRow | None:
        return await self.one(RevisionRow._make, SELECT_REVISION, hash_)

    # Deletion

    async def forget(
        self,
        numbers: Sequence[str],
        *,
        tables: Mapping[str, StoredTypes] = MappingProxyType({}),
        now: int = 0,
        dry_run: bool = False,
        rewrite: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> Forgotten:
        """Delete all calls that contain one of the numbers (digits with the country code), with their rows.

        Their webhooks and lookup results count too. Hashes of the calls' sessions, legs and conversations are kept as
        long as calls, so that late webhooks are not written. `rewrite` blocks writers; see `Database.purge`. `tell` is
        called with the progress, again and again.
        """
        return await forget(self.database, numbers, tables=tables, now=now, dry_run=dry_run, rewrite=rewrite, tell=tell)

    async def sweep(self, before: int, limit: int, now: int) -> int:
        """Delete up to `limit` rows of each kind that are older than `before`; return how many.

        Times are in milliseconds since 1970. A call's age is that of its last change. Webhooks without a call are only
        deleted once fewer than `limit` calls are left.
        """
        self._has_forgotten = False  # the last forgotten call's hashes may be deleted; `open_call` will notice
        return await self.database.write(partial(retention.sweep, before, limit, now))

    async def sweep_revisions(self, before: int, keep: Collection[str]) -> int:
        """Delete older, unused revisions that are not in `keep`; return how many.

        Call this last: it also removes deleted data from the files.
        """
        return await retention.sweep_revisions(self.database, before, keep)
