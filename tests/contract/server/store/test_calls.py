"""How a store handles calls, webhooks and revisions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from ncco_server.store import AlreadyOpen, Caused, Conflict, EndOfCall, Store, StoreError, StoreUnavailable
from tests.support.stored_rows import (
    NOON_MS,
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

# A new call


async def test_a_new_call_is_read_back_as_it_was_written(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))

    assert session_row("leg-1") == await store.load("leg-1")
    assert b"ncco leg-1 0" == await store.reply("leg-1", -1, -1, None)
    assert await store.load("nobody") is None


async def test_second_opening_of_a_call_is_refused_and_writes_nothing(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))

    with pytest.raises(AlreadyOpen):
        await store.open_call(
            session_row("leg-1", state=b"other"), turn_row("leg-1", ncco=b"other"), webhook_row("leg-1", 0, 0, "x")
        )

    assert session_row("leg-1") == await store.load("leg-1")
    assert b"ncco leg-1 0" == await store.reply("leg-1", -1, -1, None)
    assert () == await store.statuses("leg-1", 0)


async def test_only_one_of_many_simultaneous_openings_is_written_and_the_others_can_read_it(store: Store) -> None:
    async def open_or_read(number: int) -> bytes | None:
        ncco = f"ncco {number}".encode()
        try:
            await store.open_call(session_row("leg-1"), turn_row("leg-1", ncco=ncco), webhook_row("leg-1"))
        except AlreadyOpen:
            return await store.reply("leg-1", -1, -1, None)
        return ncco

    heard = await asyncio.gather(*(open_or_read(number) for number in range(8)))

    assert [b"ncco 0"] * 8 == heard


# The next turn


async def test_next_turn_replaces_the_session_and_adds_its_reply(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))

    await store.advance(*next_turn("leg-1", 1))

    assert next_turn("leg-1", 1)[0] == await store.load("leg-1")
    assert b"ncco leg-1 0" == await store.reply("leg-1", -1, -1, None)
    assert b"ncco leg-1 1" == await store.reply("leg-1", 0, 0, "")
    assert ((0, ""),) == await store.statuses("leg-1", 0)


async def test_every_column_of_a_session_except_its_id_can_change(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    changed = session_row(
        "leg-1",
        leg="leg-2",
        conversation="CON-other",
        flow="other",
        revision="beef",
        version=2,
        state=b"",
        is_over=True,
        created_at=0,
        updated_at=2**53,
    )

    await store.advance(changed, turn_row("leg-1", 1), webhook_row("leg-1", 0, 0))

    assert changed == await store.load("leg-1")


@pytest.mark.parametrize(
    ("id_", "version", "number"),
    [("leg-1", 2, 2), ("leg-1", 4, 2), ("leg-1", 3, 0), ("ended", 2, 1), ("nobody", 2, 1)],
    ids=["an old version", "a version is skipped", "a number that is taken", "the call has ended", "no such call"],
)
async def test_a_turn_that_does_not_follow_the_stored_one_is_a_conflict_and_writes_nothing(
    store: Store, id_: str, version: int, number: int
) -> None:
    for known in ("leg-1", "ended"):
        await store.open_call(*new_call(known))
    await store.advance(*next_turn("leg-1", 1))
    await end_call(store, "ended", webhook_row("ended"))
    before = await store.load(id_)

    with pytest.raises(Conflict):
        await store.advance(
            session_row(id_, version=version, state=b"late"),
            turn_row(id_, number, ncco=b"late", cause_turn=1, cause_wait=0),
            webhook_row(id_, 1, 0, "late"),
        )

    assert before == await store.load(id_)
    assert await store.reply(id_, 1, 0, None) is None
    assert () == await store.statuses(id_, 1)


async def test_only_the_first_of_two_simultaneous_turns_is_written(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    session, turn, webhook = next_turn("leg-1", 1)
    late = turn_row("leg-1", 1, ncco=b"late")

    results = await asyncio.gather(
        store.advance(session, turn, webhook), store.advance(session, late, webhook), return_exceptions=True
    )

    assert [type(None), Conflict] == [type(result) for result in results]
    assert b"ncco leg-1 1" == await store.reply("leg-1", 0, 0, "")
    assert ((0, ""),) == await store.statuses("leg-1", 0)


# Webhooks without an effect on the call


async def test_statuses_of_the_waits_since_a_turn_are_listed_oldest_first(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("leg-2"))

    await store.record(webhook_row("leg-1", 0, 1, "ringing", received_at=NOON_MS + 9))
    await store.record(webhook_row("leg-1", 0, 0, "busy"))
    await store.record(webhook_row("leg-1", 1, 0, "of the next turn"))
    await store.record(webhook_row("leg-1", 0, -1, "of no wait"))
    await store.record(webhook_row("leg-2", 0, 0, "of another call"))
    await store.record(webhook_row("", 0, 0, "of no call"))
    await store.record(webhook_row("leg-1", 0, 1, "ringing"))

    next_turn = (0, "of the next turn")
    assert ((1, "ringing"), (0, "busy"), next_turn, (1, "ringing")) == await store.statuses("leg-1", 0)
    assert (next_turn,) == await store.statuses("leg-1", 1)


async def test_a_webhook_of_an_unknown_call_is_recorded_without_a_call(store: Store) -> None:
    await store.record(webhook_row("leg-1", 0, 0, "busy"))
    await store.open_call(*new_call("leg-1"))

    assert () == await store.statuses("leg-1", 0)
    assert () == await store.statuses("", 0)


# The end of a call


async def test_end_marks_every_open_call_of_a_leg(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("whisper", leg="leg-1"))
    await store.open_call(*new_call("leg-2"))

    ended = await end_call(store, "leg-1", webhook_row("leg-1", received_at=NOON_MS + 5))

    over = {"version": 2, "is_over": True, "updated_at": NOON_MS + 5}
    assert 2 == ended
    assert session_row("leg-1", **over) == await store.load("leg-1")
    assert session_row("whisper", leg="leg-1", **over) == await store.load("whisper")
    assert session_row("leg-2") == await store.load("leg-2")


async def test_an_end_finds_open_calls_by_their_current_leg(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("over", leg="leg-9", is_over=True))
    await store.advance(session_row("leg-1", leg="leg-9", version=2), turn_row("leg-1", 1), webhook_row("leg-1", 0, 0))

    assert [0, 1, 0] == [await end_call(store, leg, webhook_row("leg-1")) for leg in ("leg-1", "leg-9", "leg-9")]
    assert session_row("over", leg="leg-9", is_over=True) == await store.load("over")


async def test_open_calls_of_a_leg_are_found_oldest_first(store: Store) -> None:
    await store.open_call(session_row("leg-1/menu", leg="leg-1", created_at=2), turn_row("leg-1/menu"), webhook_row())
    await store.open_call(session_row("leg-1", created_at=3), turn_row("leg-1"), webhook_row())
    await store.open_call(session_row("child", leg="leg-1", created_at=1), turn_row("child"), webhook_row())
    await store.open_call(session_row("leg-2"), turn_row("leg-2"), webhook_row())
    await store.open_call(session_row("over", leg="leg-1", is_over=True), turn_row("over"), webhook_row())
    await store.open_call(session_row("curl", leg=""), turn_row("curl"), webhook_row())

    assert ["child", "leg-1/menu", "leg-1"] == [row.id for row in await store.calls_of("leg-1")]
    assert session_row("leg-2") == (await store.calls_of("leg-2"))[0]
    assert [] == await store.calls_of("")
    assert [] == await store.calls_of("leg-3")


async def test_an_end_for_known_calls_is_refused_if_there_are_others(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("leg-1/menu", leg="leg-1"))
    await store.advance(*next_turn("leg-1", 1))
    ending = [hook_row("over")]

    for seen in ({}, {"leg-1": 2}, {"leg-1": 1, "leg-1/menu": 1}, {"leg-1": 2, "leg-1/menu": 1, "leg-2": 1}):
        with pytest.raises(Conflict):
            await store.end("leg-1", _ends(seen), webhook_row("leg-1"), Caused(hooks=ending))
    assert [] == await store.hooks.first(10)
    ended = await store.end("leg-1", _ends({"leg-1": 2, "leg-1/menu": 1}), webhook_row("leg-1"), Caused(hooks=ending))
    assert ["leg-1", "leg-1/menu"] == [row.id for row in ended]
    assert [] == await store.end("leg-1", [], webhook_row("leg-1"), Caused(hooks=[hook_row("again")]))
    assert ["over"] == [hook.id for hook in await store.hooks.first(10)]


def _ends(versions: Mapping[str, int]) -> list[EndOfCall]:
    return [EndOfCall(id_, version, "inbound") for id_, version in versions.items()]


async def test_ended_flows_of_a_leg_are_known(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.open_call(*new_call("leg-1/menu", leg="leg-1", flow="menu", is_over=True))
    await store.open_call(*new_call("leg-10", is_over=True))
    before = [await store.ended_flows(leg) for leg in ("leg-1", "leg", "leg-10", "")]
    await end_call(store, "leg-1", webhook_row("leg-1"))

    assert [[("menu", "c0ffee")], [], [("acme", "c0ffee")], []] == before
    assert [("acme", "c0ffee"), ("menu", "c0ffee")] == sorted(await store.ended_flows("leg-1"))


async def test_end_without_a_leg_records_and_ends_nothing(store: Store) -> None:
    await store.open_call(*new_call("curl", leg=""))

    ended = await end_call(store, "", webhook_row("curl", 0, 0, "completed"))

    assert 0 == ended
    assert session_row("curl", leg="") == await store.load("curl")
    assert ((0, "completed"),) == await store.statuses("curl", 0)


# Replies


async def test_reply_is_distinguished_by_wait_and_status(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    await store.advance(
        session_row("leg-1", version=2),
        turn_row("leg-1", 1, cause_turn=0, cause_wait=2, cause_status="busy", ncco=b"voicemail"),
        webhook_row("leg-1", 0, 2, "busy"),
    )

    assert b"voicemail" == await store.reply("leg-1", 0, 2, "busy")
    assert b"voicemail" == await store.reply("leg-1", 0, 2, None)
    assert await store.reply("leg-1", 0, 2, "timeout") is None
    assert await store.reply("leg-1", 0, 1, "busy") is None
    assert await store.reply("leg-1", 1, 2, "busy") is None
    assert await store.reply("nobody", 0, 2, "busy") is None


async def test_the_reply_for_any_status_is_the_first_one(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    for number, status in enumerate(("machine", "beep"), start=1):
        await store.advance(
            session_row("leg-1", version=number + 1),
            turn_row("leg-1", number, cause_turn=0, cause_wait=0, cause_status=status, ncco=status.encode()),
            webhook_row("leg-1", 0, 0, status),
        )

    assert b"machine" == await store.reply("leg-1", 0, 0, None)
    assert b"beep" == await store.reply("leg-1", 0, 0, "beep")


# Revisions


async def test_a_revision_stays_as_it_was_first_written(store: Store) -> None:
    await store.save_revisions([revision_row("c0ffee")])
    await store.save_revisions(iter([revision_row("c0ffee", flow="other"), revision_row("beef")]))

    assert revision_row("c0ffee") == await store.revision("c0ffee")
    assert revision_row("beef") == await store.revision("beef")
    assert await store.revision("dead") is None


async def test_a_replaced_revision_is_read_back_as_it_was_last_written(store: Store) -> None:
    newer = revision_row("c0ffee", flow="other", sources=b"{}", created_at=2)
    await store.save_revisions([revision_row("c0ffee")])
    await store.replace_revision(newer)
    await store.replace_revision(revision_row("beef"))

    assert newer == await store.revision("c0ffee")
    assert revision_row("beef") == await store.revision("beef")


# What callers send


@pytest.mark.parametrize(
    "text",
    ["", "naïve 🂡 日本", 'it\'s "quoted"; DROP TABLE calls --', "nul \0 inside", "%s ? :x", "x" * 100_000],
    ids=["empty", "beyond-ascii", "sql", "nul", "placeholders", "long"],
)
async def test_any_text_is_read_back_unchanged(store: Store, text: str) -> None:
    row = session_row(text, leg=text, conversation=text, flow=text, revision=text)

    await store.open_call(row, turn_row(text, cause_status=text, webhook=text), webhook_row(text, 0, 0, text))

    assert row == await store.load(text)
    assert b"" != await store.reply(text, -1, -1, text)
    assert ((0, text),) == await store.statuses(text, 0)


async def test_text_that_is_not_valid_unicode_can_be_found_again(store: Store) -> None:
    await store.open_call(*new_call("\ud800"))
    await store.advance(
        session_row("\ud800", version=2),
        turn_row("\ud800", 1, cause_turn=0, cause_wait=0, cause_status="\udfff", ncco=b"second"),
        webhook_row("\ud800", 0, 0, "\udfff"),
    )

    assert await store.load("\ud800") is not None
    assert await store.load("\ud801") is None
    assert b"second" == await store.reply("\ud800", 0, 0, "\udfff")
    assert 1 == await end_call(store, "\ud800", webhook_row("\ud800"))


async def test_any_bytes_are_read_back_unchanged(store: Store) -> None:
    body = bytes(range(256)) * 16_384
    row = session_row("leg-1", state=body)

    await store.open_call(row, turn_row("leg-1", ncco=body), webhook_row("leg-1", body=body))

    assert row == await store.load("leg-1")
    assert body == await store.reply("leg-1", -1, -1, None)


# Opening and closing


async def test_a_value_that_no_database_can_hold_is_refused_and_not_shown(store: Store) -> None:
    with pytest.raises(StoreError) as refused:
        await store.record(webhook_row(received_at=1 << 63))

    assert StoreError is refused.type
    assert str(1 << 63) not in str(refused.value)


async def test_closed_store_is_unavailable(closed_store: Store) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        await closed_store.load("leg-1")
    with pytest.raises(StoreUnavailable, match="not open"):
        await closed_store.open_call(*new_call("leg-1"))
    with pytest.raises(StoreUnavailable, match="not open"):
        await closed_store.check()


async def test_a_store_may_be_opened_and_closed_again(closed_store: Store) -> None:
    for _ in range(2):
        await closed_store.open()
    await closed_store.check()
    await closed_store.open_call(*new_call("leg-1", is_over=True))
    for _ in range(2):
        await closed_store.close()
    await closed_store.open()
    found = await closed_store.load("leg-1")
    await closed_store.close()

    assert found is not None
    assert (session_row("leg-1", is_over=True), True) == (found, found.is_over)


async def test_close_waits_for_started_writes(closed_store: Store) -> None:
    await closed_store.open()
    begun = [asyncio.ensure_future(closed_store.open_call(*new_call(f"leg-{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await closed_store.close()
    await asyncio.gather(*begun)
    await closed_store.open()

    assert session_row("leg-0") == await closed_store.load("leg-0")
    assert session_row("leg-19") == await closed_store.load("leg-19")

    await closed_store.close()


async def test_reads_see_a_write_that_was_just_acknowledged(store: Store) -> None:
    await store.open_call(*new_call("leg-1"))
    seen = []
    for number in range(1, 30):
        await store.advance(*next_turn("leg-1", number))
        seen.append(await store.load("leg-1"))

    assert [next_turn("leg-1", number)[0] for number in range(1, 30)] == seen
