"""A store in memory: for tests, for `ncco render`, for measuring what durability costs. It ends with the process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from app.errors import AlreadyOpen, Conflict, StoreUnavailable
from app.store.contract import HookCounts, HookRow, RevisionRow, SessionRow, TurnRow, WebhookRow
from app.store.memory_outbox import MemoryOutbox
from app.store.memory_records import MemoryRecords
from app.store.memory_retention import MemoryRetention
from app.store.retention import Forgotten


class MemoryStore:
    """Keeps the rows as they come. No method gives way to another task, so each is atomic by itself.

    Attributes:
        sessions: by id.
        turns: by session, oldest first.
        webhooks: every one, oldest first.
        revisions: by hash.
        outbox: the hooks that are not sent yet.
    """

    reads_at_once = True

    def __init__(self) -> None:
        self.sessions: dict[str, SessionRow] = {}
        self.turns: dict[str, list[TurnRow]] = {}
        self._latest: dict[str, int] = {}  # the greatest number of a turn, of calls with more than one
        self.webhooks: list[WebhookRow] = []
        self.revisions: dict[str, RevisionRow] = {}
        self.outbox = MemoryOutbox()
        self._other_ids: dict[str, dict[str, None]] = {}
        self._statuses: dict[tuple[str, int], list[tuple[int, str]]] = {}
        self._is_open = False

    async def open(self) -> None:
        """Let it be used; it never fails."""
        self._is_open = True

    async def close(self) -> None:
        """Refuse further use. The rows stay, as in a file, and are there again after the next `open`."""
        self._is_open = False

    async def check(self) -> None:
        """See that it is open."""
        self._require_open()

    async def open_call(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write a new call with its first turn. Raises AlreadyOpen and writes nothing."""
        self._require_open()
        if session.id in self.sessions:
            raise AlreadyOpen(session.id)
        self._put_session(session)
        self.turns[session.id] = [turn]
        self._put_webhook(webhook)
        self.outbox.add(hooks)

    async def load(self, session: str) -> SessionRow | None:
        """The call, or None."""
        self._require_open()
        return self.sessions.get(session)

    async def advance(
        self, session: SessionRow, turn: TurnRow, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()
    ) -> None:
        """Write the next turn, if the stored version is `session.version - 1`. Raises Conflict."""
        self._require_open()
        stored = self.sessions.get(session.id)
        if stored is None or stored.version != session.version - 1 or self._has_turn(session.id, turn.number):
            raise Conflict(session.id)
        self._put_session(session)
        self.turns[session.id].append(turn)
        first = self.turns[session.id][0].number
        self._latest[session.id] = max(turn.number, self._latest.get(session.id, first))
        self._put_webhook(webhook)
        self.outbox.add(hooks)

    async def calls_of(self, leg: str) -> list[SessionRow]:
        """The calls of a leg that are not over, oldest first; a missing leg ("") has none."""
        self._require_open()
        return self._open_of(leg)

    async def record(self, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()) -> None:
        """Write a webhook that steers nothing; hooks of a second delivery are left out."""
        self._require_open()
        is_new = webhook.wait < 0 or (webhook.wait, webhook.status) not in self._statuses_of(webhook)
        self._put_webhook(webhook)
        self.outbox.add(hooks if is_new else ())

    async def end(self, leg: str, webhook: WebhookRow, *, hooks: Sequence[HookRow] = ()) -> int:
        """Record `webhook` and mark every open call of `leg` as over; a missing leg ("") has no calls."""
        ended = self._open_of(leg)
        await self.record(webhook, hooks=hooks if ended or webhook.wait >= 0 else ())
        for session in ended:
            self._put_session(
                session._replace(is_over=True, version=session.version + 1, updated_at=webhook.received_at)
            )
        return len(ended)

    async def reply(self, session: str, turn: int, wait: int, status: str | None) -> bytes | None:
        """The NCCO that answered this delivery: same wait and same status (None: any status), or None."""
        self._require_open()
        for stored in self.turns.get(session, ()):
            is_wait = stored.cause_turn == turn and stored.cause_wait == wait
            if is_wait and (status is None or stored.cause_status == status):
                return stored.ncco
        return None

    async def statuses(self, session: str, turn: int) -> tuple[tuple[int, str], ...]:
        """(wait, status) of every webhook recorded for a turn's waits, oldest first."""
        self._require_open()
        return tuple(self._statuses.get((session, turn), ()))

    async def save_revisions(self, revisions: Iterable[RevisionRow]) -> None:
        """Write those that are not there yet."""
        self._require_open()
        for revision in revisions:
            self.revisions.setdefault(revision.hash, revision)

    async def replace_revision(self, revision: RevisionRow) -> None:
        """Write it, in place of one with the same hash."""
        self._require_open()
        self.revisions[revision.hash] = revision

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""
        self._require_open()
        return self.revisions.get(hash_)

    async def has_due_hooks(self, now: int) -> bool:
        """Whether any hook is due."""
        self._require_open()
        return bool(self.outbox.due(now))

    async def claim_hooks(self, now: int, leased_until: int, limit: int) -> list[HookRow]:
        """Take hooks that are due, longest due first."""
        self._require_open()
        return self.outbox.claim(now, leased_until, limit)

    async def hook_sent(self, id_: str, now: int) -> None:
        """Delete it; the next one of its session is due."""
        self._require_open()
        self.outbox.sent(id_, now)

    async def hook_failed(self, id_: str, tries: int, due_at: int, problem: str) -> None:
        """Let go of it until `due_at`, unless somebody has claimed it since."""
        self._require_open()
        self.outbox.failed(id_, tries, due_at, problem)

    async def put_off_hook(self, id_: str, tries: int, due_at: int) -> None:
        """Let go of it until `due_at` as if it had not been claimed."""
        self._require_open()
        self.outbox.put_off(id_, tries, due_at)

    async def park_hook(self, id_: str, tries: int, problem: str, now: int) -> None:
        """Give it up, unless somebody has claimed it since; the next one of its session is due."""
        self._require_open()
        self.outbox.park(id_, tries, problem, now)

    async def retry_hooks(self, ids: Sequence[str] | None, now: int) -> int:
        """Let hooks with these ids (None: all) be due; returns how many."""
        self._require_open()
        return self.outbox.retry(ids, now)

    async def drop_hooks(self, ids: Sequence[str] | None) -> int:
        """Delete parked hooks with these ids (None: all parked ones); returns how many."""
        self._require_open()
        return self.outbox.drop(ids)

    async def hooks(self, limit: int) -> list[HookRow]:
        """Up to `limit` hooks, parked ones first, each kind oldest first."""
        self._require_open()
        return self.outbox.listed(limit)

    async def count_hooks(self) -> HookCounts:
        """How many there are."""
        self._require_open()
        return self.outbox.counts()

    async def forget(self, numbers: Sequence[str], *, dry_run: bool = False, may_rewrite: bool = True) -> Forgotten:
        """Delete every call that names one of the numbers."""
        self._require_open()
        return MemoryRetention(self).forget(numbers, dry_run=dry_run)

    async def sweep(self, before: int, limit: int) -> int:
        """Delete a few calls, webhooks and hooks that are older; returns how many."""
        self._require_open()
        return MemoryRetention(self).sweep(before, limit)

    async def sweep_revisions(self, before: int, keep: Collection[str]) -> int:
        """Delete revisions from before that no call uses; returns how many."""
        self._require_open()
        return MemoryRetention(self).sweep_revisions(before, keep)

    def records(self) -> MemoryRecords:
        """What reads the rows, whether the store is open or not."""
        return MemoryRecords(self)

    def drop_call(self, id_: str) -> None:
        """Delete a call with its turns and its webhooks."""
        session = self.sessions.pop(id_)
        self.turns.pop(id_, None)
        self._latest.pop(id_, None)
        self._other_ids.get(session.leg, {}).pop(id_, None)
        self.webhooks = [webhook for webhook in self.webhooks if webhook.session != id_]
        self._statuses = {key: found for key, found in self._statuses.items() if key[0] != id_}

    def _require_open(self) -> None:
        if not self._is_open:
            raise StoreUnavailable("the store is not open")

    def _has_turn(self, session: str, number: int) -> bool:
        """A call may have thousands of turns, whose numbers grow: then none is looked at."""
        latest = self._latest.get(session)
        return (latest is None or number <= latest) and any(turn.number == number for turn in self.turns[session])

    def _put_session(self, session: SessionRow) -> None:
        """Most sessions have their leg for an id; the others are found by a list of their own."""
        if session.id != session.leg:
            self._other_ids.setdefault(session.leg, {})[session.id] = None
        self.sessions[session.id] = session

    def _open_of(self, leg: str) -> list[SessionRow]:
        ids = (leg, *self._other_ids.get(leg, ())) if leg else ()
        found = [self.sessions[id_] for id_ in ids if id_ in self.sessions]
        return sorted(
            (session for session in found if session.leg == leg and not session.is_over),
            key=lambda session: (session.created_at, session.id),
        )

    def _statuses_of(self, webhook: WebhookRow) -> list[tuple[int, str]]:
        return self._statuses.get((webhook.session, webhook.turn), [])

    def _put_webhook(self, webhook: WebhookRow) -> None:
        self.webhooks.append(webhook)
        if webhook.session in self.sessions and webhook.wait >= 0:
            self._statuses.setdefault((webhook.session, webhook.turn), []).append((webhook.wait, webhook.status))
