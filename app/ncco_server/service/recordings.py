"""Recordings: a webhook announces them, they are downloaded in the background, and removed later.

The file comes before the row says `kept`, and goes after it says `deleted`, so a crash in between loses nothing.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final, Literal

from ncco_server.errors import AppError
from ncco_server.service.media import (
    AUDIO_LIMIT,
    TRANSCRIPT_LIMIT,
    WAIT,
    DownloadFailed,
    MediaClient,
    Take,
    audio_type,
    shortage,
    transcript_text,
)
from ncco_server.service.poller import Poller, PollListener, Schedule
from ncco_server.service.recording_files import NO_KEY, RecordingFiles, UnfinishedFile, in_thread
from ncco_server.store import RecordingCounts, RecordingRow, Recordings, Records, milliseconds

LEASE_MS: Final = 30_000
"""A claim that is not extended ends after this."""
EARLY_TRIES: Final = 3
"""Vonage may report a recording before its file exists. Our choice."""
NO_KEY_S: Final = 60.0
UNDO_FOR: Final = timedelta(days=1)
BATCH: Final = 100
NEWEST: Final = 100
"""Each may cost a request to a bucket."""

SET_KEY: Final = (
    "set VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, and restart the server; Vonage keeps recordings for a month"
)
PUT_BACK: Final = (
    "restore the folder or bucket in NCCO_RECORDINGS, from a backup if needed; then `ncco recordings retry --lost` "
    "fetches what is still missing from Vonage"
)
_OF_PART: Final = {"state": "", "transcript_state": "its transcript: "}
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

FETCH_SCHEDULE: Final = Schedule(slots=8, poll_s=2.0)


class FetchListener(PollListener[RecordingCounts]):
    """Receives the results of downloads."""

    def fetched(self, row: RecordingRow, next_s: float | None) -> None:
        """`next_s`: seconds until the next attempt; None if there is none."""


class Fetcher(Poller[RecordingRow, RecordingCounts]):
    """Fetches the recordings and transcripts that a store lists as pending.

    `media` is None without the application's key, which waiting recordings then report.
    """

    def __init__(
        self,
        recordings: Recordings,
        files: RecordingFiles,
        media: MediaClient | None,
        schedule: Schedule = FETCH_SCHEDULE,
        listener: FetchListener | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        lease_ms: int = LEASE_MS,
    ) -> None:
        self._listener = listener or FetchListener()
        super().__init__(schedule, self._listener, clock)
        self._lease_ms = lease_ms
        self._recordings = recordings
        self.files = files
        self._media = media
        self._is_newest_first = False

    async def close(self) -> None:
        if self._media is not None:
            await self._media.http.aclose()

    async def claim(self, limit: int) -> Sequence[RecordingRow]:
        """Alternate newest and oldest, so that no message waits behind a thousand others."""
        now = self.now()
        if not await self._recordings.has_due(now):
            return ()
        if self._media is None:
            await self._recordings.explain(NO_KEY, SET_KEY, now, now + round(NO_KEY_S * 1000))
            return ()
        self._is_newest_first = not self._is_newest_first
        return await self._recordings.claim(
            now, now + self._lease_ms, token_hex(8), limit, is_newest_first=self._is_newest_first
        )

    async def count(self) -> RecordingCounts:
        return await self._recordings.count()

    async def run_one(self, row: RecordingRow) -> None:
        row = row._replace(problem="", cure="")
        wait_s = 0.0
        try:
            if row.url and row.state == "waiting":
                try:
                    row = await self._fetch_audio(row)
                except DownloadFailed as failure:
                    row = self._failed(row, "state", failure)
                    wait_s = failure.wait_s
            if row.transcript_state == "waiting":
                try:
                    row = await self._fetch_transcript(row)
                except DownloadFailed as failure:
                    row = self._failed(row, "transcript_state", failure)
                    wait_s = max(wait_s, failure.wait_s)
        except LostClaim:  # it was deleted, or another process is fetching it
            return
        except asyncio.CancelledError:
            stopped = row._replace(problem="the server was stopped", cure=WAIT)
            await self.write(self._recordings.finish(stopped, self.now()))
            raise
        is_waiting = "waiting" in (row.state if row.url else "", row.transcript_state)
        next_s = self.schedule.wait_s(row.tries, wait_s) if is_waiting else None
        if await self.write(self._recordings.finish(row, self.now() + round((next_s or 0) * 1000))):
            self._listener.fetched(row, next_s)

    async def _fetch_audio(self, row: RecordingRow) -> RecordingRow:
        try:
            was_kept = row.content_type != ""
            if was_kept and await in_thread(has_file, self.files, row.id):  # the file was lost and has come back
                return row._replace(state="kept")
            file = await in_thread(self.files.begin, row.id)
            try:

                async def take(chunk: bytes) -> None:
                    await asyncio.to_thread(file.write, chunk)

                lease = await self._download(row, row.url, AUDIO_LIMIT, take)
                content_type = audio_type(file.beginning)
                problem = shortage(file.beginning, file.size, row.size or 0)
                if problem and file.sha256 != row.sha256:  # the same bytes again: Vonage has no more
                    raise DownloadFailed("waiting", problem, sha256=file.sha256)
                await lease.renew(is_forced=True)
                await self._keep(file, lease)
            finally:
                await asyncio.shield(asyncio.to_thread(file.close))
        except OSError as error:
            raise _storage_failure(error) from error
        return row._replace(state="kept", size=file.size, content_type=content_type, sha256=file.sha256)

    async def _keep(self, file: UnfinishedFile, lease: _Lease) -> None:
        """Extend the claim: an upload may take minutes. Raises OSError, LostClaim."""
        keeping = asyncio.ensure_future(in_thread(file.keep))
        try:
            while not (await asyncio.wait([keeping], timeout=self._lease_ms / 3000))[0]:
                await lease.renew(is_forced=True)
        except LostClaim:
            file.close()  # ends the upload
            with suppress(OSError, ValueError):
                await keeping
            row = await self._recordings.get(lease.row.id)
            if row is None or row.state == "deleted":  # a removal may have come before the file existed
                await in_thread(self.files.remove, [lease.row.id])
            raise
        finally:
            keeping.cancel()
        await keeping

    async def _fetch_transcript(self, row: RecordingRow) -> RecordingRow:
        document = bytearray()

        async def take(chunk: bytes) -> None:
            document.extend(chunk)

        await self._download(row, row.transcript_url, TRANSCRIPT_LIMIT, take)
        text = await asyncio.to_thread(transcript_text, bytes(document))
        return row._replace(transcript_state="kept", transcript=text)

    async def _download(self, row: RecordingRow, url: str, limit: int, take: Take) -> _Lease:
        """Extend the claim. Raises DownloadFailed, LostClaim, and any error of `take`."""
        if row.tries > self.schedule.tries:  # in every attempt, the process died
            raise DownloadFailed("failed", f"{self.schedule.tries} attempts did not finish")
        if self._media is None:
            raise DownloadFailed("waiting", NO_KEY, SET_KEY)
        lease = _Lease(self._recordings, row, self.now, self._lease_ms)

        async def take_on(chunk: bytes) -> None:
            await lease.renew()
            await take(chunk)

        await self._media.download(url, limit, self.clock(), take_on)
        return lease

    def _failed(
        self, row: RecordingRow, part: Literal["state", "transcript_state"], why: DownloadFailed
    ) -> RecordingRow:
        """If both parts failed, the row reports the first failure."""
        state = why.state
        if state == "gone" and row.tries < EARLY_TRIES:
            state = "waiting"
        if state == "waiting" and row.tries >= self.schedule.tries:
            state = "failed"
        named = row if row.problem else row._replace(problem=f"{_OF_PART[part]}{why}", cure=why.cure)
        if part == "transcript_state":
            return named._replace(transcript_state=state)
        return named._replace(state=state, sha256=why.sha256 or row.sha256)


class LostClaim(Exception):
    """Another process fetches the recording, or it was deleted."""


class _Lease:
    def __init__(self, recordings: Recordings, row: RecordingRow, now: Callable[[], int], lease_ms: int) -> None:
        self._recordings = recordings
        self.row = row
        self._now = now
        self._lease_ms = lease_ms
        self._renewed_at = now()

    async def renew(self, *, is_forced: bool = False) -> None:
        """Renew after a third of the claim's time, or if `is_forced`. Raises LostClaim."""
        now = self._now()
        if is_forced or now - self._renewed_at > self._lease_ms / 3:
            if not await self._recordings.renew(self.row.id, self.row.claim, now + self._lease_ms):
                raise LostClaim
            self._renewed_at = now


def _storage_failure(error: OSError) -> DownloadFailed:
    if isinstance(error, AppError):  # raised by a bucket
        return DownloadFailed("waiting", str(error), error.cure)
    if error.errno in _DISK_FULL:
        place = f" at {error.filename}" if error.filename else ""
        return DownloadFailed("waiting", "the disk is full", f"make room{place}; the server retries")
    cure = "give the user who runs the server permission to write to the recordings folder"
    return DownloadFailed("waiting", f"the recordings folder cannot be written to: {error.strerror}", cure)


async def remove_files(recordings: Recordings, files: RecordingFiles, now: datetime) -> int:
    """Leave out what is being fetched; return the number of files.

    Raises OSError, StoreUnavailable.
    """
    removed = 0
    now_ms = milliseconds(now)
    while ids := await recordings.removable(now_ms, BATCH):
        await in_thread(files.remove, ids)
        await recordings.removed(ids)
        removed += len(ids)
    return removed


async def lost_recordings(recordings: Recordings, files: RecordingFiles) -> list[str]:
    """Raise OSError, StoreUnavailable."""
    stored = await in_thread(lambda: {audio.id for audio in files.stored()})
    return [id_ for id_ in await recordings.kept() if id_ not in stored and not await in_thread(has_file, files, id_)]


async def count_lost(records: Records, files: RecordingFiles) -> int:
    """Raise OSError, StoreUnavailable."""
    return sum([not await in_thread(has_file, files, id_) for id_ in await records.kept_recordings(NEWEST)])


def has_file(files: RecordingFiles, id_: str) -> bool:
    try:
        files.open(id_).close()
    except FileNotFoundError:
        return False
    return True


async def sweep_recordings(
    recordings: Recordings, files: RecordingFiles, now: datetime, kept_for: timedelta | None
) -> int:
    """Remove recordings older than `kept_for` (None: no limit), or deleted longer ago than `UNDO_FOR`.

    Returns the number of files. Raises OSError and StoreUnavailable; the rest is removed next time.
    """
    now_ms = milliseconds(now)
    before = milliseconds(now - kept_for) if kept_for is not None else 0
    deleted_until = milliseconds(now - UNDO_FOR)
    while await recordings.erase_expired(now_ms, deleted_until, before, BATCH):
        pass
    removed = await remove_files(recordings, files, now)
    await recordings.delete_remains(before)
    return removed + await in_thread(files.sweep, before / 1000)
