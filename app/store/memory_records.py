"""Reads the calls of a store in memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app.store.contract import RevisionRow
from app.store.records import ANY, FAILURE, NEAR, CallRow, Timeline, Wanted

if TYPE_CHECKING:
    from app.store.memory import MemoryStore


class MemoryRecords:
    """Reads what a store in this process holds."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def open(self) -> None:
        """Nothing has to be done."""

    async def close(self) -> None:
        """Nothing has to be done."""

    async def calls(self, limit: int, before: int | None = None, wanted: Wanted = ANY) -> list[CallRow]:
        """Up to `limit` calls, newest first."""
        known = (call for call in reversed(self._all()) if before is None or call.key < before)
        return [call for call in known if _fits(call, wanted)][:limit]

    async def count_open(self, since: int) -> int:
        """How many calls that began since then are not over."""
        return sum(not call.session.is_over and call.session.created_at >= since for call in self._all())

    async def calls_like(self, name: str, limit: int) -> list[CallRow]:
        """The call with this id, or those whose ids begin so."""
        exact = [call for call in self._all() if call.session.id == name]
        if exact or not name:
            return exact
        found = [call for call in self._all() if call.session.id.startswith(name)]
        return sorted(found, key=lambda call: call.session.id)[:limit]

    async def timeline(self, session: str) -> Timeline | None:
        """Everything of one call, or None."""
        found = [call for call in self._all() if call.session.id == session]
        if not found:
            return None
        store, row = self._store, found[0].session
        own = [number for number, webhook in enumerate(store.webhooks) if webhook.session == session]
        near = range(own[0] - NEAR, own[-1] + NEAR + 1) if own else range(0)
        webhooks = [
            webhook
            for number, webhook in enumerate(store.webhooks)
            if webhook.session == session or (number in near and webhook.session == row.leg != "")
        ]
        hooks = [hook for hook in store.outbox.listed(sys.maxsize) if hook.session == session]
        return Timeline(found[0], tuple(webhooks), tuple(store.turns[session]), tuple(hooks))

    async def revision(self, hash_: str) -> RevisionRow | None:
        """The revision with this hash, or None."""
        return self._store.revisions.get(hash_)

    def _all(self) -> list[CallRow]:
        """Every call, oldest first."""
        turns = self._store.turns
        return [
            CallRow(key, row, len(turns[row.id]), any(FAILURE in turn.trace for turn in turns[row.id]))
            for key, row in enumerate(self._store.sessions.values(), 1)
        ]


def _fits(call: CallRow, wanted: Wanted) -> bool:
    row = call.session
    return (
        row.created_at >= wanted.since
        and wanted.flow in ("", row.flow)
        and wanted.number.encode() in row.state
        and not (wanted.is_open and row.is_over)
        and not (wanted.has_failed and not call.has_failed)
    )
