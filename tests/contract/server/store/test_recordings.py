"""Recordings in both databases, and in the memory of the process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ncco_server.store import Caused, RecordingCounts, RecordingFilter, RecordingRow, Recordings, Store
from tests.support.stored_rows import NOON_MS, new_call, next_turn, webhook_row

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = "https://api-eu-3.vonage.com/v1/files/1"
TRANSCRIPT_URL = "https://api-eu-3.vonage.com/v1/files/2"
LEASE_MS = 1_000


@pytest.fixture
def recordings(store: Store) -> Recordings:
    return store.recordings


def announced(id_: str = "r1", **changes: Any) -> RecordingRow:
    row = RecordingRow(
        id_,
        f"uuid-{id_}",
        "record",
        NOON_MS,
        session="leg-1",
        flow="acme",
        step="voicemail",
        from_number="447700900123",
        to_number="442071838750",
        url=URL,
        due_at=NOON_MS,
    )
    return row._replace(**changes)


def transcribed(id_: str = "r1") -> RecordingRow:
    return announced(id_, url="", transcript_url=TRANSCRIPT_URL, transcript_state="waiting", due_at=NOON_MS + 5)


async def claimed(recordings: Recordings, now: int = NOON_MS, claim: str = "a") -> RecordingRow:
    (row,) = await recordings.claim(now, now + LEASE_MS, claim, 1)
    return row


async def keep(recordings: Recordings, **changes: Any) -> RecordingRow:
    row = await claimed(recordings)
    kept = row._replace(state="kept", size=9, content_type="audio/mpeg", sha256="0f", **changes)
    assert await recordings.finish(kept, NOON_MS)
    return kept


async def ids(recordings: Recordings, **wanted: Any) -> list[str]:
    return [row.id for row in await recordings.list(100, wanted=RecordingFilter(**wanted))]


async def test_a_recording_comes_with_its_webhook_once(store: Store) -> None:
    session, turn, webhook = next_turn("leg-1", 1)
    await store.open_call(*new_call("leg-1"))
    await store.advance(session, turn, webhook, Caused(recording=announced("r1")))
    await store.record(webhook_row("leg-1"), Caused(recording=announced("again", uuid="uuid-r1")))
    await store.record(webhook_row(""), Caused(recording=announced("r2", session="")))

    assert [announced("r1"), announced("r2", session="")] == sorted(await store.recordings.list(9))
    assert RecordingCounts(new=2, waiting=2) == await store.recordings.count()


@pytest.mark.parametrize("is_text_first", [True, False])
async def test_audio_and_transcript_are_one_recording_in_any_order(recordings: Recordings, is_text_first: bool) -> None:
    rows = [announced("r1"), transcribed("r1")._replace(id="other")]
    for row in (*(reversed(rows) if is_text_first else rows), *rows):
        await recordings.add(row)
    (row,) = await recordings.list(9)

    assert (URL, TRANSCRIPT_URL, "waiting", "waiting") == (row.url, row.transcript_url, row.state, row.transcript_state)


async def test_a_transcript_that_is_announced_while_the_audio_is_fetched_is_due_next(recordings: Recordings) -> None:
    await recordings.add(announced())
    row = await claimed(recordings)
    await recordings.add(transcribed())
    await recordings.finish(row._replace(state="kept", sha256="0f"), NOON_MS + 7)
    found = await recordings.get("r1")

    assert found is not None
    assert ("kept", "0f", "waiting", NOON_MS + 7) == (found.state, found.sha256, found.transcript_state, found.due_at)


async def test_only_one_of_several_hosts_fetches(recordings: Recordings) -> None:
    for number in range(20):
        await recordings.add(announced(f"r{number}"))
    claims = await asyncio.gather(
        *(recordings.claim(NOON_MS, NOON_MS + LEASE_MS, f"host {number}", 5) for number in range(6))
    )
    found = [row.id for claim in claims for row in claim]

    assert len(found) == len(set(found)) == 20
    assert not await recordings.has_due(NOON_MS)
    assert await recordings.has_due(NOON_MS + LEASE_MS)


async def test_the_result_of_a_host_that_lost_its_claim_is_not_written(recordings: Recordings) -> None:
    await recordings.add(announced())
    lost = await claimed(recordings)
    now = await claimed(recordings, NOON_MS + LEASE_MS, "b")

    assert not await recordings.renew("r1", lost.claim, NOON_MS + 9 * LEASE_MS)
    assert not await recordings.finish(lost._replace(state="kept"), NOON_MS)
    assert await recordings.renew("r1", now.claim, NOON_MS + 9 * LEASE_MS)
    assert await recordings.finish(now._replace(problem="status 503", cure="wait"), NOON_MS + 99_000)
    found = await recordings.get("r1")
    assert found is not None
    assert ("waiting", "status 503", NOON_MS + 99_000, 2, 0) == (
        *(found.state, found.problem, found.due_at, found.tries, found.leased_until),
    )


async def test_pages_are_newest_first_and_filtered(recordings: Recordings) -> None:
    for number in range(5):
        await recordings.add(announced(f"r{number}", created_at=NOON_MS + number // 2, flow=f"flow {number % 2}"))
    await recordings.add(announced("said", kind="voice-input", from_number="anna", session="leg-2"))
    await recordings.mark_heard("r1", NOON_MS, "anna")
    await recordings.mark_done("r2", NOON_MS, "anna")
    await recordings.mark_deleted("r3", NOON_MS, "anna")
    first = await recordings.list(3)

    assert ["r4", "r2", "said"] == [row.id for row in first]
    assert ["r1", "r0"] == [row.id for row in await recordings.list(3, first[-1].id)]
    assert ["said"] == await ids(recordings, kind="voice-input") == await ids(recordings, session="leg-2")
    assert ["r2"] == await ids(recordings, is_done=True)
    assert ["r3"] == await ids(recordings, is_deleted=True)
    assert ["r1"] == await ids(recordings, flow="flow 1")
    assert ["r4", "r2", "r1", "r0"] == await ids(recordings, number="900123")
    assert RecordingCounts(new=2, waiting=6) == await recordings.count()


async def test_the_first_listener_is_kept_and_done_can_be_undone(recordings: Recordings) -> None:
    await recordings.add(announced())
    assert [True, False] == [await recordings.mark_heard("r1", NOON_MS + at, f"{at}") for at in (1, 2)]
    assert [True, False] == [await recordings.mark_done(id_, NOON_MS, "anna") for id_ in ("r1", "r2")]
    assert ["anna"] == [row.done_by for row in await recordings.list(1)]
    assert await recordings.mark_done("r1", None, "bert")
    assert await recordings.mark_deleted("r1", NOON_MS, "anna")
    row = await recordings.get("r1")
    assert row is not None and "anna" == row.deleted_by
    assert await recordings.mark_deleted("r1", None, "bert")

    assert announced(heard_at=NOON_MS + 1, heard_by="1") == await recordings.get("r1")


async def test_a_recording_that_was_given_up_is_retried_on_request(recordings: Recordings) -> None:
    await recordings.add(announced())
    await keep(recordings)
    assert 0 == await recordings.retry(NOON_MS)
    await recordings.add(announced("r2"))
    await recordings.finish((await claimed(recordings))._replace(state="failed", problem="status 401"), NOON_MS)
    assert (1, None) == ((await recordings.count()).failed, (await recordings.list(1))[0].due_at)

    assert [0, 1] == [await recordings.retry(NOON_MS + 5, id_) for id_ in ("r1", "r2")]
    found = await recordings.get("r2")
    assert found is not None
    assert ("waiting", NOON_MS + 5, 0) == (found.state, found.due_at, found.tries)


async def test_every_waiting_recording_has_its_reason(recordings: Recordings) -> None:
    await recordings.add(announced("r1"))
    await keep(recordings)
    await recordings.add(announced("r2"))
    await recordings.explain("there is no key", "set one", NOON_MS, NOON_MS + 60_000)
    rows = sorted(await recordings.list(9))

    assert [("", None), ("there is no key", NOON_MS + 60_000)] == [(row.problem, row.due_at) for row in rows]


async def test_a_permanently_deleted_recording_leaves_only_its_id(recordings: Recordings) -> None:
    for id_ in ("old", "deleted", "undone", "new"):
        await recordings.add(announced(id_, created_at=NOON_MS - (id_ == "old"), transcript="please call me"))
    await recordings.mark_deleted("deleted", NOON_MS - 5, "anna")
    await recordings.mark_deleted("undone", NOON_MS, "anna")
    busy = await claimed(recordings)
    erased = [await recordings.erase_expired(now, NOON_MS - 5, NOON_MS, 9) for now in (NOON_MS, NOON_MS + LEASE_MS)]
    assert [{"old", "deleted"} - {busy.id}, {"old", "deleted"} & {busy.id}] == list(map(set, erased))
    await recordings.add(announced("again", uuid="uuid-deleted"))

    assert ["undone"] == await ids(recordings, is_deleted=True)
    left = await recordings.get("deleted")
    assert left is not None
    assert not any((left.url, left.transcript, left.from_number, left.session, left.due_at))
    assert not await recordings.mark_deleted("deleted", None, "anna")
    assert not await recordings.finish(busy._replace(state="kept"), NOON_MS) or busy.id not in erased[1]


async def test_files_of_deleted_recordings_are_listed_until_they_are_removed(recordings: Recordings) -> None:
    for id_ in ("fetched", "never fetched"):
        await recordings.add(announced(id_))
        if id_ == "fetched":
            await keep(recordings)
    await recordings.erase(["fetched", "never fetched"])
    assert ["fetched"] == await recordings.removable(NOON_MS, 9)
    await recordings.delete_remains(NOON_MS + 1)
    await recordings.removed(["fetched"])

    assert [] == await recordings.removable(NOON_MS, 9)
    await recordings.delete_remains(NOON_MS)
    assert await recordings.get("fetched") is not None
    await recordings.delete_remains(NOON_MS + 1)
    assert [None, None] == [await recordings.get(id_) for id_ in ("fetched", "never fetched")]


@pytest.mark.parametrize("rows", [(announced(), transcribed()), (transcribed(), announced())])
async def test_a_webhook_of_another_call_adds_nothing_to_a_recording(
    recordings: Recordings, rows: tuple[RecordingRow, RecordingRow]
) -> None:
    known, forged = rows
    await recordings.add(known)
    await recordings.add(forged._replace(id="forged", session="leg-2"))

    assert [known] == await recordings.list(9)

    await recordings.add(forged)

    assert URL == (await recordings.list(9))[0].url


async def test_a_forgotten_recording_does_not_come_back(store: Store) -> None:
    await store.recordings.add(announced())
    await store.forget(["447700900123"])
    for again in (announced("r2", uuid="uuid-r1"), transcribed()._replace(id="r3")):
        await store.recordings.add(again)

    assert [] == await store.recordings.list(9)
    assert await store.recordings.find("uuid-r1") is None
