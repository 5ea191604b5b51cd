"""Calls answered or ended by an older version get the same results as calls of this version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ncco_server.service.call_results import count_results
from ncco_server.service.result_rows import ResultRows
from ncco_server.store import (
    CALLED_BACK,
    LOST,
    QUARTER_MS,
    TO_CALL_BACK,
    EndOfCall,
    OldCall,
    ResultProgress,
    ResultRow,
    Results,
    Store,
    milliseconds,
    open_store,
)
from ncco_server.store.database import Database
from tests.support.stored_rows import run_in, session_row, turn_row, webhook_row
from tests.unit.service.test_results import ALWAYS, CALLS, Line, line

__all__ = ["line"]

pytestmark = pytest.mark.parametrize("line", [ALWAYS], indirect=True)

AS_BEFORE = ("DELETE FROM ncco_results", "DELETE FROM ncco_sums", "UPDATE turns SET heard = NULL, rang = NULL")
UPKEEP = {"version", "webhook", "changed_at", "is_counted", "counted_result", "counted_own", "counted_ms"}


@pytest.fixture
async def store(line: Line) -> AsyncIterator[Store]:
    """The line's store, as another process opens it after the server's first round."""
    async with open_store(line.url) as store, store.records() as records:
        while (progress := await records.result_progress()) is None or progress.oldest:  # noqa: ASYNC110 - set by SQL
            await asyncio.sleep(0.01)
        yield store


async def change(line: Line, *statements: str) -> None:
    await asyncio.to_thread(run_in, Path(line.url.removeprefix("sqlite:///")), *statements)


async def rows_of(line: Line) -> dict[str, ResultRow]:
    async with open_store(line.url).records() as records:
        return {row.id: row for row in await records.results_between(0, 1 << 40)}


def late_record(id_: str) -> str:
    """An older host stores a recording."""
    return f"""
        INSERT INTO webhooks (call_key, id, kind, session, turn, wait, status, leg, conversation, method, body,
            received_at)
        SELECT key, 'late', 'record', id, 2, 0, 'record', leg, '', 'POST', '{{}}', updated_at
        FROM calls WHERE id = '{id_}'
    """


def told(row: ResultRow) -> dict[str, object]:
    """The facts of a row about its call."""
    return {name: value for name, value in row._asdict().items() if name not in UPKEEP | {"counted_until_s"}}


async def complete(store: Store, now_ms: int = 0) -> None:
    rows = ResultRows(store)
    while await rows.complete(now_ms or milliseconds(datetime.now(UTC)) + 60_000):
        pass
    await rows.count()


async def test_an_older_versions_calls_get_the_rows_that_this_version_writes(line: Line, store: Store) -> None:
    for leg, (acts, _) in CALLS.items():
        await line.call(leg, acts)
    before = await rows_of(line)
    await change(line, *AS_BEFORE, "DELETE FROM ncco_result_progress")
    await complete(store)

    after = await rows_of(line)
    assert len(CALLS) - 1 == len(after)  # one call is in progress
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
        late_record("leaves a message"),
    )
    await complete(store)

    rows = await rows_of(line)
    assert ("missed", "message") == (rows["is over"].result, rows["leaves a message"].result)


async def test_notes_of_older_hosts_among_the_webhooks_are_kept(line: Line, store: Store) -> None:
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


async def test_a_call_whose_flow_can_no_longer_be_read_is_not_a_missed_call(line: Line, store: Store) -> None:
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
    await store.results.begin(-1, now)
    async with open_store(line.url).records() as records:
        before = await count_results(records, 0, now + QUARTER_MS, now)
    await complete(store, now + 60_000)
    async with open_store(line.url).records() as records:
        after = await count_results(records, 0, now + QUARTER_MS, now)

    assert (now, 0) == (before.complete_since, sum(each.calls for each in before.calls))
    assert (None, 1) == (after.complete_since, sum(each.calls for each in after.calls))


async def test_a_round_dated_in_the_future_by_a_wrong_clock_blocks_nobody(line: Line, store: Store) -> None:
    """A host of this version was killed during that round."""
    await line.call("old", [])
    await change(line, *AS_BEFORE, "UPDATE ncco_result_progress SET oldest = 1 << 40, leased_until = 1 << 60")
    await complete(store)

    assert "missed" == (await rows_of(line))["old"].result


class PausedResults(Results):
    """The results, in a process that is paused before its first write."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.is_paused = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def write(self, calls: Sequence[OldCall], now: int, progress: ResultProgress, fence: int) -> None:
        self.is_paused.set()
        await self.goes_on.wait()
        await super().write(calls, now, progress, fence)


async def test_a_process_paused_during_a_round_does_not_undo_later_changes(line: Line, store: Store) -> None:
    await line.call("back", [])
    await complete(store)
    await store.record(webhook_row("back", kind=CALLED_BACK, body=b"anna", received_at=5))
    paused = PausedResults(store.database)
    other = Store(store.database)
    other.results = paused
    round_ = asyncio.create_task(ResultRows(other).complete(milliseconds(datetime.now(UTC)) + 60_000))
    await paused.is_paused.wait()
    await complete(store)
    marked = (await rows_of(line))["back"].returned_at
    await store.results.mark_to_return("back", 8)
    paused.goes_on.set()

    assert (5, False) == (marked, await round_)
    assert (await rows_of(line))["back"].returned_at is None


async def test_one_damaged_call_does_not_stop_the_others(line: Line, store: Store) -> None:
    for leg in ("first", "bad trace", "bad state", "bad time", "last"):
        await line.call(leg, ["1", "timeout"])
    await change(
        line,
        *AS_BEFORE,
        "DELETE FROM ncco_result_progress",
        "UPDATE turns SET trace = '[7]' WHERE call_key = (SELECT key FROM calls WHERE id = 'bad trace')",
        "UPDATE turns SET ncco = '[7]' WHERE call_key = (SELECT key FROM calls WHERE id = 'bad state')",
        "UPDATE calls SET state = '[' WHERE id = 'bad state'",
        "UPDATE turns SET created_at = 1 << 62 WHERE call_key = (SELECT key FROM calls WHERE id = 'bad time')",
    )
    await complete(store)

    results = {id_: row.result for id_, row in (await rows_of(line)).items()}
    assert "unknown" == results.pop("bad state")
    assert {"first": "missed", "bad trace": "missed", "bad time": "missed", "last": "missed"} == results


@pytest.mark.parametrize("sources", ["[", "7", '{"flows/salon.yaml": 7}'])
async def test_a_damaged_revision_does_not_stop_calls_of_other_revisions(
    line: Line, store: Store, sources: str
) -> None:
    await line.call("damaged", [])
    await change(
        line,
        *AS_BEFORE,
        "DELETE FROM ncco_result_progress",
        f"INSERT INTO revisions (hash, flow, sources, created_at) VALUES ('bad', 'salon', '{sources}', 1)",
        "UPDATE calls SET revision = 'bad', state = replace(state, revision, 'bad')",
    )
    await line.call("sound", [])
    await complete(store)

    assert {"damaged": "unknown", "sound": "missed"} == {id_: row.result for id_, row in (await rows_of(line)).items()}


async def test_an_older_host_undoes_a_call_back_and_this_version_undoes_the_next(line: Line, store: Store) -> None:
    await line.call("back", [])
    marks = list[int | None]()
    for kind, at in ((CALLED_BACK, 5), (TO_CALL_BACK, 6), (CALLED_BACK, 7)):
        await store.record(webhook_row("back", kind=kind, body=b"anna", received_at=at))
        await complete(store)
        marks.append((await rows_of(line))["back"].returned_at)
    await store.results.mark_to_return("back", 8)
    await change(line, late_record("back"))
    await complete(store)
    marks.append((await rows_of(line))["back"].returned_at)

    assert [5, None, 7, None] == marks


async def test_an_older_hosts_note_is_kept_even_if_this_version_added_a_fact(line: Line, store: Store) -> None:
    await line.call("back", [])
    await complete(store)
    await store.record(webhook_row("back", kind=CALLED_BACK, body=b"anna", received_at=5))
    await store.record(webhook_row("back", 1, 0, "record", kind="record"))
    await complete(store)

    assert 5 == (await rows_of(line))["back"].returned_at


async def test_a_lost_call_gets_its_end_only_from_an_older_hosts_end(line: Line, store: Store) -> None:
    await line.call("lost", ["4", "stays"])
    await complete(store)
    (open_call,) = await store.calls_of("lost")
    await store.end_lost(EndOfCall("lost", open_call.version, "inbound"), "lost", 1)
    await change(line, late_record("lost"))
    await complete(store)
    without = (await rows_of(line))["lost"]
    await store.record(webhook_row("lost", kind="event-completed", received_at=9))
    await complete(store)

    assert ("message", None) == (without.result, without.ended_at)
    assert 9 == (await rows_of(line))["lost"].ended_at


async def test_a_call_that_ended_before_the_first_round_gets_its_facts(line: Line, store: Store) -> None:
    """An older host answered the call, and this version ended it before it looked at older calls."""
    await line.call("over", ["2", "stays"])
    await change(line, AS_BEFORE[2], "DELETE FROM ncco_result_progress")
    await line.call("over", [], is_new=False)
    before = (await rows_of(line))["over"]
    await complete(store)

    assert ("unknown", "served") == (before.result, (await rows_of(line))["over"].result)


async def test_a_later_session_that_an_older_host_ended_is_the_last_one(line: Line, store: Store) -> None:
    await line.call("leg", [])
    await complete(store)
    row = session_row("leg/2", leg="leg", updated_at=milliseconds(datetime.now(UTC)))  # old calls would be deleted
    await store.open_call(row, turn_row(row.id, 1), webhook_row(row.id))
    await change(
        line,
        "UPDATE calls SET is_over = 1, version = version + 1 WHERE id = 'leg/2'",
        "UPDATE ncco_result_progress SET webhook = 0",
    )
    await complete(store)

    rows = await rows_of(line)
    assert [("", False), ("leg", True)] == [(rows[id_].previous, rows[id_].is_last) for id_ in ("leg", "leg/2")]


async def test_an_older_hosts_end_of_a_leg_ends_every_session_of_it(line: Line, store: Store) -> None:
    """Also sessions opened by named answer URLs, even if no other session has the leg's ID."""
    legs = {"named/sales": "named", "moved": "moved", "moved/sales": "moved"}
    now = milliseconds(datetime.now(UTC))  # old calls would be deleted
    for id_, leg in legs.items():
        row = session_row(id_, leg=leg, created_at=now, updated_at=now)
        await store.open_call(row, turn_row(id_, 1), webhook_row(id_, leg=leg))
    await complete(store)
    await change(line, "UPDATE calls SET is_over = 1, version = version + 1, updated_at = created_at")
    for leg in ("named", "moved"):
        await store.record(webhook_row(leg, kind="event-completed", received_at=now))
    await complete(store)

    rows = await rows_of(line)
    assert dict.fromkeys(legs, now) == {id_: row.ended_at for id_, row in rows.items()}
    assert {"named/sales", "moved/sales"} == {id_ for id_, row in rows.items() if row.is_last}


async def test_a_lost_call_of_a_named_answer_url_gets_its_end_from_an_older_host(line: Line, store: Store) -> None:
    now = milliseconds(datetime.now(UTC))  # old calls would be deleted
    row = session_row("named/sales", leg="named", created_at=now, updated_at=now)
    await store.open_call(row, turn_row(row.id, 1), webhook_row(row.id, leg="named"))
    assert await store.end_lost(EndOfCall(row.id, 1, "inbound"), "named", 1)
    await complete(store)
    lost = (await rows_of(line))[row.id].ended_at
    await store.record(webhook_row("named", kind="event-completed", received_at=9))
    await complete(store)

    assert (None, 9) == (lost, (await rows_of(line))[row.id].ended_at)


async def test_a_lost_call_gets_the_facts_of_an_older_hosts_turns(line: Line, store: Store) -> None:
    """No webhook reports the loss."""
    await line.call("lost", ["4", "record", "stays"])
    await complete(store)
    await change(line, AS_BEFORE[2])
    (open_call,) = await store.calls_of("lost")
    await store.end_lost(EndOfCall("lost", open_call.version, "inbound"), "lost", 1)
    lost = (await rows_of(line))["lost"].result
    await complete(store)

    assert ("lost", "message") == (lost, (await rows_of(line))["lost"].result)


async def test_an_older_hosts_end_is_found_even_if_a_newer_webhook_was_committed_earlier(
    line: Line, store: Store
) -> None:
    await line.call("late", ["4", "stays"])
    await complete(store)
    await change(line, "UPDATE calls SET is_over = 1, version = version + 1 WHERE id = 'late'")
    await store.record(webhook_row("late", kind="event-completed", received_at=5))
    await change(line, "UPDATE ncco_result_progress SET webhook = (SELECT max(key) FROM webhooks)")
    await complete(store)

    assert "missed" == (await rows_of(line))["late"].result


async def test_one_round_reads_all_new_webhooks(line: Line, store: Store) -> None:
    await complete(store)
    await change(
        line,
        """
        INSERT INTO webhooks (id, kind, session, turn, wait, status, leg, conversation, method, body, received_at)
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 11000)
        SELECT n, 'event', 'none', -1, -1, '', 'none', '', 'POST', '{}', 5 FROM numbers
        """,
    )
    await line.call("late", ["4", "stays"])
    await change(line, "UPDATE calls SET is_over = 1, version = version + 1 WHERE id = 'late'")
    await store.record(webhook_row("late", kind="event-completed", received_at=5))
    await ResultRows(store).complete(milliseconds(datetime.now(UTC)) + 60_000)

    assert "missed" == (await rows_of(line))["late"].result


async def test_a_call_with_a_damaged_state_ends(line: Line, store: Store) -> None:
    await line.call("bad", ["stays"])
    await change(line, "UPDATE calls SET state = '[' WHERE id = 'bad'")
    await line.call("bad", [], is_new=False)

    assert (await rows_of(line))["bad"].ended_at is not None


async def test_calls_of_an_older_version_are_deleted_only_after_they_have_results(line: Line, store: Store) -> None:
    await line.call("old", [])
    await change(line, *AS_BEFORE, "UPDATE ncco_result_progress SET oldest = 1 << 40")
    later = milliseconds(datetime.now(UTC)) + 60_000
    kept = await store.sweep(later, 9, later)
    await complete(store)
    deleted = await store.sweep(later, 9, later)

    assert (0, 1) == (kept, deleted)
