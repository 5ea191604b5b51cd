"""How a store handles hooks that are not sent yet."""

from __future__ import annotations

import asyncio

import pytest

from ncco_server.store import AlreadyOpen, Caused, Conflict, HookCounts, HookRow, Store, WebhookRow
from tests.support.stored_rows import NOON_MS, end_call, hook_row, new_call, next_turn, webhook_row

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEASE_MS = 60_000
LEASED = NOON_MS + LEASE_MS


async def claimed(store: Store, now: int = NOON_MS, limit: int = 10) -> list[str]:
    return [hook.id for hook in await store.hooks.claim(now, now + LEASE_MS, limit)]


async def listed(store: Store) -> list[str]:
    return [hook.id for hook in await store.hooks.first(100)]


async def put(store: Store, *hooks: HookRow) -> None:
    await store.record(webhook_row(), Caused(hooks=hooks))


# Storing


async def test_a_hook_is_stored_with_a_new_call_as_it_was_written(store: Store) -> None:
    await store.open_call(*new_call("leg-1"), Caused(hooks=[hook_row("h1")]))

    assert [hook_row("h1")] == await store.hooks.first(10)
    assert HookCounts(1, 0) == await store.hooks.counts()


async def test_a_hook_is_stored_with_its_turn_and_not_with_a_refused_one(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.advance(*next_turn("leg-1", 1), Caused(hooks=[hook_row("h1")]))

    with pytest.raises(Conflict):
        await store.advance(*next_turn("leg-1", 1), Caused(hooks=[hook_row("h2")]))
    with pytest.raises(AlreadyOpen):
        await store.open_call(*new_call("leg-1"), Caused(hooks=[hook_row("h3")]))

    assert ["h1"] == await listed(store)


RECORDED = webhook_row("leg-1", 0, 1)
# each webhook, with the leg whose calls it ends, if any; the places of those whose hook is stored
DELIVERED: dict[str, tuple[list[tuple[WebhookRow, str | None]], list[int]]] = {
    "a webhook and the end of a call": ([(webhook_row("leg-1"), None), (webhook_row("leg-1"), "leg-1")], [0, 1]),
    "a webhook of another call": ([(RECORDED, None), (webhook_row("leg-2", 0, 1), None)], [0, 1]),
    "a webhook of another turn": ([(RECORDED, None), (webhook_row("leg-1", 1, 1), None)], [0, 1]),
    "a webhook of another wait": ([(RECORDED, None), (webhook_row("leg-1", 0, 2), None)], [0, 1]),
    "a webhook with another status": ([(RECORDED, None), (webhook_row("leg-1", 0, 1, "x"), None)], [0, 1]),
    "each without a wait": ([(webhook_row("leg-1"), None), (webhook_row("leg-1", id="again"), None)], [0, 1]),
    "no second end, nor one of nobody": (
        [(webhook_row("leg-1", id="a"), "leg-1"), (webhook_row("leg-1", id="b"), "leg-1"), (webhook_row("leg-1"), "")],
        [0],
    ),
}


@pytest.mark.parametrize("claim", DELIVERED)
async def test_which_webhooks_add_their_hooks(store: Store, claim: str) -> None:
    webhooks, stored = DELIVERED[claim]
    for leg in ("leg-1", "leg-2"):
        await store.open_call(*new_call(leg))
    for place, (webhook, ends) in enumerate(webhooks):
        if ends is None:
            await store.record(webhook, Caused(hooks=[hook_row(str(place))]))
        else:
            await end_call(store, ends, webhook, hooks=[hook_row(str(place))])

    assert [str(place) for place in stored] == await listed(store)


async def test_a_second_delivery_of_a_webhook_adds_no_hooks(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.record(webhook_row("leg-1", 0, 1, "record"), Caused(hooks=[hook_row("first")]))
    await store.record(webhook_row("leg-1", 0, 1, "record", id="again"), Caused(hooks=[hook_row("second")]))
    await end_call(store, "leg-1", webhook_row("leg-1", 0, 1, "record", id="and again"), hooks=[hook_row("third")])

    assert ["first"] == await listed(store)
    assert ((1, "record"),) * 3 == await store.statuses("leg-1", 0)


async def test_hooks_of_a_turn_are_stored_whatever_was_recorded_before(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    session, turn, webhook = next_turn("leg-1", 1)
    await store.record(webhook)
    await store.advance(session, turn, webhook._replace(id="again"), Caused(hooks=[hook_row("h1")]))

    assert ["h1"] == await listed(store)


async def test_simultaneous_deliveries_add_their_hooks_once(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    await asyncio.gather(
        *(
            store.record(webhook_row("leg-1", 0, 1, id=f"w{i}"), Caused(hooks=[hook_row(f"told {i}")]))
            for i in range(20)
        ),
        *(end_call(store, "leg-1", webhook_row("leg-1", id=f"e{i}"), hooks=[hook_row(f"left {i}")]) for i in range(20)),
    )

    assert ["left", "told"] == sorted(hook.partition(" ")[0] for hook in await listed(store))


async def test_texts_and_bytes_of_a_hook_are_read_back_unchanged(store: Store) -> None:
    odd = hook_row("h1", session="é\0", name="naïve", url="https://x/%20", headers=b"{}", body=bytes(range(256)))
    await put(store, odd)

    assert [odd] == await store.hooks.first(10)


async def test_a_hook_that_could_not_be_rendered_is_stored_as_parked_and_blocks_no_other(store: Store) -> None:
    unmade = hook_row("h1", url="", is_parked=True, problem="E391: this call has no ticket")
    await put(store, unmade, hook_row("h2"))

    assert [unmade._replace(due_at=None), hook_row("h2")] == await store.hooks.first(10)
    assert HookCounts(1, 1) == await store.hooks.counts()


# Claiming


async def test_a_hook_that_is_not_due_is_not_claimed(store: Store) -> None:
    await put(store, hook_row("h1", due_at=NOON_MS + 1))

    assert not await store.hooks.has_due(NOON_MS)
    assert [] == await claimed(store, NOON_MS)
    assert await store.hooks.has_due(NOON_MS + 1)
    assert ["h1"] == await claimed(store, NOON_MS + 1)


async def test_a_claimed_hook_has_its_number_of_tries_and_the_end_of_its_lease(store: Store) -> None:
    await put(store, hook_row("h1"))

    assert [hook_row("h1", tries=1, leased_until=LEASED)] == await store.hooks.claim(NOON_MS, LEASED, 10)
    assert [hook_row("h1", tries=1, leased_until=LEASED)] == await store.hooks.first(10)


async def test_a_claimed_hook_is_claimed_by_no_other_until_its_lease_ends(store: Store) -> None:
    await put(store, hook_row("h1"))
    await store.hooks.claim(NOON_MS, LEASED, 10)

    assert not await store.hooks.has_due(LEASED - 1)
    assert [] == await claimed(store, LEASED - 1)
    assert await store.hooks.has_due(LEASED)
    assert ["h1"] == await claimed(store, LEASED)


async def test_each_hook_goes_to_only_one_of_two_simultaneous_claims(store: Store) -> None:
    await put(store, hook_row("h1"), hook_row("h2", session="leg-2"))

    first, second = await asyncio.gather(claimed(store), claimed(store))

    assert ["h1", "h2"] == sorted(first + second)


async def test_a_claim_takes_at_most_its_limit_and_the_longest_due_first(store: Store) -> None:
    await put(store, hook_row("late", session="a", due_at=NOON_MS), hook_row("early", session="b", due_at=NOON_MS - 5))

    assert ["early"] == await claimed(store, limit=1)
    assert ["late"] == await claimed(store, limit=1)


async def test_later_hook_of_a_call_waits_until_the_earlier_is_sent(store: Store) -> None:
    await put(store, hook_row("h1"), hook_row("h2"), hook_row("h3"))
    await put(store, hook_row("other", session="leg-2"))

    assert ["h1", "other"] == await claimed(store)
    assert [] == await claimed(store)

    await store.hooks.sent("h1", NOON_MS + 7)

    assert [] == await claimed(store, NOON_MS + 6)
    assert ["h2"] == await claimed(store, NOON_MS + 7)


async def test_later_hook_of_a_call_waits_while_the_earlier_fails(store: Store) -> None:
    await put(store, hook_row("h1"), hook_row("h2"))
    await claimed(store)
    await store.hooks.failed("h1", 1, NOON_MS + 1_000, "status 500")

    assert [] == await claimed(store, NOON_MS + 999)
    assert ["h1"] == await claimed(store, NOON_MS + 1_000)


# Sent


async def test_a_sent_hook_is_deleted(store: Store) -> None:
    await put(store, hook_row("h1"))
    await claimed(store)
    await store.hooks.sent("h1", NOON_MS)
    await store.hooks.sent("h1", NOON_MS)

    assert [] == await store.hooks.first(10)
    assert [] == await claimed(store, LEASED)
    assert HookCounts(0, 0) == await store.hooks.counts()

    await put(store, hook_row("h2"))
    assert ["h2"] == await claimed(store)


# Failed


async def test_failed_hook_keeps_its_tries_and_says_why(store: Store) -> None:
    await put(store, hook_row("h1"))
    await claimed(store)
    await store.hooks.failed("h1", 1, NOON_MS + 5, "status 500")

    assert [hook_row("h1", tries=1, due_at=NOON_MS + 5, problem="status 500")] == await store.hooks.first(10)
    assert 2 == (await store.hooks.claim(NOON_MS + 5, LEASED, 1))[0].tries


async def test_failure_reported_after_the_lease_was_lost_changes_nothing(store: Store) -> None:
    await put(store, hook_row("h1"))
    await claimed(store)
    await claimed(store, LEASED)
    await store.hooks.failed("h1", 1, NOON_MS, "too late")
    await store.hooks.park("h1", 1, "too late", NOON_MS)

    assert [hook_row("h1", tries=2, leased_until=LEASED + LEASE_MS)] == await store.hooks.first(10)


async def test_postponing_a_hook_does_not_count_as_a_try(store: Store) -> None:
    await put(store, hook_row("h1"))
    await claimed(store)
    await store.hooks.put_off("h1", 1, NOON_MS + 5)
    await store.hooks.put_off("h1", 1, NOON_MS + 9)

    assert [hook_row("h1", due_at=NOON_MS + 5)] == await store.hooks.first(10)
    assert 1 == (await store.hooks.claim(NOON_MS + 5, LEASED, 1))[0].tries


# Parked


async def test_parked_hook_is_kept_and_lets_the_next_go(store: Store) -> None:
    await put(store, hook_row("h1"), hook_row("h2"))
    await claimed(store)
    await store.hooks.park("h1", 1, "status 410", NOON_MS + 3)

    parked, following = await store.hooks.first(10)

    assert hook_row("h1", tries=1, due_at=None, problem="status 410", is_parked=True) == parked
    assert hook_row("h2", due_at=NOON_MS + 3) == following
    assert HookCounts(1, 1) == await store.hooks.counts()
    assert ["h2"] == await claimed(store, LEASED)


async def test_a_parked_hook_does_not_block_a_new_one(store: Store) -> None:
    await put(store, hook_row("h1"))
    await claimed(store)
    await store.hooks.park("h1", 1, "status 410", NOON_MS)
    await put(store, hook_row("h2"))

    assert ["h2"] == await claimed(store)


# Retried


async def test_a_retried_parked_hook_has_all_its_tries_again(store: Store) -> None:
    await put(store, hook_row("h1"))
    await claimed(store)
    await store.hooks.park("h1", 1, "status 410", NOON_MS)

    assert 1 == await store.hooks.retry(["h1", "h1", "nobody"], NOON_MS + 9)
    assert [hook_row("h1", due_at=NOON_MS + 9, problem="status 410")] == await store.hooks.first(10)
    assert HookCounts(1, 0) == await store.hooks.counts()
    assert ["h1"] == await claimed(store, NOON_MS + 9)


async def test_a_retried_waiting_hook_is_due_and_keeps_its_tries(store: Store) -> None:
    await put(store, hook_row("h1"))
    await claimed(store)
    await store.hooks.failed("h1", 1, NOON_MS + 99_999, "status 500")

    assert 1 == await store.hooks.retry(None, NOON_MS)
    assert 2 == (await store.hooks.claim(NOON_MS, LEASED, 1))[0].tries


async def test_retrying_all_includes_parked_and_waiting_hooks_but_none_after_another(store: Store) -> None:
    await put(store, hook_row("h1"), hook_row("h2"), hook_row("h3"))
    await claimed(store)
    await store.hooks.park("h1", 1, "status 410", NOON_MS)

    assert [0, 0] == [await store.hooks.retry(ids, NOON_MS) for ids in ([], ["h3"])]
    assert 2 == await store.hooks.retry(None, NOON_MS)
    assert ["h1"] == await claimed(store)


async def test_retrying_a_hook_that_is_being_sent_does_not_send_it_twice(store: Store) -> None:
    await put(store, hook_row("h1"))
    await claimed(store)

    assert 1 == await store.hooks.retry(None, NOON_MS + 1)
    assert [] == await claimed(store, NOON_MS + 1)


async def test_a_retried_parked_hook_is_sent_before_the_later_ones(store: Store) -> None:
    await put(store, hook_row("h1"), hook_row("h2"), hook_row("h3"))
    await claimed(store)
    await store.hooks.park("h1", 1, "status 410", NOON_MS)
    await store.hooks.retry(["h1"], NOON_MS)

    assert ["h1"] == await claimed(store)

    await store.hooks.sent("h1", NOON_MS)

    assert ["h2"] == await claimed(store)

    await store.hooks.sent("h2", NOON_MS)

    assert ["h3"] == await claimed(store)


# Dropped


async def test_parked_hooks_are_dropped_and_waiting_ones_stay(store: Store) -> None:
    await put(store, *(hook_row(f"h{number}", session=f"leg-{number}", is_parked=number < 4) for number in range(1, 6)))

    assert 1 == await store.hooks.drop(["h1", "h1", "h5", "nobody"])
    assert ["h2", "h3", "h4", "h5"] == await listed(store)
    assert 2 == await store.hooks.drop(None)
    assert ["h4", "h5"] == await listed(store)
    assert 0 == await store.hooks.drop([])


# Listing


async def test_parked_hooks_are_listed_first_each_kind_oldest_first(store: Store) -> None:
    await put(store, *(hook_row(f"h{number}", session=f"leg-{number}") for number in range(1, 5)))
    await claimed(store)
    await store.hooks.park("h4", 1, "gone", NOON_MS)
    await store.hooks.park("h2", 1, "gone", NOON_MS)

    assert ["h2", "h4", "h1", "h3"] == await listed(store)
    assert ["h2", "h4", "h1"] == [hook.id for hook in await store.hooks.first(3)]


# Mails


@pytest.mark.parametrize("mail_first", [True, False])
async def test_a_mail_waits_for_no_hook_of_its_call_and_no_hook_waits_for_it(store: Store, mail_first: bool) -> None:
    mail, post = hook_row("mail", url="mailto:office@example.com"), hook_row("post")
    await put(store, *((mail, post) if mail_first else (post, mail)))
    first = await claimed(store)
    for id_ in first:
        await store.hooks.put_off(id_, 1, NOON_MS + 5_000)
    await put(store, hook_row("behind"), hook_row("last", url="mailto:owner@example.com"))
    meanwhile = await claimed(store)
    await store.hooks.sent("post", NOON_MS)
    after = await claimed(store)

    assert ({"mail", "post"}, ["last"], ["behind"]) == (set(first), meanwhile, after)


async def test_a_mail_that_waits_is_forgotten_with_its_call(store: Store) -> None:
    await store.open_call(*new_call("leg-1", state=b'{"from":"447700900123"}'))
    await put(store, hook_row("mail", url="mailto:office@example.com", body=b"{}"), hook_row("post"))
    await store.hooks.put_off((await store.hooks.claim(NOON_MS, LEASED, 1))[0].id, 1, NOON_MS + 5_000)
    await store.forget(["447700900123"])

    assert [] == await store.hooks.first(10)
