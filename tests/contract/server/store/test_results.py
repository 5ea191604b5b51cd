"""The results of calls are written when a call ends and kept correct by every later fact, in any order."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ncco_server.store import QUARTER_MS, Caused, EndOfCall, Records, ResultRow, Store
from tests.support.stored_rows import (
    NOON_MS,
    NUMBER,
    end_call,
    new_call,
    results_of,
    session_row,
    turn_row,
    webhook_row,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINE = "442079460000"
PLAYED, HOURS, ASKED, CHOSEN, UNKNOWN, UNCONNECTED = 1, 2, 4, 8, 16, 64


async def row_of(records: Records, id_: str = "leg-1") -> ResultRow:
    (row,) = await results_of(records, id_)
    return row


async def open_with(store: Store, *turns: dict[str, Any], id_: str = "leg-1", leg: str = "leg-1") -> None:
    first, *rest = turns
    await store.open_call(session_row(id_, leg=leg), turn_row(id_, 1, **first), webhook_row(id_))
    for number, facts in enumerate(rest, 2):
        session = session_row(id_, leg=leg, version=number)
        await store.advance(session, turn_row(id_, number, **facts), webhook_row(id_, number - 1, 0))


def event(kind: str, turn: int = 1, at: int = 5, id_: str = "leg-1", wait: int = 0) -> Any:
    return webhook_row(id_, turn, wait, kind.removeprefix("event-"), kind=kind, received_at=NOON_MS + at)


ENDS: dict[str, tuple[list[dict[str, Any]], list[tuple[str, int]], str]] = {
    "nothing heard": ([{"heard": 0}], [], "missed"),
    "played to the end": ([{"heard": PLAYED}], [], "served"),
    "heard what was chosen": ([{"heard": 0}, {"heard": CHOSEN}], [], "served"),
    "chosen, then asked for a message": ([{"heard": CHOSEN}, {"heard": ASKED | PLAYED}], [], "served"),
    "closed, asked for a message": ([{"heard": HOURS | ASKED | PLAYED}], [], "missed"),
    "closed, and told so": ([{"heard": HOURS}], [], "served"),
    "played once, then asked something": ([{"heard": PLAYED}, {"heard": 0}], [], "missed"),
    "left a message": ([{"heard": ASKED}], [("record", 1)], "message"),
    "recorded, but not a message": ([{"heard": 0}], [("record", 1)], "missed"),
    "rang, nobody": ([{"heard": CHOSEN, "rang": "acme.sales"}], [], "missed"),
    "rang, a person": ([{"heard": 0, "rang": "acme.sales"}], [("event-answered", 1)], "person"),
    "rang, a machine": ([{"heard": 0, "rang": "a.b"}], [("event-answered", 1), ("event-machine", 1)], "missed"),
    "a machine, then a person": ([{}, {}], [("event-answered", 1), ("event-machine", 1), ("event-human", 2)], "person"),
    "rang, and was declined": ([{"heard": UNCONNECTED, "rang": "a.b"}], [("event-answered", 1)], "missed"),
    "declined, then a person": (
        [{"heard": UNCONNECTED, "rang": "a.b"}, {"rang": "a.b"}],
        [("event-answered", 1), ("event-answered", 2)],
        "person",
    ),
    "the flow's own result": ([{"heard": 0, "result": "booked"}, {"heard": PLAYED}], [], "own"),
    "a person hides no own result": ([{"heard": 0, "result": "booked"}], [("event-answered", 1)], "person"),
    "played without the database": ([{"heard": UNKNOWN}], [], "unknown"),
}


@pytest.mark.parametrize("are_late", [False, True])
async def test_a_result_follows_from_the_facts_of_turns_and_from_webhooks_in_any_order(
    store: Store, records: Records, *, are_late: bool
) -> None:
    """Webhooks come before the end of the call, or after it."""
    for name, (turns, webhooks, result) in ENDS.items():
        await open_with(store, *turns, id_=name, leg=name)
        facts = [event(kind, turn, at=9 if are_late else 5, id_=name) for kind, turn in webhooks]
        end = webhook_row(name, kind="event-completed", received_at=NOON_MS + 7)
        for each in (end, *facts) if are_late else (*facts, end):
            await (end_call(store, name, each) if each is end else store.record(each))

        row = await row_of(records, name)
        assert (result, name) == (row.result, row.id)
        assert next((turn["result"] for turn in turns if turn.get("result")), "") == row.own
        assert (NUMBER, NUMBER[::-1], LINE, "inbound") == (row.party, row.party_end, row.line, row.direction)
        assert (NUMBER, LINE) == (row.caller, row.to)
        assert (NOON_MS, NOON_MS + 7) == (row.began_at, row.ended_at)
        assert NOON_MS + (9 if are_late and webhooks else 7) == row.changed_at


async def test_called_party_sets_the_result_of_the_call_that_dialled(store: Store, records: Records) -> None:
    await open_with(store, {"heard": 0, "result": "asked"}, {"heard": 0, "rang": "acme.sales"})
    party = session_row("party")
    await store.open_call(party, turn_row("party", 1, heard=0, rang=""), webhook_row("party"), Caused(parent="leg-1"))
    second = turn_row("party", 2, heard=0, rang="", result="accepted")
    await store.advance(party._replace(version=2), second, webhook_row("party", 1, 0), Caused(parent="leg-1"))
    await end_call(store, "leg-1", webhook_row("leg-1"))
    ended = await row_of(records)
    third = turn_row("party", 3, heard=0, rang="", result="declined")
    late = webhook_row("party", 2, 0, received_at=NOON_MS + 7)
    await store.advance(party._replace(version=3), third, late, Caused(parent="leg-1"))
    later = await row_of(records)
    await store.advance(
        party._replace(version=4),
        turn_row("party", 4, result="lost"),
        webhook_row("party", 3, 0),
        Caused(parent="forgotten"),
    )

    assert ("accepted", "own") == (ended.own, ended.result)
    assert ("declined", NOON_MS + 7, False) == (later.own, later.changed_at, later.is_counted)


@pytest.mark.parametrize(("heard", "result"), [((UNCONNECTED, 0), "person"), ((UNCONNECTED,), "missed")])
async def test_called_party_is_a_person_once_it_is_connected_while_the_caller_is_there(
    store: Store, records: Records, heard: tuple[int, ...], result: str
) -> None:
    caused = Caused(parent="leg-1")
    party = session_row("party")
    await open_with(store, {"heard": CHOSEN}, {"heard": PLAYED, "rang": "acme.sales"})
    await store.record(event("event-answered", 2))
    await store.open_call(party, turn_row("party", 1, heard=heard[0]), webhook_row("party"), caused)
    for number, flags in enumerate((*heard[1:], UNCONNECTED, 0), 2):
        if number == len(heard) + 1:
            await end_call(store, "leg-1", webhook_row("leg-1"))
        turn = turn_row("party", number, heard=flags)
        await store.advance(party._replace(version=number), turn, webhook_row("party", number - 1, 0), caused)

    assert result == (await row_of(records)).result


async def test_open_call_has_no_row(store: Store, records: Records) -> None:
    await open_with(store, {"heard": 0})
    await store.record(event("event-answered"))

    assert [] == await results_of(records, "leg-1")


async def test_lost_call_gets_its_true_end_later(store: Store, records: Records) -> None:
    await open_with(store, {"heard": PLAYED})
    assert await store.end_lost(EndOfCall("leg-1", 1, "inbound"), "leg-1", NOON_MS + 1)
    assert not await store.end_lost(EndOfCall("leg-1", 1, "inbound"), "leg-1", NOON_MS + 2)
    lost = await row_of(records)
    await store.end("leg-1", [], webhook_row("leg-1", kind="event-completed", received_at=NOON_MS + 7))

    assert ("lost", None) == (lost.result, lost.ended_at)
    ended = await row_of(records)
    assert ("served", NOON_MS + 7) == (ended.result, ended.ended_at)


async def test_only_the_last_session_of_a_leg_counts(store: Store, records: Records) -> None:
    await open_with(store, {"heard": 0})
    await open_with(store, {"heard": CHOSEN}, id_="leg-1/menu")
    await end_call(store, "leg-1", webhook_row("leg-1"))
    await open_with(store, {"heard": 0}, id_="leg-1/late")
    await end_call(store, "leg-1", webhook_row("leg-1", id="again"))

    rows = await results_of(records, "leg-1", "leg-1/menu", "leg-1/late")
    assert [("", False), ("leg-1", False), ("leg-1/menu", True)] == [(row.previous, row.is_last) for row in rows]
    while await store.results.count():
        pass
    assert {("acme", LINE, "missed", "", -1): 1} == await sums(records)


async def sums(records: Records) -> dict[tuple[str, str, str, str, int], int]:
    """The calls in the sums and the uncounted rows, by everything except the time."""
    return {
        (each.flow, each.line, each.result, each.own, each.until_s): each.calls
        for each in await records.result_sums(0, NOON_MS * 2)
    }


async def test_sums_are_right_at_every_moment(store: Store, records: Records) -> None:
    draw = random.Random(7)  # noqa: S311 - the same calls in every run
    calls = [f"leg-{number}" for number in range(30)]
    for id_ in calls:
        await open_with(store, draw.choice([{"heard": 0}, {"heard": CHOSEN}, {"heard": ASKED}]), id_=id_, leg=id_)
    for id_ in draw.choices(calls, k=80):
        act = draw.choice(["end", "answered", "machine", "record", "count"])
        if act == "end":
            await end_call(store, id_, webhook_row(id_, kind="event-completed", received_at=NOON_MS + 2000))
        elif act == "count":
            await store.results.count(3)
        else:
            await store.record(event(act if act == "record" else f"event-{act}", id_=id_))
        rows = await results_of(records, *calls)
        expected: dict[tuple[str, str, str, str, int], int] = {}
        for row in rows:
            key = (row.flow, row.line, row.result, row.own, -1 if row.person_at is None else 0)
            expected[key] = expected.get(key, 0) + 1
        assert expected == await sums(records)


async def test_the_sums_of_any_period_match_its_calls(store: Store, records: Records) -> None:
    """A period begins and ends with any quarter of an hour, as days do in other time zones."""
    draw = random.Random(11)  # noqa: S311 - the same calls in every run
    quarters = [NOON_MS // QUARTER_MS + draw.randrange(4 * 96) for _ in range(80)]
    for number, quarter in enumerate(quarters):
        id_, at = f"leg-{number}", quarter * QUARTER_MS + draw.randrange(QUARTER_MS)
        flow = draw.choice(["acme", "shop"])
        session = session_row(id_, created_at=at, updated_at=at, flow=flow)
        await store.open_call(session, turn_row(id_, 1, heard=draw.choice([0, CHOSEN])), webhook_row(id_))
        if draw.random() < 0.5:
            answered_at = at + draw.choice([3000, 4000])
            await store.record(webhook_row(id_, 1, 0, kind="event-answered", received_at=answered_at))
        await end_call(store, id_, webhook_row(id_, received_at=at + 9000))
        if number < 60:
            await store.results.count()
    rows = await records.results_between(0, 1 << 40)
    for flow in ("", "shop"):
        for _ in range(60):
            since, until = sorted(NOON_MS // QUARTER_MS + draw.randrange(-5, 4 * 96 + 5) for _ in range(2))
            period = since * QUARTER_MS, until * QUARTER_MS
            of_period = [row for row in rows if period[0] <= row.began_at < period[1] and flow in ("", row.flow)]
            waits = Counter(
                (row.flow, row.result, -1 if row.person_at is None else (row.person_at - row.began_at) // 1000)
                for row in of_period
            )
            starts = Counter((row.began_at // QUARTER_MS * QUARTER_MS, row.result) for row in of_period)
            found = await records.result_sums(*period, flow)
            assert waits == {(each.flow, each.result, each.until_s): each.calls for each in found}
            assert len(of_period) * 9000 == sum(each.ms for each in found)
            assert starts == {(at, name): calls for at, name, calls in await records.result_quarters(*period, flow)}


async def test_forgotten_call_leaves_the_sums(store: Store, records: Records) -> None:
    for id_ in ("leg-1", "leg-2"):
        await store.open_call(*new_call(id_, state=NUMBER.encode() if id_ == "leg-1" else b"{}"))
        await end_call(store, id_, webhook_row(id_))
    while await store.results.count():
        pass
    before = sum((await sums(records)).values())
    await store.forget([NUMBER])

    assert (2, 1) == (before, sum((await sums(records)).values()))
    assert [] == await results_of(records, "leg-1")


@pytest.mark.parametrize("is_counted", [False, True])
async def test_deleted_call_stays_in_the_sums(store: Store, records: Records, *, is_counted: bool) -> None:
    await open_with(store, {"heard": 0})
    await end_call(store, "leg-1", webhook_row("leg-1"))
    if is_counted:
        await store.results.count()

    assert 1 == await store.sweep(NOON_MS * 2, 9, NOON_MS * 2)
    assert [] == await results_of(records, "leg-1")
    assert 1 == sum((await sums(records)).values())


async def test_a_call_whose_end_was_never_reported_is_deleted_as_early_as_others(
    store: Store, records: Records
) -> None:
    await open_with(store, {"heard": 0})
    await store.end_lost(EndOfCall("leg-1", 1, "inbound", NUMBER, LINE), "leg-1", NOON_MS + 9000)

    assert 1 == await store.sweep(NOON_MS + 1, 9, NOON_MS + 1)
    assert {("acme", LINE, "lost", "", -1): 1} == await sums(records)


async def test_caller_who_was_called_back_is_marked_until_that_is_undone(store: Store, records: Records) -> None:
    await open_with(store, {"heard": 0})
    unknown = await store.results.mark_returned("leg-1", NOON_MS + 1, "anna")
    await end_call(store, "leg-1", webhook_row("leg-1"))
    assert await store.results.mark_returned("leg-1", NOON_MS + 2, "anna")
    marked = await row_of(records)
    assert await store.results.mark_to_return("leg-1", NOON_MS + 3)
    undone = await row_of(records)

    assert not unknown
    assert (NOON_MS + 2, "anna") == (marked.returned_at, marked.returned_by)
    assert (None, "") == (undone.returned_at, undone.returned_by)


async def test_end_and_later_facts_at_the_same_moment_agree(store: Store, records: Records) -> None:
    for number in range(40):
        id_ = f"leg-{number}"
        await open_with(store, {"heard": ASKED}, id_=id_, leg=id_)
        writes = [
            end_call(store, id_, webhook_row(id_, kind="event-completed")),
            store.record(event("event-answered", id_=id_)),
            store.record(event("event-machine", id_=id_)),
            store.record(event("record", id_=id_)),
            store.results.count(),
        ]
        random.Random(number).shuffle(writes)  # noqa: S311 - the same order in every run
        await asyncio.gather(*writes)
        assert "message" == (await row_of(records, id_)).result
    while await store.results.count():
        pass
    assert {("acme", LINE, "message", "", -1): 40} == await sums(records)


async def test_a_backup_contains_rows_sums_and_progress(closed_store: Store, tmp_path: Path) -> None:
    """A restored database has the same results, counted or not, and continues to count."""
    if closed_store.path is None:
        pytest.skip("`ncco backup` copies files")
    async with closed_store as store:
        for id_ in ("leg-1", "leg-2"):
            await open_with(store, {"heard": CHOSEN}, id_=id_, leg=id_)
            await end_call(store, id_, webhook_row(id_, received_at=NOON_MS + 2000))
            await store.results.count(1 if id_ == "leg-1" else 0)
        before = await everything(store)
    with closing(sqlite3.connect(closed_store.path)) as source, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        source.backup(copy)
    await store.database.replace_by(tmp_path / "copy.db")
    async with store:
        after = await everything(store)
        while await store.results.count():
            pass
        counted = await everything(store)

    assert before == after
    assert before[1:] == counted[1:]
    assert all(row.is_counted for row in counted[0])


async def everything(store: Store) -> tuple[list[ResultRow], dict[Any, int]]:
    async with store.records() as records:
        return await records.results_between(0, 1 << 40), await sums(records)
