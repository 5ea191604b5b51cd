"""The operations of calls, with their turns and webhooks. Each is one transaction."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from ncco_server.errors import AlreadyOpen, Conflict
from ncco_server.results import UNCONNECTED
from ncco_server.store import function_results, retention, table_rows
from ncco_server.store.database import Database, InDatabase, Insert, Keyed, Work
from ncco_server.store.hooks import add_hooks
from ncco_server.store.recordings import RecordingRow, add_recording
from ncco_server.store.results import (
    LOCK_CALL,
    SET_UNCONNECTED,
    EndOfCall,
    ResultRow,
    StoredCall,
    end_lost_results,
    end_results,
    may_change_result,
    refresh_result,
    set_result,
)
from ncco_server.store.rows import SESSION_COLUMNS, HookRow, SessionRow, TurnRow, WebhookRow, hash_of
from ncco_server.store.sql import FORGOTTEN_TABLE, Sql, marks
from ncco_server.table_rows import RowChange


class Caused(NamedTuple):
    """What a webhook or its turn causes, written with it.

    Attributes:
        hooks: to send.
        saves: changes of tables' rows.
        recording: what Vonage announces.
        parent: the call that dialled this party, which gets the turn's own result, if any.
        has_called: whether the turn called handlers' functions; their results are then deleted from `functions`.
    """

    hooks: Sequence[HookRow] = ()
    saves: Sequence[RowChange] = ()
    recording: RecordingRow | None = None
    parent: str = ""
    has_called: bool = False

    def with_later(self, later: Caused) -> Caused:
        """`later` is what the turn causes that this event leads to, or another event."""
        hooks = (*self.hooks, *later.hooks)
        saves = (*self.saves, *later.saves)
        return Caused(hooks, saves, later.recording or self.recording, later.parent, later.has_called)


NOTHING_CAUSED: Final = Caused()


def _insert_call_if(condition: str) -> Sql:
    """SQLite's OR FAIL saves an undo log, which a single row does not need."""
    call = f"""calls ({SESSION_COLUMNS})
    SELECT {marks(len(SessionRow._fields))}
    WHERE {condition}
    ON CONFLICT (id) DO NOTHING
    """
    return Sql(f"\n    INSERT INTO {call}", sqlite=f"INSERT OR FAIL INTO {call}")


# Enough until a call is first forgotten: it needs no hashes.
INSERT_CALL_IF_NONE_FORGOTTEN: Final = _insert_call_if(f"NOT EXISTS (SELECT 1 FROM {FORGOTTEN_TABLE})")

# Three conditions, because SQLite builds a table for `name IN (...)`.
INSERT_CALL_UNLESS_FORGOTTEN: Final = _insert_call_if(f"""
        NOT EXISTS (SELECT 1 FROM {FORGOTTEN_TABLE} WHERE name = $11)
        AND NOT EXISTS (SELECT 1 FROM {FORGOTTEN_TABLE} WHERE name = $12)
        AND NOT EXISTS (SELECT 1 FROM {FORGOTTEN_TABLE} WHERE name = $13)
""")

UPDATE_CALL: Final = Sql("""
    UPDATE calls
    SET leg = $2, conversation = $3, flow = $4, revision = $5, version = $6, state = $7, is_over = $8, created_at = $9,
        updated_at = $10
    WHERE id = $1 AND version + 1 = $6
        AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.call_key = calls.key AND turns.number = $11)
    RETURNING id, key
""")

INSERT_TURN: Final = Sql.insert("turns", ("call_key", *TurnRow._fields[1:]))

# call_key is NULL without a stored call. $12 is the call's key, if known.
INSERT_WEBHOOK: Final = Sql(f"""
    INSERT INTO webhooks ({", ".join(WebhookRow._fields)}, call_key)
    VALUES (
        {marks(len(WebhookRow._fields))}, coalesce(CAST($12 AS bigint), (SELECT key FROM calls WHERE id = $3))
    )
""")

SELECT_ANY_FORGOTTEN: Final = Sql(f"SELECT CAST($1 AS text) FROM {FORGOTTEN_TABLE} LIMIT 1")

SELECT_FORGOTTEN: Final = Sql(f"""
    SELECT CAST($1 AS text)
    WHERE EXISTS (SELECT 1 FROM {FORGOTTEN_TABLE} WHERE name = $1)
        OR EXISTS (SELECT 1 FROM {FORGOTTEN_TABLE} WHERE name = $2)
        OR EXISTS (SELECT 1 FROM {FORGOTTEN_TABLE} WHERE name = $3)
""")

SELECT_DELIVERED: Final = Sql("""
    SELECT calls.id
    FROM calls
    JOIN webhooks ON webhooks.call_key = calls.key
    WHERE calls.id = $1 AND webhooks.turn = $2 AND webhooks.wait = $3 AND webhooks.status = $4
    LIMIT 1
""")

# The rows of one kind that were stored for a turn, and when the latest came.
SELECT_LATEST: Final = Sql("""
    SELECT CAST($1 AS text), count(*), max(webhooks.received_at)
    FROM calls
    JOIN webhooks ON webhooks.call_key = calls.key
    WHERE calls.id = $1 AND webhooks.turn = $2 AND webhooks.kind = $3
""")

SELECT_CALL: Final = Sql(f"SELECT {SESSION_COLUMNS} FROM calls WHERE id = $1")


# Nearly every call's ID is its leg; the index of legs only contains the others. Each part is searched for in its own
# index, because SQLite would sort or store the rows of `key IN (...)`. PostgreSQL checks the condition again after
# another host's change.
SELECT_CALLS_OF_LEG: Final = Sql.of_leg(
    "$1",
    f"""
    SELECT {SESSION_COLUMNS} FROM calls
    WHERE id = $1 AND leg = id AND NOT is_over
    UNION ALL
    SELECT {SESSION_COLUMNS} FROM calls
    WHERE leg = $1 AND leg <> id AND NOT is_over
""",
)

LOCK_OPEN_CALLS: Final = Sql.of_leg(
    "$1",
    """
    SELECT leg, id, version, key, flow, created_at
    FROM calls
    WHERE (id = $1 AND leg = id AND NOT is_over) OR (leg = $1 AND leg <> id AND NOT is_over)
""",
).locking("FOR NO KEY UPDATE")

END_CALL: Final = Sql("UPDATE calls SET is_over = true, version = version + 1, updated_at = $2 WHERE key = $1")

# The time of the last change stays, so that the call is deleted with others of its age.
END_LOST_CALL: Final = Sql("""
    UPDATE calls SET is_over = true, version = version + 1
    WHERE id = $1 AND version = $2 AND NOT is_over
    RETURNING id, key, flow, created_at
""")

# `0` is the character after `/`, which may follow the leg in an ID.
SELECT_ENDED: Final = Sql("""
    SELECT flow, revision FROM calls WHERE id = $1 AND is_over
    UNION ALL
    SELECT flow, revision FROM calls WHERE id > $1 || '/' AND id < $1 || '0' AND leg = $1 AND is_over
""")

SELECT_REPLY: Final = Sql("""
    SELECT turns.ncco
    FROM calls
    JOIN turns ON turns.call_key = calls.key
    WHERE calls.id = $1 AND turns.cause_turn = $2 AND turns.cause_wait = $3
        AND coalesce(CAST($4 AS text), cause_status) = cause_status
    ORDER BY turns.number
    LIMIT 1
""")

SELECT_STATUSES: Final = Sql("""
    SELECT webhooks.wait, webhooks.status
    FROM calls
    JOIN webhooks ON webhooks.call_key = calls.key
    WHERE calls.id = $1 AND webhooks.turn >= $2 AND webhooks.wait >= 0
    ORDER BY webhooks.key
""")


def _add_turn(call_key: int, turn: TurnRow, webhook: WebhookRow, caused: Caused, taken: Sequence[str]) -> Work[None]:
    yield INSERT_TURN, (call_key, *turn[1:])
    yield INSERT_WEBHOOK, (*webhook, call_key if webhook.session == turn.session else None)
    if caused.hooks:
        yield from add_hooks(caused.hooks)
    if caused.parent:
        yield SET_UNCONNECTED, (caused.parent, turn.heard & UNCONNECTED)
        if turn.result:
            yield from set_result(caused.parent, turn.result, webhook.received_at)
    if caused.has_called:
        yield function_results.DELETE_OF_TURNS, (turn.session, turn.number)
    if caused.saves:
        yield from table_rows.write(caused.saves, taken, turn.created_at, f"call {turn.session}")
    if caused.recording is not None:
        yield from add_recording(caused.recording)


def _with_rows(keys: Sequence[str], saves: Sequence[RowChange]) -> Sequence[str]:
    return (*keys, *[save.row for save in saves]) if saves else keys


def _record(webhook: WebhookRow, caused: Caused) -> Work[None]:
    names = (webhook.session, webhook.leg, webhook.conversation)
    if (yield Keyed(SELECT_ANY_FORGOTTEN, (webhook.session,))) and (yield Keyed(SELECT_FORGOTTEN, _hashes(names))):
        return
    is_repeated = False
    may_change = may_change_result(webhook)
    may_repeat = bool(caused.hooks or caused.saves) and webhook.wait >= 0
    is_known = (may_repeat or may_change) and (yield Keyed(LOCK_CALL, (webhook.session,)))
    if may_repeat:
        delivery = (webhook.session, webhook.turn, webhook.wait, webhook.status)
        is_repeated = bool((yield Keyed(SELECT_DELIVERED, delivery)))
    yield INSERT_WEBHOOK, (*webhook, None)
    if not is_repeated:
        if caused.hooks:
            yield from add_hooks(caused.hooks)
        if caused.saves:
            yield from table_rows.write(caused.saves, (), webhook.received_at, f"call {webhook.session}")
    if caused.recording is not None:
        yield from add_recording(caused.recording)
    if may_change and is_known:
        yield from refresh_result(webhook.session, webhook.received_at)


def _hashes(names: Sequence[str]) -> list[str]:
    known = {name: hash_of(name) for name in names}  # two of them are nearly always the same
    return [known[name] for name in names]


class Calls(InDatabase):
    """The calls in an open database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._has_forgotten = False

    def open_call(
        self,
        session: SessionRow,
        turn: TurnRow,
        webhook: WebhookRow,
        caused: Caused = NOTHING_CAUSED,
    ) -> Coroutine[Any, Any, bool]:
        """Write a new call, its first turn, and what this has caused. Raises AlreadyOpen, RowTaken.

        Returns False if the call's ID, leg or conversation was forgotten; then only hashes of all three are written.
        """
        saves = caused.saves

        def work() -> Work[bool]:
            taken = (yield from table_rows.claim(saves, turn.created_at, f"call {turn.session}")) if saves else ()
            # the first INSERT is cheaper and usually enough; the second is always correct
            written = [] if self._has_forgotten else (yield Insert(INSERT_CALL_IF_NONE_FORGOTTEN, session))
            if not written:
                names = (session.id, session.leg, session.conversation)
                hashes = _hashes(names)
                written = yield Insert(INSERT_CALL_UNLESS_FORGOTTEN, (*session, *hashes))
                if written:  # it only wrote nothing because some calls are forgotten
                    self._has_forgotten = True
                elif (yield Keyed(SELECT_FORGOTTEN, hashes)):
                    yield from table_rows.release(taken)
                    for name, hash_ in zip(names, hashes, strict=True):
                        if name:
                            yield Keyed(retention.INSERT_FORGOTTEN, (hash_, webhook.received_at))
                    if caused.has_called:
                        yield function_results.DELETE_OF_TURNS, (turn.session, turn.number)
                    return False
                else:
                    yield from table_rows.release(taken)
                    raise AlreadyOpen(session.id)
            yield from _add_turn(written[0][1], turn, webhook, caused, taken)
            return True

        keys = (session.id, session.leg, webhook.session, caused.parent)
        return self.database.write(work, _with_rows(keys, saves))

    def advance(
        self,
        session: SessionRow,
        turn: TurnRow,
        webhook: WebhookRow,
        caused: Caused = NOTHING_CAUSED,
    ) -> Coroutine[Any, Any, None]:
        """Write the next turn if it is new and follows the stored version, and what this has caused.

        Raises Conflict otherwise, and RowTaken.
        """
        saves = caused.saves

        def work() -> Work[None]:
            taken = (yield from table_rows.claim(saves, turn.created_at, f"call {turn.session}")) if saves else ()
            written = yield Keyed(UPDATE_CALL, (*session, turn.number))
            if not written:
                yield from table_rows.release(taken)
                raise Conflict(session.id)
            yield from _add_turn(written[0][1], turn, webhook, caused, taken)

        keys = (session.id, session.leg, webhook.session, caused.parent)
        return self.database.write(work, _with_rows(keys, saves))

    def change(
        self, session: SessionRow, turn: int, webhook: WebhookRow, caused: Caused = NOTHING_CAUSED
    ) -> Coroutine[Any, Any, None]:
        """Write a webhook that changes what is known in the latest turn, so that the next one is played with it.

        Raises Conflict if `session` does not follow the stored version.
        """

        def work() -> Work[None]:
            if not (yield Keyed(UPDATE_CALL, (*session, turn + 1))):
                raise Conflict(session.id)
            yield from _record(webhook, caused)

        return self.database.write(work, _with_rows((session.id, session.leg), caused.saves))

    def record_at_intervals(self, webhook: WebhookRow, most: int, gap_ms: int) -> Coroutine[Any, Any, int | None]:
        """Write a webhook unless its turn has `most` of this kind (None), or the latest came less than `gap_ms` ago.

        Returns the milliseconds until the next one may be written, 0 if this one was.
        """

        def work() -> Work[int | None]:
            yield Keyed(LOCK_CALL, (webhook.session,))
            found = yield Keyed(SELECT_LATEST, (webhook.session, webhook.turn, webhook.kind))
            ((_, count, latest),) = found
            if count >= most:
                return None
            since = gap_ms if latest is None else abs(webhook.received_at - latest)  # a clock may have been set back
            if since >= gap_ms:
                yield from _record(webhook, NOTHING_CAUSED)
                return 0
            return gap_ms - int(since)

        return self.database.write(work, (webhook.session,))

    def record(self, webhook: WebhookRow, caused: Caused = NOTHING_CAUSED) -> Coroutine[Any, Any, None]:
        """Write a webhook that does not change the call; nothing is written for a forgotten call.

        A repeated delivery (the same turn, wait and status) writes no hooks.
        """
        return self.database.write(partial(_record, webhook, caused), _with_rows((webhook.session,), caused.saves))

    def end(
        self,
        leg: str,
        calls: Sequence[EndOfCall],
        webhook: WebhookRow,
        caused: Caused = NOTHING_CAUSED,
    ) -> Coroutine[Any, Any, list[ResultRow]]:
        """Write `webhook`, mark the open calls of `leg` as over (version + 1), and write their results.

        Raises Conflict if `calls`, oldest first, are not the leg's open calls; a missing leg ("") has none. The calls'
        `updated_at` becomes the webhook's `received_at`. Hooks of a repeated delivery are not written, nor, if no call
        was open, those of a webhook without a wait; the leg's calls with an unreported end then get this end. Returns
        the results, oldest first, without called parties.
        """

        def work() -> Work[list[ResultRow]]:
            at = webhook.received_at
            found = (yield Keyed(LOCK_OPEN_CALLS, (leg,))) if leg else []
            if {(call.id, call.version) for call in calls} != {(id_, version) for _, id_, version, *_ in found}:
                raise Conflict(leg)
            stored = {id_: StoredCall(*columns) for _, id_, _, *columns in found}
            for call in calls:
                yield END_CALL, (stored[call.id].key, at)
            is_caused = bool(calls) or webhook.wait >= 0
            yield from _record(webhook, caused if is_caused else NOTHING_CAUSED)
            if calls:
                return (yield from end_results([(call, stored[call.id]) for call in calls], at, leg=leg, is_lost=False))
            if leg:
                yield from end_lost_results(leg, at)
            return []

        return self.database.write(work, _with_rows((leg, webhook.session), caused.saves))

    def end_lost(
        self, call: EndOfCall, leg: str, at: int, caused: Caused = NOTHING_CAUSED
    ) -> Coroutine[Any, Any, list[ResultRow] | None]:
        """Mark a call with an unreported end as over, and write its result, hooks and rows. Its `updated_at` stays.

        Returns None, and writes nothing, if the call has changed.
        """

        def work() -> Work[list[ResultRow] | None]:
            found = yield Keyed(END_LOST_CALL, (call.id, call.version))
            if not found:
                return None
            yield from add_hooks(caused.hooks)
            if caused.saves:
                yield from table_rows.write(caused.saves, (), at, f"call {call.id}")
            return (yield from end_results([(call, StoredCall(*found[0][1:]))], at, leg=leg, is_lost=True))

        return self.database.write(work, _with_rows((leg, call.id), caused.saves))

    async def load(self, session: str) -> SessionRow | None:
        rows = await self.read(SELECT_CALL, session)
        return SessionRow.read(rows[0]) if rows else None

    async def calls_of(self, leg: str) -> list[SessionRow]:
        """Return the oldest first; a missing leg ("") has none."""
        rows = await self.read(SELECT_CALLS_OF_LEG, leg) if leg else []
        return sorted(map(SessionRow.read, rows), key=lambda row: (row.created_at, row.id))

    async def ended_flows(self, leg: str) -> list[tuple[str, str]]:
        return [(flow, revision) for flow, revision in await self.read(SELECT_ENDED, leg)]

    async def reply(self, session: str, turn: int, wait: int, status: str | None) -> bytes | None:
        """The NCCO that answered a delivery with this wait and status (None: any), or None.

        Turn and wait -1 mean the answer webhook.
        """
        rows = await self.read(SELECT_REPLY, session, turn, wait, status)
        return bytes(rows[0][0]) if rows else None

    async def statuses(self, session: str, turn: int) -> tuple[tuple[int, str], ...]:
        """The wait and status of each webhook of this and later turns, oldest first.

        Webhooks that came before their call was opened are left out.
        """
        rows = await self.read(SELECT_STATUSES, session, turn)
        return tuple((wait, status) for wait, status in rows)
