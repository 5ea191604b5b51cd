"""Reading the calls of a store."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Final

import pytest

from ncco_server.store import CallFilter, Caused, EndOfCall, PlacingControl, Records, Store
from tests.support.stored_rows import (
    NOON_MS,
    NUMBER,
    end_call,
    hook_row,
    new_call,
    next_turn,
    revision_row,
    session_row,
    turn_row,
    webhook_row,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR_MS: Final = 3_600_000


async def ids(records: Records, limit: int = 10, before: int | None = None, **wanted: object) -> list[str]:
    return [call.session.id for call in await records.calls(limit, before, CallFilter(**wanted))]  # type: ignore[arg-type]  # names of fields


# Calls


async def test_calls_are_listed_newest_first_with_their_turns(store: Store, records: Records) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("leg-2"))
    await store.advance(*next_turn("leg-1", 1))

    newest, oldest = await records.calls(10)

    assert (session_row("leg-2"), 1, False) == (newest.session, newest.turns, newest.has_failed)
    assert (next_turn("leg-1", 1)[0], 2) == (oldest.session, oldest.turns)


async def test_a_list_continues_after_a_key(store: Store, records: Records) -> None:
    for number in range(5):
        await store.open_call(*new_call(f"leg-{number}"))

    first = await records.calls(2)

    assert ["leg-4", "leg-3"] == [call.session.id for call in first]
    assert ["leg-2", "leg-1"] == await ids(records, 2, first[-1].key)


async def test_filters_limit_the_list(store: Store, records: Records) -> None:
    await store.open_call(*new_call("old", created_at=NOON_MS - 1))
    await store.open_call(*new_call("from", state=b'{"from_number":"447700900123"}'))
    await store.open_call(*new_call("other", flow="other"))
    await store.open_call(*new_call("over", is_over=True))
    failed = turn_row("failed", has_failed=True)
    await store.open_call(session_row("failed"), failed, webhook_row("failed"))

    assert ["from"] == await ids(records, number="447700900123")
    assert ["other"] == await ids(records, flow="other")
    assert ["failed", "over", "other", "from"] == await ids(records, since=NOON_MS)
    assert ["failed", "other", "from", "old"] == await ids(records, is_open=True)
    assert ["failed"] == await ids(records, has_failed=True)
    assert [] == await ids(records, has_failed=True, flow="other")
    assert ["failed"] == [call.session.id for call in await records.calls(9) if call.has_failed]


@pytest.mark.parametrize(
    "wanted", [{"flow": "acme"}, {"number": NUMBER}, {"since": NOON_MS - 100}, {"result": "missed"}]
)
async def test_pages_contain_each_call_once_even_if_keys_and_times_differ_in_order(
    store: Store, records: Records, wanted: dict[str, object]
) -> None:
    """Hosts store calls in a different order than they begin."""
    began = [0, 5, 4, 9, 7, 8, 3, 12, 11, 10]
    for number, at in enumerate(began):
        id_ = f"leg-{number}"
        turn, webhook = turn_row(id_, heard=0), webhook_row(id_)
        await store.open_call(session_row(id_, created_at=NOON_MS + at), turn, webhook)
        await end_call(store, id_, webhook_row(id_))
    found = list[str]()
    before = None
    while page := await records.calls(2, before, CallFilter(**wanted)):  # type: ignore[arg-type]  # names of fields
        found += [call.session.id for call in page]
        before = page[-1].key

    assert [f"leg-{number}" for number in reversed(range(len(began)))] == found


@pytest.mark.parametrize("is_over", [False, True])
async def test_a_call_is_found_by_every_combination_of_its_facts(
    store: Store, records: Records, *, is_over: bool
) -> None:
    """Each combination is a separate statement."""
    turn = turn_row("leg-1", heard=0, has_failed=True, result="sold")
    session = session_row("leg-1", state=f'{{"from_number":"{NUMBER}"}}'.encode())
    await store.open_call(session, turn, webhook_row("leg-1"))
    known: dict[str, object] = {"is_open": True}
    if is_over:
        await end_call(store, "leg-1", webhook_row("leg-1"))
        (row,) = await records.results_between(0, 1 << 40)
        known = {"result": row.result, "own": row.own}
        assert ["leg-1"] == await ids(records, number="44207946") == await ids(records, number="9460000")
    known |= {"number": NUMBER, "flow": "acme", "since": NOON_MS, "until": NOON_MS + 1, "has_failed": True}
    (call,) = await records.calls(9)

    for keys in chain.from_iterable(combinations(known, count) for count in range(len(known) + 1)):
        wanted = {key: known[key] for key in keys}
        assert ["leg-1"] == await ids(records, 9, call.key + 1, **wanted), wanted
        assert [] == await ids(records, 9, call.key, **wanted), wanted


@pytest.mark.parametrize("is_over", [False, True])
async def test_calls_of_a_period_end_before_its_end(store: Store, records: Records, *, is_over: bool) -> None:
    for number in range(4):
        id_ = f"leg-{number}"
        session = session_row(id_, created_at=NOON_MS + number * 7_200_000)
        await store.open_call(session, turn_row(id_), webhook_row(id_))
        if is_over:
            await end_call(store, id_, webhook_row(id_))
    since, until = NOON_MS + 7_200_000, NOON_MS + 3 * 7_200_000

    assert ["leg-2", "leg-1"] == await ids(records, since=since, until=until)
    assert ["leg-2", "leg-1"] == await ids(records, since=since, until=until, flow="acme")
    assert ["leg-1", "leg-0"] == await ids(records, until=since + 1)


async def test_a_call_whose_end_was_never_reported_is_lost_and_no_longer_open(store: Store, records: Records) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.end_lost(EndOfCall("leg-1", 1, "inbound"), "leg-1", NOON_MS)
    await store.open_call(*new_call("leg-2", leg=""))

    assert [("leg-2", False), ("leg-1", True)] == [(each.session.id, each.is_lost) for each in await records.calls(9)]
    assert [] == await ids(records, is_open=True)
    assert ["leg-2", "leg-1"] == await ids(records, flow="acme")


async def test_flows_own_results_are_known_by_name(store: Store, records: Records) -> None:
    for id_, own in (("a", "sold"), ("b", "booked"), ("c", ""), ("d", "sold")):
        await store.open_call(session_row(id_), turn_row(id_, heard=0, result=own), webhook_row(id_))
        await end_call(store, id_, webhook_row(id_))

    assert ["booked", "sold"] == await records.own_results()
    assert ["d", "a"] == await ids(records, own="sold")


async def test_words_are_found_in_upper_or_lower_case(store: Store, records: Records) -> None:
    said = new_call("said")
    await store.open_call(said[0], turn_row("said", ncco=b'[{"text":"We sell \\u00d6l and \\"bikes\\""}]'), said[2])
    await store.open_call(*new_call("raw"))
    await store.record(webhook_row("raw", body=b"\xff\x00 Broken \\ words"))
    keys = {call.key: call.session.id for call in await records.calls(9)}

    async def holding(word: str) -> list[str]:
        return [keys[key] for key, _ in await records.holding(word, list(keys))]

    assert ["said"] == await holding("SELL \u00f6l")
    assert ["said"] == await holding('and "Bikes"')
    assert ["raw"] == await holding("brOKEN")
    assert [] == await holding("tricycles")
    assert [] == await records.holding("sell", [key for key, id_ in keys.items() if id_ == "raw"])


async def test_the_version_changes_with_each_call_even_if_a_hosts_clock_is_behind(
    store: Store, records: Records
) -> None:
    versions = [await records.version(NOON_MS, 9)]
    for id_, ended_at in (("leg-1", NOON_MS + 1000), ("leg-2", NOON_MS)):
        await store.open_call(*new_call(id_))
        versions.append(await records.version(NOON_MS, 9))
        await end_call(store, id_, webhook_row(id_, received_at=ended_at))
        versions.append(await records.version(NOON_MS, 9))
    await store.results.mark_returned("leg-2", NOON_MS + 500, "anna")
    versions.append(await records.version(NOON_MS, 9))

    assert len(versions) == len(set(versions))
    assert versions[-1] == await records.version(NOON_MS, 9)


async def test_open_calls_that_began_after_a_time_are_counted(store: Store, records: Records) -> None:
    for place, (id_, is_over) in enumerate((("a", False), ("b", True), ("c", False), ("d", False))):
        await store.open_call(*new_call(id_, is_over=is_over, created_at=NOON_MS + place))
    all_, later = await records.count_open(0), await records.count_open(NOON_MS + 2)
    await end_call(store, "c", webhook_row("c", kind="event"))

    assert (3, 2, 1, 0) == (all_, later, await records.count_open(NOON_MS + 2), await records.count_open(NOON_MS + 4))


async def test_open_calls_are_counted_by_their_revisions(store: Store, records: Records) -> None:
    for id_, flow, revision in (("a", "shop", "r1"), ("b", "shop", "r2"), ("c", "shop", "r2"), ("d", "acme", "r0")):
        await store.open_call(*new_call(id_, flow=flow, revision=revision))
    await store.open_call(*new_call("old", created_at=NOON_MS - 1))
    await store.open_call(*new_call("over", is_over=True))

    assert [("acme", "r0", 1), ("shop", "r2", 2), ("shop", "r1", 1)] == await records.open_revisions(NOON_MS, 9)
    await store.open_call(*new_call("new", flow="shop", revision="r3", created_at=NOON_MS + 1))
    assert [("shop", "r3", 1)] == await records.open_revisions(NOON_MS, 1)


async def test_traces_and_statuses_of_the_given_calls_are_returned(store: Store, records: Records) -> None:
    for id_ in ("a", "b", "c"):
        await store.open_call(*new_call(id_))
        await store.record(webhook_row(id_, turn=0, wait=2, status="answered"))
    await store.advance(*next_turn("b", 1))
    a, b, c = sorted(call.key for call in await records.calls(9))

    assert [b, b, c] == sorted(key for key, _ in await records.traces(b, c))
    assert {turn_row("b").trace} <= {trace for _, trace in await records.traces(b, b)}
    assert [(a, 0, 2, "answered")] == await records.connect_statuses(a, a)


async def test_a_call_is_found_by_its_id_or_how_it_begins(store: Store, records: Records) -> None:
    for id_ in ("ab", "abc", "abc/shop", "b", "ü-1"):
        await store.open_call(*new_call(id_))

    assert ["abc"] == [call.session.id for call in await records.calls_like("abc", 9)]
    assert ["abc/shop"] == [call.session.id for call in await records.calls_like("abc/", 9)]
    assert ["ab", "abc"] == [call.session.id for call in await records.calls_like("a", 2)]
    assert ["ü-1"] == [call.session.id for call in await records.calls_like("ü", 2)]
    assert [] == await records.calls_like("x", 9)
    assert [] == await records.calls_like("", 9)


# Timelines


async def test_timeline_has_webhooks_turns_and_hooks_in_their_order(store: Store, records: Records) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("leg-2"))
    session, turn, webhook = next_turn("leg-1", 1)
    await store.advance(session, turn, webhook, Caused(hooks=[hook_row("a"), hook_row("parked", is_parked=True)]))
    await store.record(webhook_row("leg-1", 1, 2, "ringing"), Caused(hooks=[hook_row("c")]))

    timeline = await records.timeline("leg-1")

    assert timeline is not None
    assert session == timeline.call.session
    assert (turn_row("leg-1"), turn) == timeline.turns
    assert (webhook_row("leg-1"), webhook, webhook_row("leg-1", 1, 2, "ringing")) == timeline.webhooks
    assert ["parked", "a", "c"] == [hook.id for hook in timeline.hooks]


async def test_webhooks_before_the_call_was_opened_are_in_its_timeline(store: Store, records: Records) -> None:
    early = webhook_row("leg-1", status="started")
    await store.record(early)
    await store.record(webhook_row("leg-2", status="started"))
    await store.open_call(*new_call("leg-1"))

    timeline = await records.timeline("leg-1")

    assert timeline is not None
    assert (early, webhook_row("leg-1")) == timeline.webhooks


async def test_events_of_the_leg_are_in_the_timeline_of_a_call_to_a_named_flow(store: Store, records: Records) -> None:
    await store.open_call(session_row("leg-1/shop", leg="leg-1"), turn_row("leg-1/shop"), webhook_row("leg-1/shop"))
    ended = webhook_row("leg-1", status="completed")
    await end_call(store, "leg-1", ended)

    timeline = await records.timeline("leg-1/shop")

    assert timeline is not None
    assert ended == timeline.webhooks[-1]


async def test_calls_of_a_period_are_reported_newest_first(store: Store, records: Records) -> None:
    for id_, at in (("old", -2 * HOUR_MS), ("first", 0), ("second", 1), ("third", 2), ("last", 3 * HOUR_MS)):
        await store.open_call(*new_call(id_, created_at=NOON_MS + at))
    for results in (0, 1):
        if results:
            await end_call(store, "last", webhook_row("last", received_at=NOON_MS + 3 * HOUR_MS))
        assert ["second", "first"] == [call.leg async for call in records.reported(NOON_MS, NOON_MS + 2)]


async def test_a_pause_and_a_revision_are_read(store: Store, records: Records) -> None:
    before = await records.placing(), await records.revision("c0ffee")
    await store.placed.pause(1, "Ada", "a strike")
    await store.save_revisions([revision_row()])

    assert (PlacingControl(), None) == before
    assert (1, "Ada", "a strike") == (await records.placing())[1:4]
    assert revision_row() == await records.revision("c0ffee")


# Ends that went unnoticed


async def test_open_calls_are_listed_by_the_time_that_they_began(store: Store, records: Records) -> None:
    for id_, at, more in (
        ("late", 9, {}),
        ("first", 1, {}),
        ("second", 1, {}),
        ("over", 1, {"is_over": True}),
        ("curl", 1, {"leg": ""}),
    ):
        session = session_row(id_, created_at=NOON_MS + at, **more)
        await store.open_call(session, turn_row(id_), webhook_row(id_))

    known = [call async for call in records.open_calls((-1, -1), NOON_MS + 9)]
    after_first = [call.id async for call in records.open_calls((known[0].created_at, known[0].key), NOON_MS + 10)]

    assert ["first", "second", "curl"] == [call.id for call in known]
    assert ("first", "acme", "c0ffee") == (known[0].leg, known[0].flow, known[0].revision)
    assert ["second", "curl", "late"] == after_first


async def test_an_end_that_arrived_before_its_call_is_found_until_the_call_is_over(
    store: Store, records: Records
) -> None:
    early = webhook_row("leg-1", status="completed", kind="event-completed")
    named = webhook_row("leg-2", status="completed", kind="event-completed")
    start = await records.last_webhook()
    for webhook in (early, named, webhook_row("leg-3", kind="event-completed"), webhook_row("leg-4", kind="event")):
        await store.record(webhook)
    for id_, leg in (("leg-1", "leg-1"), ("leg-2/shop", "leg-2"), ("leg-4", "leg-4")):
        await store.open_call(*new_call(id_, leg=leg))
    until = await records.last_webhook()
    found = await records.early_ends(start, until)
    nothing = await records.early_ends(until, until + 1)
    await end_call(store, "leg-1", webhook_row("leg-1"))
    left = await records.early_ends(start, until)

    assert [early, named] == found
    assert [] == nothing
    assert [named] == left
