"""What the store in memory forgets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from app.store.contract import RevisionRow, SessionRow, TurnRow, WebhookRow
from app.store.memory_outbox import MemoryOutbox
from app.store.retention import Forgotten, Numbers


class Rows(Protocol):
    """The rows of a store in memory; see `app.store.memory.MemoryStore`."""

    sessions: dict[str, SessionRow]
    turns: dict[str, list[TurnRow]]
    webhooks: list[WebhookRow]
    revisions: dict[str, RevisionRow]
    outbox: MemoryOutbox

    def drop_call(self, id_: str) -> None:
        """Delete a call with its turns and its webhooks."""


class MemoryRetention:
    """Deletes from rows; see `app.store.retention.Retention` for what each method does."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def forget(self, numbers: Sequence[str], *, dry_run: bool) -> Forgotten:
        """Delete every call that names one of the numbers."""
        rows, wanted = self._rows, Numbers(numbers)
        calls = [id_ for id_ in rows.sessions if self._names(id_, wanted)]
        sessions = [rows.sessions[id_] for id_ in calls]
        legs = {name for each in sessions for name in (each.id, each.leg, each.conversation) if name}
        webhooks = [webhook for webhook in rows.webhooks if self._goes(webhook, legs, wanted)]
        hooks = [
            hook.id
            for hook in rows.outbox.oldest()
            if hook.session in calls or wanted.are_in(hook.url.encode(), hook.headers, hook.body)
        ]
        found = Forgotten(
            calls=len(calls),
            running=sum(not each.is_over for each in sessions),
            turns=sum(len(rows.turns[id_]) for id_ in calls),
            webhooks=len(webhooks),
            hooks=len(hooks),
            revisions=sum(wanted.are_in(row.sources) for row in rows.revisions.values()),
        )
        if not dry_run:
            self._delete(calls, webhooks, hooks)
        return found

    def _names(self, id_: str, wanted: Numbers) -> bool:
        rows = self._rows
        turns = (part for turn in rows.turns[id_] for part in (turn.ncco, turn.trace, turn.inputs))
        webhooks = (webhook.body for webhook in rows.webhooks if webhook.session == id_)
        return wanted.are_in(rows.sessions[id_].state, *turns, *webhooks)

    def _goes(self, webhook: WebhookRow, legs: Collection[str], wanted: Numbers) -> bool:
        """Whether it belongs to a call that goes, or to no call and names a number or a leg of such a call."""
        if webhook.session in self._rows.sessions:
            return webhook.session in legs
        return not {webhook.session, webhook.leg, webhook.conversation}.isdisjoint(legs) or wanted.are_in(webhook.body)

    def _delete(self, calls: Sequence[str], webhooks: Sequence[WebhookRow], hooks: Sequence[str]) -> None:
        for id_ in calls:
            self._rows.drop_call(id_)
        self._rows.webhooks = [webhook for webhook in self._rows.webhooks if webhook not in webhooks]
        self._rows.outbox.forget(hooks)

    def sweep(self, before: int, limit: int) -> int:
        """Delete a few calls, webhooks and hooks that are older; returns how many."""
        rows = self._rows
        calls = [id_ for id_, session in rows.sessions.items() if session.updated_at < before][:limit]
        old = [row for row in rows.webhooks if row.received_at < before and row.session not in rows.sessions]
        old = [] if len(calls) == limit else old[:limit]
        hooks = [hook.id for hook in rows.outbox.oldest(limit) if hook.created_at < before]
        self._delete(calls, old, hooks)
        return len(calls) + len(old) + len(hooks)

    def sweep_revisions(self, before: int, keep: Collection[str]) -> int:
        """Delete revisions from before that no call uses; returns how many."""
        used = {session.revision for session in self._rows.sessions.values()}.union(keep)
        old = [row.hash for row in self._rows.revisions.values() if row.created_at < before and row.hash not in used]
        for hash_ in old:
            del self._rows.revisions[hash_]
        return len(old)
