"""What a store deletes: a number with all its calls, and old data."""

from __future__ import annotations

import pytest

from ncco_server.store import AlreadyOpen, Caused, Forgotten, RecordingRow, Store
from tests.support.stored_rows import (
    NOON_MS,
    NUMBER,
    end_call,
    hook_row,
    new_call,
    revision_row,
    webhook_row,
    write_calls,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER = "447700900999"
DAY_MS = 86_400_000


async def test_every_call_that_names_the_number_is_forgotten(store: Store) -> None:
    await write_calls(store)
    told: list[str] = []
    gone = await store.forget([NUMBER], tell=told.append)

    assert ["3 calls found, which are deleted now"] == [line for line in told if "found" in line]
    assert Forgotten(calls=3, running=2, turns=4, webhooks=8, hooks=1) == gone._replace(hooks=1, purged=None)
    assert [None, None, None] == [await store.load(id_) for id_ in ("from", "dialled", "told")]
    assert await store.load("other") is not None
    assert await store.reply("dialled", -1, -1, None) is None
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


async def test_the_hooks_of_a_forgotten_call_are_never_sent(store: Store) -> None:
    await store.open_call(
        *new_call("leg-1", state=NUMBER.encode()), Caused(hooks=[hook_row("of the call"), hook_row("behind it")])
    )
    await store.open_call(
        *new_call("leg-2"), Caused(hooks=[hook_row("tells it", session="leg-2", body=NUMBER.encode())])
    )
    await store.open_call(*new_call("leg-3"), Caused(hooks=[hook_row("another", session="leg-3")]))
    gone = await store.forget([NUMBER])

    assert (1, 3) == (gone.calls, gone.hooks)
    assert ["another"] == [hook.id for hook in await store.hooks.first(10)]


async def test_a_hook_after_a_forgotten_one_is_due(store: Store) -> None:
    hooks = [hook_row("names it", body=NUMBER.encode()), hook_row("behind it"), hook_row("last")]
    await store.open_call(*new_call("leg-1"), Caused(hooks=hooks))
    gone = await store.forget([NUMBER])

    assert (0, 1) == (gone.calls, gone.hooks)
    assert ["behind it"] == [hook.id for hook in await store.hooks.claim(NOON_MS, NOON_MS + 1, 10)]


@pytest.mark.parametrize("name", ["leg", "conversation", "session"])
async def test_late_webhooks_of_a_forgotten_call_are_not_written(store: Store, name: str) -> None:
    await write_calls(store)
    forgotten = await store.load("from")
    assert forgotten is not None
    await store.forget([NUMBER])
    late = webhook_row("", leg="", conversation="", body=NUMBER.encode())
    if name == "session":
        late = late._replace(session=forgotten.id)
    elif name == "leg":
        late = late._replace(leg=forgotten.leg)
    else:
        late = late._replace(conversation=forgotten.conversation)
    announced = RecordingRow("late", "uuid-late", "record", NOON_MS, url="https://x", from_number=NUMBER)
    await store.record(late, Caused(recording=announced))
    await end_call(store, late.leg, late)

    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)
    assert await store.recordings.get(announced.id) is None


async def test_late_webhooks_of_a_leg_that_joined_a_forgotten_conversation_are_not_written(store: Store) -> None:
    await store.open_call(*new_call("leg-1", state=NUMBER.encode(), conversation="CON-1"))
    await store.record(webhook_row("", leg="party", conversation="CON-1"))
    await store.forget([NUMBER])
    await store.record(webhook_row("", leg="party", conversation="", body=NUMBER.encode()))

    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


@pytest.mark.parametrize("name", ["leg", "conversation", "session"])
async def test_a_forgotten_call_is_not_opened_again(store: Store, name: str) -> None:
    await write_calls(store)
    forgotten = await store.load("from")
    assert forgotten is not None
    await store.forget([NUMBER])
    row = {"leg": {"leg": forgotten.leg}, "conversation": {"conversation": forgotten.conversation}}
    id_ = forgotten.id if name == "session" else "again"
    given = {"leg": "new-leg", "conversation": "CON-new", **row.get(name, {})}
    is_open = await store.open_call(
        *new_call(id_, state=NUMBER.encode(), **given),
        Caused(hooks=[hook_row("again", session=id_, body=NUMBER.encode())]),
    )

    assert not is_open
    assert await store.load(id_) is None
    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


async def test_turns_of_a_call_that_is_not_opened_again_are_not_written(store: Store) -> None:
    await write_calls(store)
    await store.forget([NUMBER])
    await store.open_call(*new_call("transferred", leg="from", conversation="CON-new"))
    await store.record(webhook_row("", leg="", conversation="CON-new", body=NUMBER.encode()))
    await store.record(webhook_row("transferred", leg="", conversation="", body=NUMBER.encode()))

    assert Forgotten() == (await store.forget([NUMBER]))._replace(purged=None)


async def test_another_call_is_opened_after_one_was_forgotten(store: Store) -> None:
    await write_calls(store)
    await store.forget([NUMBER])

    assert await store.open_call(*new_call("leg-new", leg="leg-new", conversation=""))
    assert await store.open_call(*new_call("leg-newer", leg="", conversation=""))


async def test_deletions_by_another_host_take_effect_at_once(store: Store) -> None:
    host = Store(store.database)
    await write_calls(store)
    assert await host.open_call(*new_call("before"))

    await store.forget([NUMBER])
    assert not await host.open_call(*new_call("from"))
    assert await host.open_call(*new_call("between"))
    assert not await host.open_call(*new_call("from"))

    await store.sweep(NOON_MS + DAY_MS, 100, NOON_MS + DAY_MS)
    assert await host.open_call(*new_call("from"))


async def test_a_call_is_not_opened_twice_after_another_was_forgotten(store: Store) -> None:
    await write_calls(store)
    await store.forget([NUMBER])
    await store.open_call(*new_call("leg-new"))

    for _ in range(2):
        with pytest.raises(AlreadyOpen):
            await store.open_call(*new_call("leg-new"))
    assert not await store.open_call(*new_call("from"))


async def test_a_forgotten_id_is_dropped_when_its_call_would_have_been(store: Store) -> None:
    await write_calls(store)
    await store.forget([NUMBER])
    await store.sweep(NOON_MS + DAY_MS, 100, NOON_MS + DAY_MS)
    await store.record(webhook_row(session="from", leg="from", body=NUMBER.encode()))

    assert 1 == (await store.forget([NUMBER])).webhooks


async def test_webhooks_of_other_calls_are_written_after_one_was_forgotten(store: Store) -> None:
    await write_calls(store)
    await store.forget([NUMBER])
    await store.record(webhook_row(session="other", leg="other", body=NUMBER.encode()))

    assert 1 == (await store.forget([NUMBER])).calls


async def test_a_dry_run_counts_and_deletes_nothing(store: Store) -> None:
    await write_calls(store)
    counted = await store.forget([NUMBER], dry_run=True)

    assert await store.load("from") is not None
    assert counted == (await store.forget([NUMBER]))._replace(purged=None)


async def test_several_numbers_are_forgotten_at_once(store: Store) -> None:
    await write_calls(store)

    assert 4 == (await store.forget([NUMBER, OTHER])).calls


async def test_a_revision_that_names_the_number_is_reported_and_stays(store: Store) -> None:
    await store.save_revisions([revision_row(sources=b'{"a.yaml": "connect: 447700900123"}')])
    gone = await store.forget([NUMBER])

    assert (1, 0) == (gone.revisions, gone.calls)
    assert await store.revision("c0ffee") is not None


async def test_old_calls_are_deleted_in_batches_with_all_their_data(store: Store) -> None:
    for number in range(5):
        await store.open_call(
            *new_call(f"old-{number}"), Caused(hooks=[hook_row(f"hook-{number}", session=f"old-{number}")])
        )
    await store.open_call(*new_call("young", created_at=NOON_MS + DAY_MS, updated_at=NOON_MS + DAY_MS))

    assert [2 + 2, 2 + 2, 1 + 1, 0] == [await store.sweep(NOON_MS + 1, 2, NOON_MS + 1) for _ in range(4)]
    assert await store.load("old-4") is None
    assert await store.load("young") is not None


async def test_a_recently_changed_call_is_kept_whenever_it_began(store: Store) -> None:
    await store.open_call(*new_call("old", updated_at=NOON_MS + DAY_MS))
    await store.open_call(*new_call("older"))

    assert 1 == await store.sweep(NOON_MS + 1, 10, NOON_MS + 1)
    assert await store.load("old") is not None


async def test_old_webhooks_without_a_call_are_deleted(store: Store) -> None:
    await store.open_call(*new_call("leg-1", updated_at=NOON_MS + DAY_MS))
    await store.record(webhook_row("leg-1", 0, 0, "ringing"))
    await store.record(webhook_row(""))
    await store.record(webhook_row("", received_at=NOON_MS + DAY_MS))

    assert 1 == await store.sweep(NOON_MS + 1, 10, NOON_MS + 1)
    assert ((0, "ringing"),) == await store.statuses("leg-1", 0)


async def test_a_hook_after_one_that_is_too_old_is_due(store: Store) -> None:
    hooks = [hook_row("old"), hook_row("young", created_at=NOON_MS + 1), hook_row("last", created_at=NOON_MS + 1)]
    await store.open_call(*new_call("leg-1", updated_at=NOON_MS + 1), Caused(hooks=hooks))

    assert 1 == await store.sweep(NOON_MS + 1, 10, NOON_MS + 1)
    assert ["young"] == [hook.id for hook in await store.hooks.claim(NOON_MS + 1, NOON_MS + 2, 10)]


async def test_old_webhooks_without_a_call_are_deleted_after_the_old_calls(store: Store) -> None:
    for number in range(3):
        await store.open_call(*new_call(f"old-{number}"))
    await store.record(webhook_row(""))

    assert [2, 1 + 1, 0] == [await store.sweep(NOON_MS + 1, 2, NOON_MS + 1) for _ in range(3)]


async def test_a_call_dated_in_the_future_does_not_keep_old_ones(store: Store) -> None:
    await store.open_call(*new_call("future", created_at=NOON_MS + 9 * DAY_MS, updated_at=NOON_MS + 9 * DAY_MS))
    await store.open_call(*new_call("old"))
    await store.open_call(*new_call("young", created_at=NOON_MS + DAY_MS, updated_at=NOON_MS + DAY_MS))

    assert 1 == await store.sweep(NOON_MS + DAY_MS, 10, NOON_MS + 2 * DAY_MS)
    assert await store.load("old") is None
    assert await store.load("future") is not None


@pytest.mark.parametrize("days", [1, 9])
async def test_rows_dated_too_late_by_a_wrong_clock_do_not_keep_old_ones(store: Store, days: int) -> None:
    """Their time may be in the future or may have passed since."""
    late = NOON_MS + days * DAY_MS
    await store.open_call(
        *new_call("late", created_at=late, updated_at=late), Caused(hooks=[hook_row("late", created_at=late)])
    )
    await store.record(webhook_row("", id="late", received_at=late))
    await store.open_call(*new_call("old"), Caused(hooks=[hook_row("old", session="old")]))
    await store.record(webhook_row("", id="old"))

    assert 3 == await store.sweep(NOON_MS + 1, 10, NOON_MS + 2 * DAY_MS)
    assert (None, ["late"]) == (await store.load("old"), [hook.id for hook in await store.hooks.first(10)])


async def test_old_unused_revisions_are_deleted(store: Store) -> None:
    rows = [revision_row(hash_) for hash_ in ("used", "current", "unused")]
    await store.save_revisions([*rows, revision_row("young", created_at=NOON_MS + DAY_MS)])
    await store.open_call(*new_call("leg-1", revision="used"))

    assert 1 == await store.sweep_revisions(NOON_MS + 1, {"current"})
    assert await store.revision("unused") is None
    assert None not in [await store.revision(hash_) for hash_ in ("used", "current", "young")]
