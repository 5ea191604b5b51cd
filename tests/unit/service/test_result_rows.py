"""Calls that an older version answered or ended get the same results as those of this version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.service.call_results import count_results
from app.service.result_rows import ResultRows
from app.store import CALLED_BACK, LOST, QUARTER_MS, ResultRow, Store, milliseconds, open_store
from tests.support.stored_rows import run_in, webhook_row
from tests.unit.service.test_results import ALWAYS, CALLS, Line, line

__all__ = ["line"]

pytestmark = pytest.mark.parametrize("line", [ALWAYS], indirect=True)

AS_BEFORE = ("DELETE FROM ncco_results", "DELETE FROM ncco_sums", "UPDATE turns SET heard = NULL, rang = NULL")
UPKEEP = {"version", "webhook", "changed_at", "is_counted", "counted_result", "counted_own", "counted_ms"}


@pytest.fixture
async def store(line: Line) -> AsyncIterator[Store]:
    """The line's store, as another process opens it."""
    async with open_store(line.url) as store:
        yield store


async def change(line: Line, *statements: str) -> None:
    await asyncio.to_thread(run_in, Path(line.url.removeprefix("sqlite:///")), *statements)


async def rows_of(line: Line) -> dict[str, ResultRow]:
    async with open_store(line.url).records() as records:
        return {row.id: row for row in await records.results_between(0, 1 << 40)}


def told(row: ResultRow) -> dict[str, object]:
    """What a row says about its call."""
    return {name: value for name, value in row._asdict().items() if name not in UPKEEP | {"counted_until_s"}}


async def complete(store: Store, now_ms: int = 0) -> int:
    rows = ResultRows(store)
    written = 0
    while found := await rows.complete(now_ms or milliseconds(datetime.now(UTC)) + 60_000):
        written += found
    await rows.count()
    return written


async def test_rows_of_an_older_versions_calls_are_those_that_this_version_writes(line: Line, store: Store) -> None:
    for leg, (acts, _) in CALLS.items():
        await line.call(leg, acts)
    before = await rows_of(line)
    await change(line, *AS_BEFORE, "DELETE FROM ncco_result_progress")
    written = await complete(store)

    after = await rows_of(line)
    assert len(CALLS) - 1 == written  # one call is in progress
    assert {id_: told(row) for id_, row in before.items()} == {id_: told(row) for id_, row in after.items()}
    assert all(row.is_counted for row in after.values())


async def test_an_older_hosts_end_and_late_webhook_are_found(line: Line, store: Store) -> None:
    await line.call("is over", ["4"])
    await line.call("leaves a message", ["4"])
    await complete(store)
    await change(
        line,
        "DELETE FROM ncco_results WHERE id = 'is over'",
        "UPDATE ncco_result_progress SET webhook = 0",
        """INSERT INTO webhooks (call_key, id, kind, session, turn, wait, status, leg, conversation, method, body,
            received_at) SELECT key, 'late', 'record', id, 2, 0, 'record', leg, '', 'POST', '{}', updated_at
            FROM calls WHERE id = 'leaves a message'""",
    )
    await complete(store)

    rows = await rows_of(line)
    assert ("missed", "message") == (rows["is over"].result, rows["leaves a message"].result)


async def test_what_older_hosts_noted_among_the_webhooks_is_kept(line: Line, store: Store) -> None:
    for leg in ("lost", "called back", "ended late"):
        await line.call(leg, [])
    await change(line, *AS_BEFORE, "DELETE FROM ncco_result_progress")
    await change(line, "DELETE FROM webhooks WHERE kind = 'event-completed' AND leg = 'lost'")
    for leg in ("lost", "ended late"):
        await store.record(webhook_row(leg, kind=LOST))
    await store.record(webhook_row("called back", kind=CALLED_BACK, body=b"anna", received_at=5))
    await complete(store)

    rows = await rows_of(line)
    assert ("lost", None) == (rows["lost"].result, rows["lost"].ended_at)
    assert (5, "anna") == (rows["called back"].returned_at, rows["called back"].returned_by)
    assert "missed" == rows["ended late"].result


async def test_a_call_whose_flow_cannot_be_read_any_more_is_not_missed(line: Line, store: Store) -> None:
    await line.call("hangs up", [])
    await line.call("reaches nobody", ["1", "timeout"])
    await line.call("leaves a message", ["4", "record"])
    await change(line, *AS_BEFORE, "DELETE FROM ncco_result_progress", "DELETE FROM revisions")
    await complete(store)

    results = {id_: row.result for id_, row in (await rows_of(line)).items()}
    assert {"hangs up": "unknown", "reaches nobody": "missed", "leaves a message": "message"} == results


async def test_pages_know_since_when_results_are_complete(line: Line, store: Store) -> None:
    await line.call("hangs up", [])
    await change(line, *AS_BEFORE, "DELETE FROM ncco_result_progress")
    now = milliseconds(datetime.now(UTC))
    assert await store.results.lease(now, now + 1)
    async with open_store(line.url).records() as records:
        before = await count_results(records, 0, now + QUARTER_MS, now)
    await complete(store, now + 60_000)
    async with open_store(line.url).records() as records:
        after = await count_results(records, 0, now + QUARTER_MS, now)

    assert (now, 0) == (before.complete_since, sum(each.calls for each in before.calls))
    assert (None, 1) == (after.complete_since, sum(each.calls for each in after.calls))


async def test_only_one_process_at_a_time_writes_missing_rows(line: Line, store: Store) -> None:
    later = milliseconds(datetime.now(UTC)) + 1_000_000
    assert await store.results.lease(later, later + 10)

    assert await store.results.lease(later + 5, later + 20) is None
    assert await store.results.lease(later + 10, later + 20) is not None
