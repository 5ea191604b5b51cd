"""What comes to a database while somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Container
from itertools import islice
from typing import Final

from app.cli.jobs.recorded.entries import Entry, entries_of
from app.store import CallRow, Records, Timeline, Wanted

LOOK_S: Final = 0.5
"""How often to look."""

PIECE: Final = 200
"""Calls that are read at once, newest first, until one is known."""

KEPT: Final = 100 * PIECE
"""Calls that are remembered as shown; beyond it those that were shown first are let go."""


async def follow_calls(
    records: Records, wanted: Wanted, limit: int, look_s: float = LOOK_S
) -> AsyncGenerator[CallRow, None]:
    """Up to `limit` calls that are there, the newest last; then each new one."""
    known = await records.calls(max(limit, PIECE), None, wanted)
    for call in reversed(known[:limit]):
        yield call
    seen = dict.fromkeys(call.session.id for call in reversed(known))
    while True:
        await asyncio.sleep(look_s)
        new = await _new(records, wanted, seen)
        seen.update(dict.fromkeys(call.session.id for call in reversed(new)))
        for id_ in list(islice(seen, max(len(seen) - KEPT, 0))):
            del seen[id_]
        for call in reversed(new):
            yield call


async def _new(records: Records, wanted: Wanted, seen: Container[str]) -> list[CallRow]:
    """Calls that were not seen before, newest first."""
    new: list[CallRow] = []
    before: int | None = None
    while True:
        found = await records.calls(PIECE, before, wanted)
        fresh = [call for call in found if call.session.id not in seen]
        new += fresh
        if len(fresh) < PIECE:
            return new
        before = found[-1].key


async def follow_call(records: Records, timeline: Timeline, look_s: float = LOOK_S) -> AsyncIterator[Entry]:
    """The webhooks that come to a call after those of its timeline."""
    id_, seen = timeline.call.session.id, {webhook.id for webhook in timeline.webhooks}
    while True:
        await asyncio.sleep(look_s)
        now = await records.timeline(id_)
        if now is None:  # it was forgotten
            return
        for entry in entries_of(now):
            if entry.webhook.id not in seen:
                seen.add(entry.webhook.id)
                yield entry
