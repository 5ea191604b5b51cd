"""Calls and recordings as documents, and tables of them as CSV, which are written page by page."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final, TypeAlias

from ncco_server.service.call_results import CallResult
from ncco_server.service.call_search import FoundCalls
from ncco_server.service.recorded_calls import call_document, csv_text, json_object, json_time, state_of
from ncco_server.store import CallRow, RecordingFilter, RecordingRow, Recordings

AT_ONCE: Final = 500
"""Number of rows that an export reads at a time."""

CALL_COLUMNS: Final = (
    *("id", "previous", "leg", "conversation", "parent", "request", "direction"),
    *("began_at", "person_at", "ended_at", "timezone", "seconds"),
    *("from", "name", "to", "flow", "revision", "state", "step", "rang", "failed", "turns"),
    *("result", "own", "returned_at", "returned_by", "words"),
)

RECORDING_COLUMNS: Final = (
    *("id", "kind", "state", "call", "conversation", "from", "name", "to", "about", "flow", "step"),
    *("came_at", "started_at", "timezone", "seconds", "bytes", "type", "sha256"),
    *("transcript", "transcript_state", "problem", "cure", "tries", "next_try_at"),
    *("heard_at", "heard_by", "done_at", "done_by", "deleted_at", "deleted_by"),
)

Document: TypeAlias = Mapping[str, Any]
Pages: TypeAlias = AsyncIterator[Sequence[Document]]


def listed_call(row: CallRow, result: CallResult | None, now_ms: int) -> dict[str, Any]:
    """A call of a list as JSON: `call_document` with its result (None for called parties and placed calls)."""
    call = call_document(row, now_ms)
    state = json_object(row.session.state).get("call", {})
    return call | {
        "direction": str(state.get("direction") or "inbound"),
        "request": str(state.get("request", "")),
        "name": result.name if result else "",
        "result": result.result if result else "",
        "own": result.own if result else "",
        "rang": result.rang if result else "",
        "person_at": json_time(result.person_at) if result else None,
        "returned_at": json_time(result.returned_at) if result else None,
        "returned_by": result.returned_by if result else "",
        "previous": result.previous if result else "",
        "words": state_of(call),
    }


def recording_document(row: RecordingRow, now_ms: int) -> dict[str, Any]:
    """A recording as JSON, without its URL at Vonage."""
    return {
        "id": row.id,
        "kind": row.kind,
        "state": "deleted" if row.deleted_at is not None else "fetching" if row.is_being_fetched(now_ms) else row.state,
        "call": row.session,
        "conversation": row.conversation,
        "from": row.from_number,
        "name": row.caller_name,
        "to": row.to_number,
        "about": row.about,
        "flow": row.flow,
        "step": row.step,
        "came_at": json_time(row.created_at),
        "started_at": json_time(row.started_at),
        "seconds": row.duration_ms / 1000 if row.duration_ms is not None else None,
        "bytes": row.size,
        "type": row.content_type,
        "sha256": row.sha256,
        "transcript": row.transcript,
        "transcript_state": row.transcript_state,
        "problem": row.problem,
        "cure": row.cure,
        "tries": row.tries,
        "next_try_at": json_time(row.due_at),
        "heard_at": json_time(row.heard_at),
        "heard_by": row.heard_by,
        "done_at": json_time(row.done_at),
        "done_by": row.done_by,
        "deleted_at": json_time(row.deleted_at),
        "deleted_by": row.deleted_by,
    }


async def call_pages(
    find: Callable[[int | None, int], Awaitable[FoundCalls]], now_ms: int, limit: int | None = None
) -> Pages:
    """The calls of a search, up to `limit` (None: all). `find` gets the `before` and the `limit` of `find_calls`."""
    left = limit if limit is not None else sys.maxsize
    found = FoundCalls()
    while left:
        found = await find(found.next, min(AT_ONCE, left))
        left -= len(found.calls)
        yield [listed_call(row, result, now_ms) for row, result in found.calls]
        if found.next is None:
            return


async def recording_pages(
    recordings: Recordings, wanted: RecordingFilter, now_ms: int, limit: int | None = None
) -> Pages:
    """The recordings of a list, up to `limit` (None: all). Raises StoreError."""
    left = limit if limit is not None else sys.maxsize
    before = ""
    while left:
        rows = await recordings.list(min(AT_ONCE, left), before, wanted)
        left -= len(rows)
        yield [recording_document(row, now_ms) for row in rows]
        if len(rows) < AT_ONCE:
            return
        before = rows[-1].id


async def csv_pages(
    columns: Sequence[str], pages: AsyncIterable[Sequence[Document]], zone: tzinfo
) -> AsyncIterator[str]:
    """A table as CSV, a page at a time; the first one begins with the names of the columns.

    Times are in `zone`, which the column `timezone` names, as spreadsheets read them: without an offset.
    """
    has_names = False
    async for page in pages:
        yield csv_text(columns, [_in_zone(row, zone) for row in page], has_names=not has_names)
        has_names = True


def _in_zone(row: Document, zone: tzinfo) -> dict[str, Any]:
    times = {name: _local(value, zone) for name, value in row.items() if name.endswith("_at") and value}
    return {**row, **times, "timezone": str(zone)}


def _local(time: str, zone: tzinfo) -> str:
    return f"{datetime.fromisoformat(time).astimezone(zone):%Y-%m-%d %H:%M:%S}"
