"""Placed calls and their attempts in both databases, and in the memory of the process."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from ncco_server.store import (
    AttemptResult,
    AttemptRow,
    Begun,
    PlacedCalls,
    PlacedFilter,
    PlacedRow,
    PlacingLimits,
    RowChange,
    Store,
)
from tests.support.stored_rows import NOON_MS, NUMBER, hook_row, placed_row

pytestmark = pytest.mark.asyncio(loop_scope="module")

MINUTE = 60_000
MANY = PlacingLimits(1_000_000, 1_000_000)


@pytest.fixture
def placed(store: Store) -> PlacedCalls:
    return store.placed


def wanted(id_: str = "p1", **changes: Any) -> PlacedRow:
    at = dict.fromkeys(("wanted_at", "due_at", "created_at", "updated_at"), NOON_MS)
    return placed_row(**({"id": id_, "key": f"key-{id_}", "digest": "d", "params": "{}"} | at | changes))


async def begin(placed: PlacedCalls, row: PlacedRow, now: int = NOON_MS, limits: PlacingLimits = MANY) -> Begun:
    return await placed.begin(row, "revision", now, now + MINUTE, limits)


async def attempt(placed: PlacedCalls, id_: str = "p1", **changes: Any) -> AttemptRow:
    """The first attempt of a new call."""
    (row,) = await placed.add([wanted(id_, **changes)])
    begun = (await begin(placed, row)).attempt
    assert begun is not None
    return begun


async def known(placed: PlacedCalls, id_: str = "p1") -> PlacedRow:
    row = await placed.get(id_)
    assert row is not None
    return row


async def ended(placed: PlacedCalls, id_: str = "p1") -> tuple[str, str, str]:
    row = await known(placed, id_)
    return row.state, row.outcome, row.salt


async def last(placed: PlacedCalls, id_: str = "p1") -> AttemptRow:
    return (await placed.attempts(id_))[-1]


async def test_a_repeated_key_adds_nothing(placed: PlacedCalls) -> None:
    first = await placed.add([wanted("p1"), wanted("p2")])
    again = await placed.add([wanted("p3", key="key-p2", digest="other"), wanted("p4")])

    assert ["p1", "p2"] == [row.id for row in first]
    assert [("p2", "d"), ("p4", "d")] == [(row.id, row.digest) for row in again]
    assert {("waiting", ""): 3} == await placed.count()


async def test_two_writers_of_one_batch_add_each_call_once(placed: PlacedCalls) -> None:
    rows = [wanted(f"a{index}", key=f"k{index}", batch="b") for index in range(40)]
    others = [row._replace(id=f"b{row.id}") for row in reversed(rows)]
    one, two = await asyncio.gather(placed.add(rows), placed.add(others))

    assert {row.id for row in one} == {row.id for row in two}
    assert {("waiting", ""): 40} == await placed.count("b")


async def test_an_attempt_is_started_once(placed: PlacedCalls) -> None:
    (row,) = await placed.add([wanted()])
    begun = await asyncio.gather(*(begin(placed, row) for _ in range(8)))
    stored = await known(placed)

    assert 1 == sum(each.attempt is not None for each in begun)
    assert ("calling", 1, None) == (stored.state, stored.tries, stored.due_at)


async def test_new_calls_keep_a_distance_over_all_hosts(placed: PlacedCalls) -> None:
    rows = await placed.add([wanted(f"p{index}", number=f"44770090010{index}") for index in range(5)])
    begun = [await begin(placed, row) for row in rows]

    assert [True, False, False, False, False] == [each.attempt is not None for each in begun]
    assert NOON_MS + 400 == begun[1].look_at
    now = NOON_MS
    moments = []
    for row in rows[1:]:
        while (each := await begin(placed, row, now)).attempt is None:
            now = each.look_at
        moments.append(now - NOON_MS)
    assert [400, 800, 1200, 1600] == moments


async def test_calls_dialled_by_flows_count_towards_the_rate_of_new_calls(placed: PlacedCalls) -> None:
    (row,) = await placed.add([wanted()])
    await placed.yield_to(3, NOON_MS)

    assert Begun(None, NOON_MS + 3 * 400) == await begin(placed, row)


@pytest.mark.parametrize("limits", [PlacingLimits(2, 1_000), PlacingLimits(1_000, 2)])
async def test_no_more_attempts_than_allowed_in_a_minute_or_a_day(placed: PlacedCalls, limits: PlacingLimits) -> None:
    rows = await placed.add([wanted(f"p{index}", number=f"44770090010{index}") for index in range(3)])
    begun = [await begin(placed, row, NOON_MS + 1_000 * index, limits) for index, row in enumerate(rows)]

    assert [True, True, False] == [each.attempt is not None for each in begun]
    assert begun[2].look_at > NOON_MS + 2_000


async def test_one_number_is_called_by_one_attempt_of_a_flow_at_a_time(placed: PlacedCalls) -> None:
    first = await attempt(placed)
    same, other_flow = await placed.add([wanted("p2"), wanted("p3", flow="survey")])

    assert (await begin(placed, same, NOON_MS + 1_000)).attempt is None
    assert (await begin(placed, other_flow, NOON_MS + 1_000)).attempt is not None
    waiting = await known(placed, "p2")
    assert ("waiting", 0) == (waiting.state, waiting.tries)
    await placed.finish(first, AttemptResult("busy"), NOON_MS + 2_000)
    assert (await begin(placed, waiting, waiting.due_at or 0)).attempt is not None


async def test_only_calls_to_free_numbers_with_flows_of_this_host_are_due(placed: PlacedCalls) -> None:
    begun = await attempt(placed)
    await placed.add([wanted("p2"), wanted("p3", flow="survey"), wanted("p4", number="447700900124"), wanted("p5")])

    async def due(*flows: str) -> list[str]:
        return [row.id for row in await placed.due(NOON_MS, 9, flows)]

    assert ["p4"] == await due("reminder")
    assert ["p3", "p4"] == await due("reminder", "survey")
    assert [] == await due("other") == await due()
    await placed.finish(begun, AttemptResult("busy"), NOON_MS)
    assert ["p2", "p4", "p5"] == await due("reminder")


async def test_expired_calls_are_found_including_those_of_other_hosts(placed: PlacedCalls) -> None:
    await placed.add([wanted(f"p{at}", number=f"44770090010{at}", expires_at=NOON_MS + at) for at in range(3)])
    await placed.add([wanted("other", number="447700900104", flow="survey", expires_at=NOON_MS), wanted("never")])

    async def expired(flow: str, before: int) -> list[str]:
        return [row.id for row in await placed.expired(NOON_MS + 1, 9, [flow], before)]

    assert ["p0", "p1"] == await expired("reminder", NOON_MS - 1)
    assert ["other", "p0"] == sorted(await expired("survey", NOON_MS))
    assert ["other", "p0", "p1"] == sorted(await expired("reminder", NOON_MS))


async def test_nothing_is_placed_during_a_pause(placed: PlacedCalls) -> None:
    (row,) = await placed.add([wanted()])
    await placed.pause(NOON_MS, "anna", "wrong list")
    refused = await begin(placed, row)

    assert (None, "anna", "wrong list") == (refused.attempt, *(await placed.control())[2:4])
    await placed.resume()
    assert (await begin(placed, row)).attempt is not None


async def test_nothing_is_placed_while_vonage_accepts_no_calls(placed: PlacedCalls) -> None:
    (row,) = await placed.add([wanted()])
    await placed.hold(NOON_MS + 9, "status 429")
    await placed.hold(NOON_MS + 5, "by another host")
    control = await placed.control()

    assert (NOON_MS + 9, "status 429") == (control.held_until, control.held_for)
    assert Begun(None, NOON_MS + 9) == await begin(placed, row)
    assert (await begin(placed, row, NOON_MS + 9)).attempt is not None


async def test_a_request_that_was_not_delivered_is_repeated(placed: PlacedCalls) -> None:
    begun = await attempt(placed)
    assert await placed.not_sent(begun, NOON_MS + 1_000, "connection refused", NOON_MS)
    await placed.note(begun, "time-out", NOON_MS)
    row = await known(placed)

    assert ("waiting", 0, NOON_MS + 1_000, "connection refused") == (row.state, row.tries, row.due_at, row.problem)
    assert [] == await placed.attempts("p1")
    assert not await placed.not_sent(begun, NOON_MS, "", NOON_MS)


async def test_an_attempt_is_not_taken_back_after_its_webhook(placed: PlacedCalls) -> None:
    begun = await attempt(placed)
    await placed.adopt("p1", 1, "leg", "CON-1")

    assert not await placed.not_sent(begun, NOON_MS + 1_000, "429", NOON_MS)
    assert "calling" == (await known(placed)).state


@pytest.mark.parametrize("is_webhook_first", [True, False])
async def test_the_reply_and_the_first_webhook_may_arrive_in_any_order(
    placed: PlacedCalls, is_webhook_first: bool
) -> None:
    begun = await attempt(placed)
    if is_webhook_first:
        await placed.adopt("p1", 1, "leg", "CON-1")
        assert await placed.answered("p1", 1, "leg", NOON_MS + 5, NOON_MS + 9 * MINUTE)
        await placed.sent(begun, "leg", "CON-1")
    else:
        await placed.sent(begun, "leg", "CON-1")
        assert await placed.answered("p1", 1, "leg", NOON_MS + 5, NOON_MS + 9 * MINUTE)
    row = await last(placed)

    assert ("answered", "leg", "CON-1", NOON_MS + 9 * MINUTE) == (row.state, row.leg, row.conversation, row.give_up_at)


async def test_a_second_leg_of_an_attempt_is_rejected(placed: PlacedCalls) -> None:
    begun = await attempt(placed)
    await placed.sent(begun, "leg", "CON-1")
    found = await placed.adopt("p1", 1, "other", "CON-2")

    assert found is not None
    assert "leg" == found.leg
    assert not await placed.answered("p1", 1, "other", NOON_MS, NOON_MS + MINUTE)
    assert await placed.answered("p1", 1, "leg", NOON_MS, NOON_MS + MINUTE)
    assert await placed.answered("p1", 1, "leg", NOON_MS, NOON_MS + MINUTE)  # a repeated webhook


async def test_an_event_of_another_number_claims_no_attempt(placed: PlacedCalls) -> None:
    await attempt(placed)
    found = await placed.adopt("p1", 1, "foreign", "CON-2", "447700900199")

    assert found is not None
    assert ("placing", "", "") == (found.state, found.leg, found.conversation)


@pytest.mark.parametrize("claimed", ["ringing", "answered", "completed"])
@pytest.mark.parametrize("true_is", ["the reply", "the answer webhook"])
async def test_the_true_leg_replaces_one_that_an_event_claimed(placed: PlacedCalls, claimed: str, true_is: str) -> None:
    begun = await attempt(placed)
    await placed.adopt("p1", 1, "foreign", "CON-2", NUMBER)
    if claimed == "answered":
        await placed.answered("p1", 1, "foreign", NOON_MS + 1, NOON_MS + MINUTE, is_certain=False)
    if claimed == "completed":
        await placed.completed(begun, NOON_MS + MINUTE)
    if true_is == "the reply":
        found = await placed.sent(begun, "leg", "CON-1")
        assert found is not None
        assert ("placed", "leg", "CON-1", None, "") == (*found[5:8], found.answered_at, found.outcome)
    answered = await placed.answered("p1", 1, "leg", NOON_MS + 5, NOON_MS + 9 * MINUTE)
    await placed.sent(begun, "leg", "CON-1")

    assert answered is not None
    assert ("answered", "leg", NOON_MS + 5, "") == (*answered[5:7], answered.answered_at, answered.outcome)
    assert answered.leg == (await last(placed)).leg


async def test_an_attempt_ends_once_and_the_next_one_follows(placed: PlacedCalls) -> None:
    begun = await attempt(placed)
    ended = await asyncio.gather(
        *(placed.finish(begun, AttemptResult("busy"), NOON_MS + 9, NOON_MS + MINUTE) for _ in range(5))
    )
    row = await known(placed)

    assert 1 == sum(ended)
    assert ("waiting", 1, NOON_MS + MINUTE, "{}") == (row.state, row.tries, row.due_at, row.params)
    second = (await begin(placed, row, NOON_MS + MINUTE)).attempt
    assert second is not None
    assert 2 == second.number


async def test_the_hooks_of_the_last_attempt_are_written_with_its_end(store: Store) -> None:
    placed = store.placed
    begun = await attempt(placed, salt="salt")
    hook = hook_row("h1", session="placed:p1")
    await placed.finish(begun, AttemptResult("timeout", hooks=[hook]), NOON_MS + 9)
    await placed.finish(begun, AttemptResult("timeout", hooks=[hook._replace(id="h2")]), NOON_MS + 9)
    row = await known(placed)

    assert ("over", "timeout", "") == (row.state, row.outcome, row.salt)
    assert ["h1"] == [each.id for each in await store.hooks.first(9)]


async def test_a_waiting_call_can_be_cancelled_and_a_ringing_one_plays_no_flow(placed: PlacedCalls) -> None:
    begun = await attempt(placed, "p1")
    (row,) = await placed.add([wanted("p2")])
    before = [await placed.cancel("p1", NOON_MS + 1), await placed.cancel("p2", NOON_MS + 1)]

    assert ["calling", "waiting"] == [row.state for row in before if row is not None]
    assert ("over", "cancelled") == (await known(placed, "p2"))[9:11]
    assert (await begin(placed, row)).attempt is None
    assert not await placed.answered("p1", 1, "leg", NOON_MS, NOON_MS + MINUTE)
    await placed.finish(begun, AttemptResult("completed"), NOON_MS + 9, NOON_MS + MINUTE)  # it is not retried
    assert ("over", "cancelled") == (await known(placed, "p1"))[9:11]
    assert await placed.cancel("p9", NOON_MS) is None


@pytest.mark.parametrize(
    ("due_at", "end"), [(None, ("over", "unknown", "")), (NOON_MS + 9 * MINUTE, ("over", "answered", ""))]
)
async def test_a_person_who_answers_late_hears_the_flow_and_is_not_called_again(
    placed: PlacedCalls, due_at: int | None, end: tuple[str, ...]
) -> None:
    first = await attempt(placed, salt="salt")
    await placed.finish(first, AttemptResult("unknown"), NOON_MS + MINUTE, due_at)

    assert await placed.answered("p1", 1, "leg", NOON_MS + 2 * MINUTE, NOON_MS + 9 * MINUTE)
    assert end == await ended(placed)


async def test_a_person_who_answers_while_another_attempt_rings_hears_a_goodbye(placed: PlacedCalls) -> None:
    first = await attempt(placed)
    await placed.finish(first, AttemptResult("unknown"), NOON_MS + MINUTE, NOON_MS + 2 * MINUTE)
    assert (await begin(placed, await known(placed), NOON_MS + 2 * MINUTE)).attempt is not None

    assert not await placed.answered("p1", 1, "late", NOON_MS + 3 * MINUTE, NOON_MS + 9 * MINUTE)


async def test_an_attempt_answered_meanwhile_does_not_end_as_unanswered(placed: PlacedCalls) -> None:
    begun = await attempt(placed)
    answered = await placed.answered("p1", 1, "leg", NOON_MS + 1, NOON_MS + 9 * MINUTE)
    assert answered is not None

    assert not await placed.finish(begun, AttemptResult("busy"), NOON_MS + 2, NOON_MS + 9 * MINUTE)
    assert await placed.finish(answered, AttemptResult("answered"), NOON_MS + 2)


async def test_an_attempt_that_ended_at_vonage_waits_for_its_outcome(placed: PlacedCalls) -> None:
    begun = await attempt(placed)
    await placed.sent(begun, "leg", "CON-1")
    completed = await placed.completed(begun, NOON_MS + 7)
    assert completed is not None
    assert ("placed", "completed", NOON_MS + 7) == (completed.state, completed.outcome, completed.give_up_at)
    answered = await placed.answered("p1", 1, "leg", NOON_MS + 1, NOON_MS + 9 * MINUTE)
    assert answered is not None
    assert NOON_MS + 7 == answered.give_up_at
    assert answered == await placed.completed(begun, NOON_MS + 9)


async def test_silent_attempts_are_found(placed: PlacedCalls) -> None:
    begun = await attempt(placed)

    assert [] == await placed.silent(NOON_MS + MINUTE - 1, 9)
    assert [begun] == await placed.silent(NOON_MS + MINUTE, 9)
    await placed.note(begun, "time-out", NOON_MS + 2 * MINUTE)
    assert [] == await placed.silent(NOON_MS + MINUTE, 9)
    await placed.finish(begun, AttemptResult("unknown"), NOON_MS + 3 * MINUTE)
    assert [] == await placed.silent(NOON_MS + 9 * MINUTE, 9)


async def test_a_batch_is_stopped_and_counted(placed: PlacedCalls) -> None:
    await attempt(placed, "p1", batch="b")
    await placed.add([wanted("p2", batch="b"), wanted("p3", batch="b"), wanted("p4")])

    assert 2 == await placed.stop_batch("b", NOON_MS + 1)
    assert {("calling", ""): 1, ("over", "cancelled"): 2} == await placed.count("b")
    assert ["p3", "p2", "p1"] == [row.id for row in await placed.list(9, wanted=PlacedFilter(batch="b"))]
    assert ["p1"] == [row.id for row in await placed.list(9, before="p2")]


async def test_calls_are_found_by_digits_anywhere_in_their_number(placed: PlacedCalls) -> None:
    await placed.add([wanted("p1", number="447700900001"), wanted("p2", number="447700900002")])

    async def found(digits: str) -> list[str]:
        return [row.id for row in await placed.list(9, wanted=PlacedFilter(number=digits))]

    assert [["p2", "p1"], ["p2"], [], []] == [await found(each) for each in ("0090", "0002", "4_7", "%")]


async def test_a_bulk_write_lets_other_writes_go_first(placed: PlacedCalls) -> None:
    rows = [wanted(f"p{number}", batch="b", due_at=NOON_MS - number) for number in range(600)]
    seen = list[str]()
    tasks = list[asyncio.Task[None]]()

    async def write() -> None:
        await placed.hold(NOON_MS, "")
        seen.append("another")

    def listener(done: int) -> None:
        seen.append(str(done))
        if not tasks:
            tasks.append(asyncio.create_task(write()))

    assert rows == await placed.add_many(rows, listener)
    assert ["200", "another", "400", "600"] == seen
    seen.clear()
    tasks.clear()
    assert 600 == await placed.stop_batch("b", NOON_MS, listener)
    assert ["500", "another", "600"] == seen


class Enough(Exception):
    """Ends a batch after its first transaction."""


async def test_the_next_due_calls_of_a_batch_are_stopped_first(placed: PlacedCalls) -> None:
    await placed.add_many([wanted(f"p{number}", batch="b", due_at=NOON_MS - number) for number in range(501)])

    def end(_: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        await placed.stop_batch("b", NOON_MS, end)

    assert ["waiting", "over"] == [row.state for id_ in ("p0", "p1") if (row := await placed.get(id_)) is not None]


async def test_a_forgotten_number_is_not_called_again_by_the_same_request(store: Store) -> None:
    placed = store.placed
    await placed.add([wanted("p1"), wanted("p2", number="447700900199", params=f'{{"friend": "{NUMBER}"}}')])
    forgotten = await store.forget([NUMBER])
    (again,) = await placed.add([wanted("p3", key="key-p1")])

    assert 2 == forgotten.placed
    assert ("p1", "", "", "over") == (again.id, again.number, again.params, again.state)
    assert 0 == (await store.forget([NUMBER])).placed


async def test_forgotten_attempts_still_count(store: Store) -> None:
    placed = store.placed
    limits = PlacingLimits(100, 1)
    await attempt(placed, "p1")
    await store.forget([NUMBER])
    (other,) = await placed.add([wanted("p2", number="447700900199")])
    (left,) = await placed.attempts("p1")

    assert Begun(None, NOON_MS + 2 * MINUTE) == await begin(placed, other, NOON_MS + MINUTE, limits)
    assert ("over", "", "", "") == (left.state, left.to_number, left.leg, left.conversation)
    assert (await begin(placed, other, NOON_MS + 24 * 60 * MINUTE, limits)).attempt is not None


@pytest.mark.parametrize("was_sent", [False, True])
async def test_a_forgotten_attempt_accepts_no_leg(store: Store, *, was_sent: bool) -> None:
    placed = store.placed
    begun = await attempt(placed, "p1")
    if was_sent:
        await placed.sent(begun, "leg-1", "CON-1")
    await store.forget([NUMBER])
    forgotten = await last(placed)
    await placed.sent(begun, "leg-1", "CON-1")
    await placed.note(begun, f"{NUMBER} timed out", NOON_MS + MINUTE)
    await placed.adopt("p1", 1, "leg-2", "CON-2")

    assert await placed.answered("p1", 1, "leg-2", NOON_MS, NOON_MS) is None
    assert [forgotten] == await placed.attempts("p1")
    assert ("over", "cancelled", "") == await ended(placed)


async def test_old_calls_are_swept_once_they_are_over(store: Store) -> None:
    placed = store.placed
    begun = await attempt(placed, "p1")
    await placed.add([wanted("p2", number="447700900199")])
    await placed.finish(begun, AttemptResult("busy"), NOON_MS + 9)

    assert 0 == await store.sweep(NOON_MS, 20, NOON_MS)
    assert 1 == await store.sweep(NOON_MS + MINUTE, 20, NOON_MS + MINUTE)
    assert ["p2"] == [row.id for row in await placed.list(9)]
    assert [] == await placed.attempts("p1")


async def test_random_orders_never_call_twice(placed: PlacedCalls) -> None:
    """Two hosts, cancellations, webhooks and results in random order give one request for each committed attempt."""
    chance = random.Random(7)  # noqa: S311 - not for secrets
    numbers = [f"4477009001{index:02}" for index in range(6)]
    rows = await placed.add([wanted(f"p{index}", number=chance.choice(numbers)) for index in range(30)])
    sent = set[tuple[str, int]]()
    clock = [NOON_MS]

    async def host() -> None:
        for _ in range(60):
            clock[0] += 400
            now = clock[0]
            row = await known(placed, chance.choice(rows).id)
            begun = (await begin(placed, row, now)).attempt
            if begun is not None:
                assert (begun.placed, begun.number) not in sent
                sent.add((begun.placed, begun.number))
                move = chance.choice(["sent", "webhook", "lost", "not sent", "finish"])
                if move == "sent":
                    await placed.sent(begun, f"leg-{begun.placed}", "")
                elif move == "webhook":
                    await placed.adopt(begun.placed, begun.number, f"leg-{begun.placed}", "")
                elif move == "not sent" and await placed.not_sent(begun, now, "", now):
                    sent.remove((begun.placed, begun.number))
                elif move == "finish":
                    await placed.finish(begun, AttemptResult("busy"), now, chance.choice([None, now]))
            if chance.random() < 0.1:
                await placed.cancel(chance.choice(rows).id, now)

    await asyncio.gather(host(), host(), host())
    for row in rows:
        stored = await known(placed, row.id)
        attempts = await placed.attempts(row.id)
        assert [each.number for each in attempts] == list(range(1, len(attempts) + 1))
        assert stored.tries == len(attempts)
        assert (stored.state == "calling") == any(each.over_at is None for each in attempts)
        assert (stored.due_at is not None) == (stored.state == "waiting")
    under_way = [each.to_number for row in rows for each in await placed.attempts(row.id) if each.over_at is None]
    assert len(under_way) == len(set(under_way))


async def test_a_number_whose_row_was_committed_before_the_attempt_is_not_called(store: Store) -> None:
    numbers = [f"4477009{number:05}" for number in range(60)]
    rows = await store.placed.add([wanted(str(index), number=number) for index, number in enumerate(numbers)])
    committed = set[str]()
    called = set[str]()

    async def block(some: list[str]) -> None:
        for number in some:
            await store.tables.change([RowChange(f'do_not_call["{number}"]')], NOON_MS, "a test")
            committed.add(number)
            await asyncio.sleep(0)

    async def call() -> None:
        for index, row in enumerate(rows):
            before = set(committed)
            begun = await store.placed.begin(
                row,
                "revision",
                NOON_MS + 1_000 * index,
                NOON_MS + MINUTE,
                MANY,
                refusing=[f'do_not_call["{row.number}"]'],
            )
            assert (begun.attempt is None) == (begun.refused_by == "do_not_call")
            if begun.attempt is not None:
                called.add(row.number)
                assert row.number not in before

    shuffled = [*numbers]
    random.Random(7).shuffle(shuffled)  # noqa: S311 - which numbers are added first
    await asyncio.gather(call(), block(shuffled[0:20]), block(shuffled[20:40]), block(shuffled[40:50]))
    assert set(shuffled[50:]) <= called


async def test_an_expired_row_does_not_stop_a_call(store: Store) -> None:
    (row,) = await store.placed.add([wanted("1")])
    name = f'blocked["{row.number}"]'
    await store.tables.change([RowChange(name, keep_ms=MINUTE)], NOON_MS, "a test")

    refused = await store.placed.begin(row, "revision", NOON_MS, NOON_MS + MINUTE, MANY, refusing=[name])
    assert Begun(None, refused_by="blocked") == refused
    later = NOON_MS + MINUTE
    assert (
        await store.placed.begin(row, "revision", later, NOON_MS + MINUTE, MANY, refusing=[name])
    ).attempt is not None
