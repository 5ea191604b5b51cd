"""The store in one SQLite file. Several processes of one host may use it at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from app.errors import StoreUnavailable
from app.store.contract import HookCounts, HookRow, RevisionRow, SessionRow, TurnRow, WebhookRow
from app.store.retention import Forgotten
from app.store.schema import Schema
from app.store.sqlite import forgetting, hook_statements, statements, sweeping
from app.store.sqlite.checkpoints import CHECKPOINT
from app.store.sqlite.faults import unavailable
from app.store.sqlite.opening import connector, prepare
from app.store.sqlite.reader import Reader
from app.store.sqlite.records import SqliteRecords
from app.store.sqlite.together import Advance, Opening, Record
from app.store.sqlite.versions import schema_of
from app.store.sqlite.writer import Writer
from app.store.texts import unicode

BUSY_MS = 1_500
"""How long a write waits for another process; two such waits in a row still end before Vonage gives up (5 s)."""

OPEN_WAIT_MS = 5_000
"""How long `open` waits for another process, which may be migrating the same file."""

CUT_S = 1.0
"""How long to try to cut the log behind a sweep; the next sweep tries again."""

QUEUE_LIMIT = 2_000
"""Writes that may wait; a further one is refused at once, since it would miss the caller's deadline."""

T = TypeVar("T")


class SqliteStore:
    """Calls in a file, in WAL mode and synced at every commit.

    Args:
        path: the file; it and its folder are created when missing.
        busy_ms, open_wait_ms: how long to wait for another process that writes.
        queue_limit: writes that may wait; a further one is refused at once.
        factory: the class of its connections.
    """

    reads_at_once = True

    def __init__(
        self,
        path: Path,
        *,
        busy_ms: int = BUSY_MS,
        open_wait_ms: int = OPEN_WAIT_MS,
        queue_limit: int = QUEUE_LIMIT,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        self.path = path
        self._factory = factory
        self._busy_ms = busy_ms
        self._open_wait_ms = open_wait_ms
        self._queue_limit = queue_limit
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._has_traces = False  # of what was swept, in the log

    async def open(self) -> None:
        """Connect, migrate to the newest schema, check that it is whole and can be written. Raises StoreUnusable."""
        if self._writer is not None:
            return
        path = await asyncio.to_thread(self.path.absolute)
        await asyncio.to_thread(prepare, path, self._factory, self._open_wait_ms)
        if self._writer is None:  # or another task has opened it meanwhile
            connect = connector(path, self._factory, creates=False)
            self._reader = Reader(path, connect, self._busy_ms)
            self._writer = Writer(path, connect, self._busy_ms, self._queue_limit)

    async def close(self) -> None:
        """Finish what was queued and let go of the file; it can be opened again."""
        writer, reader = self._writer, self._reader
        self._writer = self._reader = None
        if writer is not None and reader is not None:
            writer.end()
            reader.close()  # in the thread that reads
            await asyncio.to_thread(writer.wait)

    async def schema(self) -> Schema:
        """Which schema the file has; creates nothing. Raises StoreUnusable."""
        path = await asyncio.to_thread(self.path.absolute)
        return await asyncio.to_thread(schema_of, path, self._open_wait_ms)

    async def check(self) -> None:
        """Write and delete a row, to see that the file can be written and can grow."""
        await self._write(statements.probe)

    async def open_call(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write a new call with its first turn, in one transaction. Raises AlreadyOpen and writes nothing."""
        if hooks:
            await self._write(partial(statements.open_call, session=session, turn=turn, webhook=webhook, hooks=hooks))
        else:
            await self._write(Opening(session, turn, webhook))

    async def load(self, session: str) -> SessionRow | None:
        """The call, or None."""
        rows = await self._read(statements.SELECT_CALL, unicode(session))
        return statements.session_row(rows[0]) if rows else None

    async def calls_of(self, leg: str) -> list[SessionRow]:
        """The calls of a leg that are not over, oldest first; a missing leg ("") has none."""
        rows = await self._read(statements.SELECT_CALLS_OF_LEG, unicode(leg), unicode(leg))
        return [statements.session_row(row) for row in rows]

    async def advance(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write the next turn, in one transaction, if the stored version is `session.version - 1`. Raises Conflict."""
        if hooks:
            await self._write(partial(statements.advance, session=session, turn=turn, webhook=webhook, hooks=hooks))
        else:
            await self._write(Advance(session, turn, webhook))

    async def record(self, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()) -> None:
        """Write a webhook that steers nothing."""
        if hooks:
            await self._write(partial(statements.record, webhook=webhook, hooks=hooks))
        else:
            await self._write(Record(webhook))

    async def end(self, leg: str, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()) -> int:
        """Record `webhook` and mark every open call of `leg` as over; a missing leg ("") has no calls."""
        return await self._write(partial(statements.end, leg=leg, webhook=webhook, hooks=hooks))

    async def reply(self, session: str, turn: int, wait: int, status: str | None) -> bytes | None:
        """The NCCO that answered this delivery: same wait and same status (None: any status), or None."""
        wanted = None if status is None else unicode(status)
        rows = await self._read(statements.SELECT_REPLY, unicode(session), turn, wait, wanted)
        return bytes(rows[0][0]) if rows else None

    async def statuses(self, session: str, turn: int) -> tuple[tuple[int, str], ...]:
        """(wait, status) of every webhook recorded for a turn's waits, oldest first."""
        return tuple(await self._read(statements.SELECT_STATUSES, unicode(session), turn))

    async def save_revisions(self, revisions: Iterable[RevisionRow]) -> None:
        """Write those that are not there yet."""
        await self._write(partial(statements.save_revisions, revisions=tuple(revisions)))

    async def replace_revision(self, revision: RevisionRow) -> None:
        """Write it, in place of one with the same hash."""
        await self._write(partial(statements.replace_revision, revision=revision))

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""
        rows = await self._read(statements.SELECT_REVISION, unicode(hash_))
        return RevisionRow(*rows[0]) if rows else None

    async def has_due_hooks(self, now: int) -> bool:
        """Whether any hook is due."""
        return bool((await self._read(hook_statements.SELECT_ANY_DUE, now, now))[0][0])

    async def claim_hooks(self, now: int, leased_until: int, limit: int) -> list[HookRow]:
        """Take hooks that are due, longest due first."""
        return await self._write(partial(hook_statements.claim_hooks, now=now, leased_until=leased_until, limit=limit))

    async def hook_sent(self, id_: str, now: int) -> None:
        """Delete it; the next one of its session is due."""
        await self._write(partial(hook_statements.hook_sent, id_=id_, now=now))

    async def hook_failed(self, id_: str, tries: int, due_at: int, problem: str) -> None:
        """Let go of it until `due_at`, unless somebody has claimed it since."""
        await self._write(partial(hook_statements.hook_failed, id_=id_, tries=tries, due_at=due_at, problem=problem))

    async def put_off_hook(self, id_: str, tries: int, due_at: int) -> None:
        """Let go of it until `due_at` as if it had not been claimed."""
        await self._write(partial(hook_statements.put_off_hook, id_=id_, tries=tries, due_at=due_at))

    async def park_hook(self, id_: str, tries: int, problem: str, now: int) -> None:
        """Give it up, unless somebody has claimed it since; the next one of its session is due."""
        await self._write(partial(hook_statements.park_hook, id_=id_, tries=tries, problem=problem, now=now))

    async def retry_hooks(self, ids: Sequence[str] | None, now: int) -> int:
        """Let hooks with these ids (None: all) be due; returns how many."""
        return await self._write(partial(hook_statements.retry_hooks, ids=ids, now=now))

    async def drop_hooks(self, ids: Sequence[str] | None) -> int:
        """Delete parked hooks with these ids (None: all parked ones); returns how many."""
        return await self._write(partial(hook_statements.drop_hooks, ids=ids))

    async def hooks(self, limit: int) -> list[HookRow]:
        """Up to `limit` hooks, parked ones first, each kind oldest first."""
        return [hook_statements.hook_row(row) for row in await self._read(hook_statements.SELECT_HOOKS, limit)]

    async def count_hooks(self) -> HookCounts:
        """How many there are."""
        return hook_statements.counts((await self._read(hook_statements.COUNT_HOOKS))[0])

    async def forget(self, numbers: Sequence[str], *, dry_run: bool = False, may_rewrite: bool = True) -> Forgotten:
        """Delete every call that names one of the numbers; others may use the file meanwhile."""
        if self._writer is None:
            raise StoreUnavailable(f"{self.path} is not open")
        return await asyncio.to_thread(self._forget, numbers, dry_run, may_rewrite)

    def _forget(self, numbers: Sequence[str], dry_run: bool, may_rewrite: bool) -> Forgotten:
        path = self.path.absolute()
        try:
            connection = connector(path, self._factory, creates=False)(self._open_wait_ms)
            try:
                return forgetting.forget(
                    connection,
                    path,
                    numbers,
                    dry_run=dry_run,
                    may_rewrite=may_rewrite,
                    patience_s=self._open_wait_ms / 1000,
                )
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise unavailable(path, error) from error

    async def sweep(self, before: int, limit: int) -> int:
        """Delete a few calls, webhooks and hooks that are older; returns how many."""
        rows = await self._write(partial(sweeping.sweep, before=before, limit=limit))
        self._has_traces = self._has_traces or rows > 0
        return rows

    async def sweep_revisions(self, before: int, keep: Collection[str]) -> int:
        """Delete revisions from before that no call uses; the calls are read in small pieces. It ends a sweep."""
        rows = await self._read(sweeping.SELECT_OLD_REVISIONS, before)
        unused, seen = {row[0] for row in rows}.difference(keep), 0
        while unused and (calls := await self._read(sweeping.SELECT_USED, seen, sweeping.PIECE)):
            unused.difference_update(revision for _, revision in calls)
            seen = calls[-1][0]
            await asyncio.sleep(0)
        deleted = await self._write(partial(sweeping.delete_revisions, hashes=unused, seen=seen)) if unused else 0
        if self._has_traces or deleted:
            self._has_traces = not await asyncio.to_thread(self._cut_log)
        return deleted

    def _cut_log(self) -> bool:
        """Whether what was deleted is gone from the bytes too: deletes stand in the log until it is written back.

        Most of it is written back while others write; cutting it then takes them no time.
        """
        with suppress(sqlite3.Error), closing(connector(self.path.absolute(), self._factory, creates=False)(0)) as own:
            own.execute(CHECKPOINT).fetchall()
            return forgetting.empty_log(own, CUT_S)
        return False

    def records(self) -> SqliteRecords:
        """What reads the file beside this store, which need not be open."""
        return SqliteRecords(self.path, self._busy_ms)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            raise StoreUnavailable(f"{self.path} is not open")
        return await self._writer.write(work)

    async def _read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        if self._reader is None:
            raise StoreUnavailable(f"{self.path} is not open")
        return await self._reader.read(sql, values)
