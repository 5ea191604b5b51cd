"""Keeps the results of calls complete: counts changed rows, and writes those that older versions did not.

Older hosts end calls and store webhooks without writing results. A process with the lease finds such calls by the
webhooks that were stored since it last looked. The calls from before an upgrade get their rows in the background,
newest first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import orjson

from ncco_server.engine.facts import facts_of
from ncco_server.engine.session import Session, TraceLine
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow, Project, Step
from ncco_server.results import ASKED, NO_FACTS, UNKNOWN, TurnFacts
from ncco_server.service.library import PinnedFlows
from ncco_server.service.outcomes import Following, by_file
from ncco_server.service.turns import end_of_call, session_of
from ncco_server.store import (
    CALLED_BACK,
    LOST,
    TO_CALL_BACK,
    EndOfCall,
    OldCall,
    PastCall,
    PastTurn,
    Records,
    ResultProgress,
    SessionRow,
    Store,
    give_way,
    moment_of,
)

AT_ONCE: Final = 20
"""Number of calls whose rows are written in one transaction: few, because replies may wait for it."""
WEBHOOKS_AT_ONCE: Final = 5_000
"""Maximum number of new webhooks that one round covers."""
SETTLED_MS: Final = 10_000
"""Webhooks are looked at when they are this old, because hosts may commit them in another order."""
LOOKBACK: Final = 1_000
"""Number of webhooks that are looked at again with newer ones, because their commits may have taken longer."""
LEASE_MS: Final = 120_000
"""How long a process may work before another one can take over."""
WORK_S: Final = 20.0
"""How long one round works, in seconds."""
REST_FACTOR: Final = 9
"""After each batch, the work rests for this many times as long as the batch took."""

NO_ENDS: Final[Mapping[int, int | None]] = MappingProxyType({})


class ResultRows:
    """Keeps the results in a store complete. Several processes can do this; one at a time works.

    Args:
        store: an open store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._flows = PinnedFlows()
        self._lost = set[tuple[str, str]]()

    async def count(self) -> int:
        """Add changed rows to the sums, until there are none; returns how many there were. Raises StoreError."""
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
        """Write missing rows for some time, first those of calls that older hosts changed since the last round.

        Returns whether there are more. Raises StoreError.
        """
        lease = now_ms + LEASE_MS
        progress = await self._store.results.lease(now_ms, lease)
        if progress is None:
            return False
        has_more = True
        until = time.monotonic() + WORK_S
        try:
            async with self._store.records() as records:
                while has_more and time.monotonic() < until:
                    after = progress.webhook
                    latest = await records.last_webhook_before(after, now_ms - SETTLED_MS, WEBHOOKS_AT_ONCE)
                    behind = await records.calls_behind(after - LOOKBACK, latest, called_back_after=after)
                    await self._write(records, behind, now_ms, after)
                    progress = progress._replace(webhook=latest)
                    has_more = latest - after >= WEBHOOKS_AT_ONCE
                while progress.oldest and time.monotonic() < until:
                    keys = await records.calls_without_result(progress.oldest, AT_ONCE)
                    began = time.monotonic()
                    oldest = await self._write_batch(records, keys, now_ms) if keys else None
                    progress = progress._replace(oldest=keys[-1] if keys else 0, complete_since=oldest)
                    await give_way(began, REST_FACTOR)
        finally:
            await self._store.results.save(progress, lease)
        return has_more or progress.oldest > 0

    async def _write(self, records: Records, behind: Mapping[int, int | None], now_ms: int, after: int) -> None:
        keys = list(behind)
        for start in range(0, len(keys), AT_ONCE):
            began = time.monotonic()
            await self._write_batch(records, keys[start : start + AT_ONCE], now_ms, after, behind)
            await give_way(began, REST_FACTOR)

    async def _write_batch(
        self,
        records: Records,
        keys: Sequence[int],
        now_ms: int,
        after: int = 0,
        ends: Mapping[int, int | None] = NO_ENDS,
    ) -> int:
        """Write the rows of some calls; returns when the oldest of them began.

        Webhooks whose key is greater than `after` have not been looked at before. `ends` are the times of ends, by key,
        that were reported for the leg and not for the call.
        """
        calls = await records.past_calls(keys)
        by_revision = sorted(calls, key=lambda call: (call.session.flow, call.session.revision))
        old = [_old_call(call, await self._flow(records, call), after, ends.get(call.key)) for call in by_revision]
        await self._store.results.write(old, now_ms)
        return min((call.session.created_at for call in calls), default=now_ms)

    async def _flow(self, records: Records, call: PastCall) -> Flow | None:
        """The flow that a call began in, at its revision; None if it is lost or cannot be read any more."""
        key = call.session.flow, call.session.revision
        known = self._flows.get(key)
        if known is None and key not in self._lost:
            row = await records.revision(call.session.revision)
            project = await asyncio.to_thread(_load, row.sources) if row is not None else None
            if project is None or call.session.flow not in project.flows:
                self._lost.add(key)
            else:
                known = replace(project.flows[call.session.flow], revision=call.session.revision)
                self._flows.add(known)
        return known


def _load(sources: bytes) -> Project | None:
    """The project of a revision; None if it is damaged."""
    try:
        return load(orjson.loads(sources))
    except Exception:  # noqa: BLE001 - whatever an older version has stored must not stop the other calls
        return None


def _old_call(past: PastCall, flow: Flow | None, after: int, reported_at: int | None) -> OldCall:
    row = past.session
    notes = [note for note in past.notes if note.kind in (CALLED_BACK, TO_CALL_BACK)]
    ends = [note.at for note in past.notes if note.kind == "event-completed"]
    reported_at = min((*ends, *filter(None, (reported_at,))), default=None)
    is_lost = any(note.kind == LOST for note in past.notes)
    session = session_of(row)
    old = OldCall(
        _end_of_call(row, session, flow),
        {
            turn.number: _facts(turn, session, flow, is_latest=turn is past.turns[-1])
            for turn in past.turns
            if turn.heard is None
        },
        reported_at if is_lost else row.updated_at,
        reported_at,
        is_returned_newly=bool(notes) and notes[-1].key > after,
    )
    if notes and notes[-1].kind == CALLED_BACK:
        old = old._replace(returned_at=notes[-1].at, returned_by=notes[-1].body.decode("utf-8", "replace"))
    return old


def _end_of_call(row: SessionRow, session: Session | None, flow: Flow | None) -> EndOfCall:
    try:
        return end_of_call(row, session, flow)
    except Exception:  # noqa: BLE001 - one damaged call must not stop the others
        return end_of_call(row, None, None)


def _facts(turn: PastTurn, session: Session | None, flow: Flow | None, *, is_latest: bool) -> TurnFacts:
    """The facts of a turn that an older version stored."""
    if session is None or (flow is None and session.flow):
        return _facts_without_flow(turn.ncco, session)
    try:
        return _facts_from_trace(turn, session, flow, is_latest=is_latest)
    except Exception:  # noqa: BLE001 - one damaged call must not stop the others
        return _facts_without_flow(turn.ncco, session)


def _facts_from_trace(turn: PastTurn, session: Session, flow: Flow | None, *, is_latest: bool) -> TurnFacts:
    lines = [TraceLine.read(line) for line in orjson.loads(turn.trace)]
    if flow is None or any(line.did == "failed" and line.what == "failsafe" for line in lines):
        return NO_FACTS
    flows = {each.name: each for each in (flow, *flow.subs.values())}
    followed = Following(by_file(flows.values())).read(lines)
    undone = {(name, step) for name, step, _ in followed.failed}
    return facts_of(
        _steps(followed.entered, flows, undone),
        moment_of(turn.created_at),
        has_chosen=any(line.did == "heard" and line.what == "choice" for line in lines),
        is_over=is_latest and session.is_over,
    )


def _steps(
    entered: Iterable[tuple[str, str]], flows: Mapping[str, Flow], undone: set[tuple[str, str]]
) -> list[tuple[Flow, Step]]:
    return [
        (flows[flow], flows[flow].steps[step])
        for flow, step in entered
        if (flow, step) not in undone and step in flows[flow].steps
    ]


def _facts_without_flow(ncco: bytes, session: Session | None) -> TurnFacts:
    """What a turn's NCCO shows by itself: whether it asked for a message, and whether it dialled."""
    try:
        actions = orjson.loads(ncco or b"[]")
        records = [action for action in actions if action["action"] == "record"]
        dials = any(action["action"] == "connect" for action in actions)
    except (ValueError, KeyError, TypeError):  # damaged
        return TurnFacts(UNKNOWN)
    asks = any(action.get("beepStart") is True or "endOnKey" in action for action in records)
    name = (session.flow if session is not None else "") or "?"
    return TurnFacts(UNKNOWN | (ASKED if asks else 0), name if dials else "")


def complete_since(progress: ResultProgress | None) -> int | None:
    """Since when (milliseconds since 1970) the results are complete; None if they all are."""
    return progress.complete_since if progress is not None and progress.oldest else None
