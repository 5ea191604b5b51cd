"""How the fetcher handles the replies and failures of a media server."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ncco_server.service.media import (
    AUDIO_LIMIT,
    TEXT_LIMIT,
    DownloadFailed,
    MediaClient,
    audio_type,
    shortage,
    transcript_text,
)
from ncco_server.service.outgoing import new_client
from ncco_server.service.poller import Schedule
from ncco_server.service.recording_bucket import RecordingBucket
from ncco_server.service.recording_files import NO_KEY, RecordingFiles, UnfinishedFile
from ncco_server.service.recording_folder import RecordingFolder
from ncco_server.service.recordings import LEASE_MS, Fetcher, lost_recordings, remove_files, sweep_recordings
from ncco_server.store import RecordingRow, Store
from ncco_server.vonage.application_token import ApplicationTokens
from tests.support.application_api import APPLICATION_ID
from tests.support.cases import each_case
from tests.support.keys import private_pem, rsa_key
from tests.support.media_server import MP3, OGG, WAV, File, MediaServer, media_server, pem
from tests.support.memory_store import MemoryStore
from tests.support.s3_server import Fault, s3_server
from tests.unit.server.service.outbox_kit import until

QUICK = Schedule(tries=3, draw=lambda: 0.5, first_s=0.01, poll_s=0.01, slots=8, drain_s=0.2)
SAID = {"channels": [{"transcript": [{"sentence": "Please call"}, {"sentence": "me back."}]}, {"transcript": [{}]}]}
TRANSCRIPT = File(orjson.dumps(SAID), headers={"content-type": "application/json"})


@dataclass(frozen=True)
class Place:
    """A store and a folder for recordings, and the server that has them."""

    store: Store
    folder: RecordingFolder
    server: MediaServer


@pytest.fixture(scope="module")
def media() -> Iterator[MediaServer]:
    with media_server() as server:
        yield server


@pytest.fixture
async def place(media: MediaServer, tmp_path: Path) -> AsyncIterator[Place]:
    async with MemoryStore() as store:
        yield Place(store, RecordingFolder(tmp_path / "recordings"), media.reset())


def row(url: str = "", number: int = 1, **changes: Any) -> RecordingRow:
    found = RecordingRow(f"{number:032x}", f"uuid-{number}", "record", number, url=url, due_at=1)
    return found._replace(**changes)


@asynccontextmanager
async def fetching(
    store: Store,
    folder: RecordingFiles,
    own_url: str,
    private: RSAPrivateKey | None = None,
    *,
    lease_ms: int = LEASE_MS,
    schedule: Schedule = QUICK,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[Fetcher]:
    media = MediaClient(new_client(), ApplicationTokens(APPLICATION_ID, pem(private)), own_url)
    fetcher = Fetcher(store.recordings, folder, media, schedule, lease_ms=lease_ms, clock=clock)
    task = asyncio.create_task(fetcher.run())
    try:
        yield fetcher
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await fetcher.close()


async def settled(store: Store, within_s: float = 30.0) -> Sequence[RecordingRow]:
    """The recordings, after waiting until nothing is left to fetch."""
    async with asyncio.timeout(within_s):
        while (await store.recordings.count()).waiting:  # noqa: ASYNC110 - only the store shows the progress
            await asyncio.sleep(0.01)
    return await store.recordings.list(100)


async def fetched(place: Place, *rows: RecordingRow) -> RecordingRow:
    """The newest row, after waiting until nothing is left to fetch."""
    for each in rows:
        await place.store.recordings.add(each)
    async with fetching(place.store, place.folder, place.server.url):
        return (await settled(place.store))[0]


@pytest.mark.parametrize(("body", "type_"), [(MP3, "audio/mpeg"), (WAV, "audio/wav"), (OGG, "audio/ogg")])
async def test_a_recording_is_stored_with_its_type_and_checksum(place: Place, body: bytes, type_: str) -> None:
    url = place.server.put("/v1/files/1", File(body, headers={"content-type": "application/octet-stream"}, pieces=5))
    found = await fetched(place, row(url))
    file = place.folder.file(found.id)

    assert ("kept", type_, len(body), "") == (found.state, found.content_type, found.size, found.problem)
    assert hashlib.sha256(body).hexdigest() == found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (0o600, 0o700) == tuple(stat.S_IMODE(path.stat().st_mode) for path in (file, place.folder.path))
    assert [file] == list(place.folder.path.iterdir())
    assert 1 == len(place.server.tokens)
    assert "identity" == place.server.headers["accept-encoding"]


@pytest.mark.parametrize("is_gone", [True, False])
async def test_audio_and_transcript_are_fetched_whatever_happens_to_the_other(place: Place, is_gone: bool) -> None:
    audio, text = (File(status=404), TRANSCRIPT) if is_gone else (File(), File(status=404))
    found = await fetched(
        place,
        row(place.server.put("/1", audio)),
        row(transcript_url=place.server.put("/2", text), transcript_state="waiting"),
    )

    states = (found.state, found.transcript_state, found.transcript)
    assert (("gone", "kept", "Please call me back.") if is_gone else ("kept", "gone", "")) == states
    assert ("" if is_gone else "its transcript: ") + "status 404: Vonage no longer has it" == found.problem


LONG_WAV = b"RIFF" + (9_992).to_bytes(4, "little") + b"WAVEfmt " + bytes(9_984)


@pytest.mark.parametrize(("body", "announced"), [(LONG_WAV, None), (MP3, len(MP3))])
@pytest.mark.parametrize(
    ("sizes", "state", "kept"),
    [((500, 600, None), "kept", None), ((500, 500), "kept", 500), ((5, 600, 50), "failed", 0)],
)
async def test_an_incomplete_file_is_fetched_again_until_it_is_complete_or_unchanged(
    place: Place, *, body: bytes, announced: int | None, sizes: tuple[int | None, ...], state: str, kept: int | None
) -> None:
    parts = [File(body[: 100 + size] if size else body, pieces=30) for size in sizes]
    found = await fetched(place, row(place.server.put("/1", *parts), size=announced))

    assert (state, len(sizes)) == (found.state, found.tries)
    if state == "kept":
        assert (body[: 100 + kept] if kept else body) == place.folder.file(found.id).read_bytes()
    else:
        assert f"only 150 of {len(body):,} bytes arrived" == found.problem
        assert [] == list(place.folder.path.iterdir())


async def test_the_newest_and_the_oldest_are_fetched_alternately(place: Place) -> None:
    rows = [row(place.server.put(f"/{number}"), number, due_at=number) for number in range(1, 7)]
    for each in rows:
        await place.store.recordings.add(each)
    async with fetching(place.store, place.folder, place.server.url, schedule=replace(QUICK, slots=1)):
        await settled(place.store)

    assert ["/6", "/1", "/5", "/2", "/4", "/3"] == place.server.requests


async def test_a_lost_file_that_reappears_is_not_fetched(place: Place) -> None:
    found = await fetched(place, row(place.server.put("/1", File(), File(status=404))))
    assert await place.store.recordings.mark_lost(found.id, 1)
    again = await fetched(place)

    assert (["/1"], found._replace(tries=1)) == (place.server.requests, again)
    place.folder.remove([found.id])
    assert await place.store.recordings.mark_lost(found.id, 1)
    assert "gone" == (await fetched(place)).state


async def test_a_download_that_outlives_its_lease_does_not_disturb_the_next_one(place: Place) -> None:
    """The clock is set forward meanwhile, so the same process considers the recording abandoned."""
    off = timedelta(minutes=-1)
    audio = MP3 * 4  # a piece is larger than the file buffer and arrives at once: each read renews the claim
    slow, slower = (File(audio, pieces=2, every_s=every_s) for every_s in (2, 4))
    await place.store.recordings.add(row(place.server.put("/1", slow, slower)))
    async with fetching(place.store, place.folder, place.server.url, clock=lambda: datetime.now(UTC) + off):
        await until(lambda: any(part.stat().st_size for part in place.folder.path.glob("*.part")))
        off = timedelta()
        (found,) = await settled(place.store)

    assert ("kept", "", 2) == (found.state, found.problem, len(place.server.requests))


@pytest.mark.parametrize(
    "fault",
    [
        File(status=503),
        File(status=429, headers={"retry-after": "0"}),
        File(status=404),
        File(dies=True),
        File(b"<html>try later</html>"),
        File(b""),
        File(status=302, headers={"location": "/other"}),
    ],
)
async def test_a_failed_download_is_retried(place: Place, fault: File) -> None:
    found = await fetched(place, row(place.server.put("/1", fault, File())))

    assert ("kept", 2, "") == (found.state, found.tries, found.problem)
    assert [place.folder.file(found.id)] == list(place.folder.path.iterdir())


@pytest.mark.parametrize(
    ("fault", "because"),
    [
        (File(status=500), "failed: status 500"),
        (File(status=404), "gone: status 404: Vonage no longer has it"),
        (File(status=410), "gone: status 410: Vonage no longer has it"),
        (File(dies=True), "failed: it broke off after 8,009 bytes"),
        (File(b"GIF89a"), "failed: the response is not MP3, WAV or Ogg"),
        (
            File(status=307, headers={"location": "https://evil.example.com/"}),
            "failed: status 307: redirects are not followed",
        ),
    ],
)
async def test_a_recording_that_never_arrives_is_given_up_with_its_reason(
    place: Place, fault: File, because: str
) -> None:
    found = await fetched(place, row(place.server.put("/1", fault)))

    assert (because, 3) == (f"{found.state}: {found.problem}", found.tries)
    assert found.cure
    assert [] == list(place.folder.path.iterdir())
    assert ["/1"] * 3 == place.server.requests


async def test_a_key_of_another_application_is_named(place: Place) -> None:
    await place.store.recordings.add(row(place.server.put("/1")))
    async with fetching(place.store, place.folder, place.server.url, rsa_key("other")):
        (found,) = await settled(place.store)

    assert "failed" == found.state
    assert "status 401: Vonage does not accept the application's key" == found.problem
    assert "VONAGE_PRIVATE_KEY" in found.cure
    assert ["Signature verification failed"] * 3 == place.server.refused


async def test_a_file_that_is_too_large_is_given_up_at_once(place: Place) -> None:
    url, size = place.server.put("/1", File(pieces=20, every_s=0.01)), 0

    async def take(block: bytes) -> None:
        nonlocal size
        size += len(block)

    async with new_client() as http:
        media = MediaClient(http, ApplicationTokens(APPLICATION_ID, pem()), place.server.url)
        with pytest.raises(DownloadFailed, match="larger than 1,000 bytes") as failed:
            await media.download(url, 1_000, datetime.now(UTC), take)

    assert ("failed", True) == (failed.value.state, size <= 1_000)


async def test_without_a_key_every_waiting_recording_says_so(place: Place) -> None:
    await place.store.recordings.add(row("https://api.nexmo.com/1"))
    fetcher = Fetcher(place.store.recordings, place.folder, None, QUICK)

    assert [] == list(await fetcher.claim(8))
    (found,) = await place.store.recordings.list(1)
    assert ("waiting", 0, NO_KEY) == (found.state, found.tries, found.problem)
    assert "VONAGE_PRIVATE_KEY" in found.cure
    assert found.due_at is not None
    assert found.due_at > fetcher.now()


async def test_a_recording_that_is_deleted_while_it_is_fetched_leaves_no_file(place: Place) -> None:
    await place.store.recordings.add(row(place.server.put("/1", File(pieces=10, every_s=0.05))))
    async with fetching(place.store, place.folder, place.server.url):
        await until(lambda: list(place.folder.path.glob("*")))
        await place.store.recordings.erase([row().id])
        await until(lambda: not list(place.folder.path.iterdir()))

    assert [] == list(place.folder.path.iterdir())
    assert ["/1"] == place.server.requests


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_a_long_upload_stays_claimed_and_leaves_no_file_of_a_deleted_recording(
    place: Place, is_deleted: bool
) -> None:
    await place.store.recordings.add(row(place.server.put("/1", File())))
    with s3_server() as storage:
        storage.fault = lambda method, _: Fault(0, after_s=7) if method == "PUT" else None
        files = RecordingBucket(storage.address)
        async with (
            fetching(place.store, files, place.server.url, lease_ms=6000),
            fetching(place.store, files, place.server.url, lease_ms=6000),
        ):
            while not storage.requests:  # noqa: ASYNC110 - the bucket is in another thread
                await asyncio.sleep(0.01)
            if is_deleted:
                await place.store.recordings.erase([row().id])
                await remove_files(place.store.recordings, files, datetime.now(UTC) + timedelta(seconds=1))
                await asyncio.sleep(8)  # the upload would be over
            await settled(place.store)
        methods = [method for method, _ in storage.requests]
        found = await place.store.recordings.get(row().id)

    assert ([] if is_deleted else [MP3]) == list(storage.recordings.values())
    assert 1 == methods.count("PUT")
    assert found is not None
    assert ("deleted" if is_deleted else "kept") == found.state


async def test_recordings_left_by_a_stopped_server_are_fetched_by_the_next(place: Place) -> None:
    await place.store.recordings.add(row(place.server.put("/1", File(pieces=10, every_s=1), File())))
    async with fetching(place.store, place.folder, place.server.url):
        while not place.server.tokens:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.01)
    (left,) = await place.store.recordings.list(1)
    assert ("waiting", "the server was stopped", []) == (left.state, left.problem, list(place.folder.path.iterdir()))

    assert "kept" == (await fetched(place)).state


class FullFolder(RecordingFolder):
    def begin(self, id_: str) -> UnfinishedFile:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_full_disk_is_reported(place: Place, tmp_path: Path) -> None:
    found = await fetched(replace(place, folder=FullFolder(tmp_path)), row(place.server.put("/1")))

    assert ("failed", "the disk is full", []) == (found.state, found.problem, place.server.requests)


async def test_deleted_and_old_recordings_are_removed_with_their_files(place: Place) -> None:
    now = datetime.now(UTC)
    ages = {"old": timedelta(days=91), "deleted": timedelta(days=2), "just deleted": timedelta(days=2)}
    ids = {name: f"{number:032x}" for number, name in enumerate([*ages, "unknown"])}
    for name, age in ages.items():
        at = int((now - age).timestamp() * 1000)
        await place.store.recordings.add(row(name, 1, id=ids[name], uuid=name, created_at=at, state="kept", has_file=1))
        place.folder.put(ids[name], MP3)
    place.folder.put(ids["unknown"], MP3)
    place.folder.file(ids["old"]).with_suffix(".12345678.part").write_bytes(b"half")
    (place.folder.path / "notes.txt").write_text("not ours")
    for file in (place.folder.file(ids["unknown"]), *place.folder.path.glob("*.part"), place.folder.path / "notes.txt"):
        os.utime(file, (1, 1))
    await place.store.recordings.mark_deleted(
        ids["deleted"], int((now - timedelta(days=1.1)).timestamp() * 1000), "anna"
    )
    await place.store.recordings.mark_deleted(ids["just deleted"], int(now.timestamp() * 1000), "anna")

    assert 4 == await sweep_recordings(place.store.recordings, place.folder, now, timedelta(days=90))
    assert {ids["just deleted"], "notes.txt"} == {file.name for file in place.folder.path.iterdir()}
    assert 0 == await sweep_recordings(place.store.recordings, place.folder, now, None)
    assert await place.store.recordings.mark_deleted(ids["just deleted"], None, "anna")


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"channels": 1}', b"\xff", b"[" * 100_000])
def test_a_transcript_that_cannot_be_read_is_refused(document: bytes) -> None:
    with pytest.raises(DownloadFailed, match="cannot be read"):
        transcript_text(document)


def test_a_transcript_is_limited_and_each_channel_is_a_line() -> None:
    channel = {"transcript": [{"sentence": " Hello. "}, {"sentence": 1}, "?", {"sentence": "Bye."}]}

    assert "Hello. Bye.\nHello. Bye." == transcript_text(orjson.dumps({"channels": [channel, None, {}, channel]}))
    long = {"channels": [{"transcript": [{"sentence": "x" * (2 * TEXT_LIMIT)}]}]}
    assert TEXT_LIMIT == len(transcript_text(orjson.dumps(long)))


@pytest.mark.parametrize("beginning", [b"", b"RIFF", b"RIFF0000AVI ", b"<html>", b"\xff\x00", b"%PDF", b"Ogg"])
def test_only_audio_is_accepted_as_audio(beginning: bytes) -> None:
    with pytest.raises(DownloadFailed, match="the response is"):
        audio_type(beginning)


@each_case(
    ("beginning", "kind"),
    [
        (b"RIFF\0\0\0\0WAVE", "audio/wav"),
        (b"OggS", "audio/ogg"),
        (b"ID3\x03", "audio/mpeg"),
        (b"\xff\xe0", "audio/mpeg"),
        (b"\xff\xfb", "audio/mpeg"),
    ],
)
def test_audio_is_recognised_by_its_beginning(beginning: bytes, kind: str) -> None:
    assert kind == audio_type(beginning)


@each_case(
    ("named", "size", "announced", "is_short"),
    [
        (92, 100, 100, False),
        (92, 99, 0, True),
        (93, 100, 0, True),
        (0, 99, 100, True),
        (0, 100, 100, False),
        (AUDIO_LIMIT - 7, 100, 100, False),
        (AUDIO_LIMIT - 8, 100, 100, True),
        (1 << 31, 100, 100, False),
    ],
)
def test_audio_is_complete_if_it_has_the_announced_and_the_named_size(
    named: int, size: int, announced: int, is_short: bool
) -> None:
    assert is_short == bool(shortage(b"RIFF" + named.to_bytes(4, "little"), size, announced))


async def test_nothing_is_fetched_from_elsewhere(place: Place) -> None:
    async def take(chunk: bytes) -> None:
        raise AssertionError(chunk)

    async with new_client() as http:
        media = MediaClient(http, ApplicationTokens(APPLICATION_ID, private_pem(rsa_key())))
        with pytest.raises(DownloadFailed, match="its address is not Vonage's"):
            await media.download("https://example.com/1", 9, datetime.now(UTC), take)


async def test_kept_recordings_without_a_file_are_lost(place: Place) -> None:
    for number in range(2):
        await place.store.recordings.add(row(f"{number}", number, id=f"{number:032x}", state="kept", has_file=1))
    place.folder.put(f"{1:032x}", MP3)

    assert [f"{0:032x}"] == await lost_recordings(place.store.recordings, place.folder)
