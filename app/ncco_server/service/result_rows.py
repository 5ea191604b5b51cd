"""Keeps calls' results complete: counts changed rows, and writes those that older versions did not.

Calls from before an upgrade get their rows in the background, newest first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from secrets import randbits
from types import MappingProxyType
from typing import Final

import orjson

from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow, Project
from ncco_server.service.library import PinnedFlows
from ncco_server.store import (
    Conflict,
    OldCall,
    PastCall,
    ResultProgress,
    Store,
    UpkeepReader,
    give_way,
)

BATCH: Final = 20
"""Replies may wait for the transaction."""
WEBHOOKS_AT_ONCE: Final = 5_000
SETTLED_MS: Final = 10_000
"""Hosts may commit webhooks in another order; newer ones are left for later."""
LOOKBACK: Final = 1_000
"""Webhooks looked at again, because their commits may have taken longer."""
WORK_S: Final = 20.0
REST_FACTOR: Final = 9
"""Rests between batches last this many times a batch's duration."""

NO_ENDS: Final[Mapping[int, int | None]] = MappingProxyType({})


class ResultRows:
    """Keeps an open store's results complete. Of several processes at once, one gets on."""

    def __init__(self, store: Store, handlers: Collection[str] = ()) -> None:
        self._store = store
        self._handlers = handlers
        self._flows = PinnedFlows()
        self._lost = set[tuple[str, str]]()

    async def count(self) -> int:
        """Return how many changed rows there were. Raises StoreError."""
        counted = 0
        while await self._store.results.has_uncounted():
            began = time.monotonic()
            found = await self._store.results.count()
            if not found:  # another process is counting the rest
                break
            counted += found
            await give_way(began)
        return counted

    async def complete(self, now_ms: int) -> bool:
        """Write missing rows for some time, calls changed by older hosts since the last round first.

        Returns whether there are more, False if another process writes them. Raises StoreError.
        """
        fence = -randbits(62)
        progress = await self._store.results.begin(fence, now_ms)
        has_more = True
        until = time.monotonic() + WORK_S
        with suppress(Conflict):
            async with self._store.upkeep() as records:
                while has_more and time.monotonic() < until:
                    after = progress.webhook
                    latest = await records.last_webhook_before(after, now_ms - SETTLED_MS, WEBHOOKS_AT_ONCE)
                    behind = await records.calls_behind(after - LOOKBACK, latest, called_back_after=after)
                    keys = list(behind)
                    for start in range(0, len(keys), BATCH):
                        began = time.monotonic()
                        calls = await records.past_calls(keys[start : start + BATCH])
                        old = await self._old_calls(records, calls, after, behind)
                        await self._store.results.write(old, now_ms, progress, fence)
                        await give_way(began, REST_FACTOR)
                    progress = progress._replace(webhook=latest)
                    has_more = latest - after >= WEBHOOKS_AT_ONCE
                    if latest != after:
                        await self._store.results.write((), now_ms, progress, fence)
                while progress.oldest and time.monotonic() < until:
                    keys = await records.calls_without_result(progress.oldest, BATCH)
                    began = time.monotonic()
                    calls = await records.past_calls(keys)
                    since = min((call.session.created_at for call in calls), default=now_ms) if keys else None
                    progress = progress._replace(oldest=keys[-1] if keys else 0, complete_since=since)
                    old = await self._old_calls(records, calls)
                    await self._store.results.write(old, now_ms, progress, fence)
                    await give_way(began, REST_FACTOR)
            return has_more or progress.oldest > 0
        return False

    async def _old_calls(
        self, records: UpkeepReader, calls: Sequence[PastCall], after: int = 0, ends: Mapping[int, int | None] = NO_ENDS
    ) -> list[OldCall]:
        """Webhook keys above `after` are new; `ends` are those of the leg, by key."""
        if not calls:
            return []
        from ncco_server.service.old_results import old_call  # noqa: PLC0415 - only after an upgrade

        by_revision = sorted(calls, key=lambda call: (call.session.flow, call.session.revision))
        return [old_call(call, await self._flow(records, call), after, ends.get(call.key)) for call in by_revision]

    async def _flow(self, records: UpkeepReader, call: PastCall) -> Flow | None:
        key = call.session.flow, call.session.revision
        known = self._flows.get(key)
        if known is None and key not in self._lost:
            row = await records.revision(call.session.revision)
            project = await asyncio.to_thread(_load, row.sources, self._handlers) if row is not None else None
            if project is None or call.session.flow not in project.flows:
                self._lost.add(key)
            else:
                known = replace(project.flows[call.session.flow], revision=call.session.revision)
                self._flows.add(known)
        return known


def _load(sources: bytes, handlers: Collection[str]) -> Project | None:
    """Return None if the revision is damaged."""
    try:
        return load(orjson.loads(sources), handlers=handlers)
    except Exception:  # noqa: BLE001 - whatever an older version has stored must not stop the other calls
        return None


def complete_since(progress: ResultProgress | None) -> int | None:
    """Return milliseconds since 1970; None if all results are complete."""
    return progress.complete_since if progress is not None and progress.oldest else None
