"""The store: durable calls, turns, webhooks, revisions and hooks, in one of two databases."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from app.store import calls, hooks, retention
from app.store.database import Database
from app.store.records import Records
from app.store.rows import Forgotten, HookCounts, HookRow, RevisionRow, Schema, SessionRow, TurnRow, WebhookRow


class Store:
    """Calls in a database. Every method may raise StoreUnavailable; other errors are documented with the method.

    What a method has written when it returns is still there after a crash or a power cut. A method that was cancelled
    has written all of its rows or none. Hooks are written in the same transaction as what they come with.

    Args:
        database: where to keep them, not open yet.

    Attributes:
        label: names the database in messages, without user and password.
        path: the file, where the database is one.
        is_durable: whether calls outlive the process.
        reads_at_once: whether reading a call never waits.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.label = database.label
        self.path: Path | None = database.path
        self.is_durable = database.is_durable
        self.reads_at_once = database.reads_at_once

    async def open(self) -> None:
        """Connect, migrate to the newest schema, check that it can be written.

        Raises StoreUnusable; StoreUnavailable when the same may succeed later.
        """
        await self._database.open()

    async def close(self) -> None:
        """Finish what was begun and disconnect; a closed store can be opened again."""
        await self._database.close()

    async def schema(self) -> Schema:
        """Which schema the database has; changes nothing, creates nothing. The store need not be open.

        Raises StoreUnusable when it belongs to a newer version or to another program.
        """
        return await self._database.schema()

    def records(self) -> Records:
        """Reads what is recorded, beside this store, which need not be open."""
        return Records(self._database.reader())

    async def check(self) -> None:
        """Write and delete a row, to see that the database can be written and can grow."""
        await self._database.write(calls.probe)

    # Calls

    async def open_call(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write a new call with its first turn. Raises AlreadyOpen and writes nothing."""
        work = partial(calls.open_call, session, turn, webhook, hooks)
        await self._database.write(work, (session.id, session.leg, webhook.session))

    async def advance(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write the next turn, if the stored version is `session.version - 1`. Raises Conflict and writes nothing.

        A turn number that the call has already is a Conflict too.
        """
        work = partial(calls.advance, session, turn, webhook, hooks)
        await self._database.write(work, (session.id, session.leg, webhook.session))

    async def record(self, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()) -> None:
        """Write a webhook that steers nothing.

        Its hooks are left out when its call has recorded the same delivery before: same turn, wait and status.
        """
        await self._database.write(partial(calls.record, webhook, hooks), (webhook.session,))

    async def end(self, leg: str, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()) -> int:
        """Record `webhook` and mark every open call of `leg` as over (version + 1); returns how many there were.

        A missing leg ("") has no calls. The calls' `updated_at` becomes the webhook's `received_at`. Hooks of a second
        delivery are left out as in `record`; those of a webhook that came in on no wait, when nothing was open.
        """
        return await self._database.write(partial(calls.end, leg, webhook, hooks), (leg, webhook.session))

    async def load(self, session: str) -> SessionRow | None:
        """The call, or None."""
        rows = await self._database.read(calls.SELECT_CALL, session)
        return calls.session_row(rows[0]) if rows else None

    async def calls_of(self, leg: str) -> list[SessionRow]:
        """The calls of a leg that are not over, oldest first; a missing leg ("") has none."""
        return [calls.session_row(row) for row in await self._database.read(calls.SELECT_CALLS_OF_LEG, leg)]

    async def reply(self, session: str, turn: int, wait: int, status: str | None) -> bytes | None:
        """The NCCO that answered this delivery: same wait and same status (None: any status), or None.

        `turn` and `wait` -1 ask for the reply to the answer webhook.
        """
        rows = await self._database.read(calls.SELECT_REPLY, session, turn, wait, status)
        return bytes(rows[0][0]) if rows else None

    async def statuses(self, session: str, turn: int) -> tuple[tuple[int, str], ...]:
        """(wait, status) of every webhook recorded for a turn's waits, in the order of writing.

        A webhook that was recorded before its call was opened belongs to none.
        """
        rows = await self._database.read(calls.SELECT_STATUSES, session, turn)
        return tuple((wait, status) for wait, status in rows)

    # Revisions

    async def save_revisions(self, revisions: Iterable[RevisionRow]) -> None:
        """Write those that are not there yet."""
        await self._database.write(partial(calls.save_revisions, tuple(revisions)))

    async def replace_revision(self, revision: RevisionRow) -> None:
        """Write it, in place of one with the same hash."""
        await self._database.write(partial(calls.replace_revision, revision))

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""
        rows = await self._database.read(calls.SELECT_REVISION, hash_)
        return RevisionRow(*rows[0]) if rows else None

    # Hooks that are not sent yet

    async def has_due_hooks(self, now: int) -> bool:
        """Whether `claim_hooks` would find any. Writes nothing."""
        return bool((await self._database.read(hooks.SELECT_ANY_DUE, now))[0][0])

    async def claim_hooks(self, now: int, leased_until: int, limit: int) -> list[HookRow]:
        """Take up to `limit` hooks that are due and that nobody tries, longest due first; returns them as they are now.

        Their `tries` are one more and nobody else gets them before `leased_until`. At most one of each session.
        """
        return await self._database.write(partial(hooks.claim_hooks, now, leased_until, limit))

    async def hook_sent(self, id_: str, now: int) -> None:
        """Delete a hook; the next one of its session is due `now`. One that is gone is no fault."""
        await self._database.write(partial(hooks.hook_sent, id_, now))

    async def hook_failed(self, id_: str, tries: int, due_at: int, problem: str) -> None:
        """Release a hook until `due_at`, unless somebody has claimed it since (`tries` is then another)."""
        await self._database.write(partial(hooks.hook_failed, id_, tries, due_at, problem))

    async def put_off_hook(self, id_: str, tries: int, due_at: int) -> None:
        """Release a hook until `due_at` as if it had not been claimed, unless somebody has claimed it since."""
        await self._database.write(partial(hooks.put_off_hook, id_, tries, due_at))

    async def park_hook(self, id_: str, tries: int, problem: str, now: int) -> None:
        """Give a hook up, unless somebody has claimed it since; the next one of its session is due `now`."""
        await self._database.write(partial(hooks.park_hook, id_, tries, problem, now))

    async def retry_hooks(self, ids: Sequence[str] | None, now: int) -> int:
        """Let hooks with these ids (None: all) be due `now`, parked ones with all their tries; returns how many.

        One that waits for an earlier one of its session goes on waiting, and is not counted; nor is one that is gone.
        """
        return await self._database.write(partial(hooks.retry_hooks, ids, now))

    async def drop_hooks(self, ids: Sequence[str] | None) -> int:
        """Delete parked hooks with these ids (None: all parked ones); returns how many. Those that wait stay."""
        return await self._database.write(partial(hooks.drop_hooks, ids))

    async def hooks(self, limit: int) -> list[HookRow]:
        """Up to `limit` hooks, parked ones first, each kind oldest first."""
        return [hooks.hook_row(row) for row in await self._database.read(hooks.SELECT_HOOKS, limit)]

    async def count_hooks(self) -> HookCounts:
        """How many there are."""
        return HookCounts(*(await self._database.read(hooks.COUNT_HOOKS))[0])

    # What is deleted

    async def forget(self, numbers: Sequence[str], *, dry_run: bool = False, may_rewrite: bool = True) -> Forgotten:
        """Delete every call that contains one of the numbers, with its turns, webhooks and hooks.

        A call contains a number that it came from, went to or dialled, that a webhook of it mentioned, or that a lookup
        answered. Webhooks and hooks that belong to no stored call are deleted by themselves. What is deleted is removed
        from the files too, as far as the store controls them.

        Args:
            numbers: digits with the country code.
            dry_run: count, and delete nothing.
            may_rewrite: whether all data may be rewritten, which blocks writers meanwhile, when older copies of what
                was deleted are found in the files.
        """
        return await retention.forget(self._database, numbers, dry_run=dry_run, may_rewrite=may_rewrite)

    async def sweep(self, before: int, limit: int) -> int:
        """Delete a little of what is older than `before` (milliseconds since 1970).

        Up to `limit` calls whose last change is older, with their turns and webhooks; where there are fewer, up to as
        many webhooks that belong to no call; and as many hooks. It costs the same however much is too old. Returns how
        many rows of these three kinds were deleted; 0: there are no more.
        """
        return await self._database.write(partial(retention.sweep, before, limit))

    async def sweep_revisions(self, before: int, keep: Collection[str]) -> int:
        """Delete revisions from before that no call uses, except those with a hash in `keep`; returns how many.

        It ends a sweep: what the sweep has deleted is then removed from the files too, as far as possible.
        """
        return await retention.sweep_revisions(self._database, before, keep)
