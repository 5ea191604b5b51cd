"""Fetches recordings, with a log and metrics, removes old ones and looks for lost files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from structlog.typing import FilteringBoundLogger

from ncco_server.assembly import recording_files_of
from ncco_server.errors import StoreError
from ncco_server.service.media import MediaClient
from ncco_server.service.outgoing import new_client
from ncco_server.service.recording_files import RecordingFiles
from ncco_server.service.recordings import (
    NEWEST,
    PUT_BACK,
    SWEEP_S,
    Fetcher,
    FetchListener,
    count_lost,
    sweep_recordings,
)
from ncco_server.settings import Settings
from ncco_server.store import RecordingCounts, RecordingRow, Store
from ncco_server.vonage.application_token import ApplicationTokens
from ncco_server.web.metrics import Metrics
from ncco_server.web.tasks import retention_days, running

LOST_S: Final = 600.0
"""How often to look for lost files, in seconds. While files are lost, the server looks every `SWEEP_S` seconds instead,
so a fix shows up soon.
"""


class RecordingLog(FetchListener):
    """Logs and counts recordings. The log contains no data of calls."""

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._metrics = metrics
        self._log = log

    def fetched(self, row: RecordingRow, next_s: float | None) -> None:
        """Report an attempt to fetch a recording."""
        about = {"id": row.id, "kind": row.kind, "session": row.session, "tries": row.tries}
        if not row.problem:
            self._metrics.recording_tries.labels("kept").inc()
            self._log.info("recording kept", **about)
        elif next_s is not None:
            self._metrics.recording_tries.labels("failed").inc()
            self._log.warning("recording not fetched", **about, problem=row.problem, next_try_s=round(next_s))
        else:
            self._metrics.recording_tries.labels("given up").inc()
            self._log.error("recording given up", **about, problem=row.problem, cure=row.cure)

    def counted(self, counts: RecordingCounts) -> None:
        """Report the numbers of waiting and failed recordings."""
        self._metrics.missing_recordings.labels("waiting").set(counts.waiting)
        self._metrics.missing_recordings.labels("failed").set(counts.failed)

    def troubled(self, problem: str) -> None:
        """Report that the store was unavailable."""
        self._log.error("recordings not fetched", problem=problem)


async def run_recordings(
    settings: Settings, store: Store, metrics: Metrics, log: FilteringBoundLogger, clock: Callable[[], datetime]
) -> None:
    """Fetch recordings, remove old ones and look for lost files until cancelled."""
    files = recording_files_of(settings)
    if files is None:
        return
    media = _media(settings, log)
    fetcher = Fetcher(store.recordings, files, media, listener=RecordingLog(metrics, log), clock=clock)
    try:
        remove = remove_old_recordings(settings.retention_days, files, store, log, clock)
        async with running(fetcher.run()), running(remove), running(watch_files(store, files, metrics, log)):
            await asyncio.Event().wait()
    finally:
        await fetcher.close()


def _media(settings: Settings, log: FilteringBoundLogger) -> MediaClient | None:
    """What downloads recordings; None without the application and its key."""
    key = settings.private_key.get_secret_value()
    if not (key and settings.application_id):
        return None
    try:
        tokens = ApplicationTokens(settings.application_id, key)
    except ValueError as error:
        cure = "copy the application's private.key again, and restart the server"
        log.warning("recordings not fetched", problem=f"VONAGE_PRIVATE_KEY {error}", cure=cure)
        return None
    return MediaClient(new_client(settings.private_hosts), tokens, settings.media_url)


async def remove_old_recordings(
    setting: int | None, files: RecordingFiles, store: Store, log: FilteringBoundLogger, clock: Callable[[], datetime]
) -> None:
    """Regularly remove deleted and expired recordings."""
    days = await retention_days(setting, store)
    kept_for = timedelta(days=days) if days else None
    while True:
        try:
            if removed := await sweep_recordings(store.recordings, files, clock(), kept_for):
                log.info("recordings removed", files=removed)
        except (StoreError, OSError) as error:
            log.warning("recordings not removed", problem=str(error))
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end this task
            log.warning("recordings not removed", problem=f"{type(error).__name__}: {error}")
        await asyncio.sleep(SWEEP_S)


async def watch_files(store: Store, files: RecordingFiles, metrics: Metrics, log: FilteringBoundLogger) -> None:
    """Regularly count how many of the newest recordings have lost their files."""
    lost = 0
    while True:
        before = lost
        try:
            async with store.records() as records:
                lost = await count_lost(records, files)
            metrics.missing_recordings.labels("lost").set(lost)
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end this task
            log.warning("recordings not checked", problem=f"{type(error).__name__}: {error}")
        if lost > before:
            log.error(
                "recordings lost",
                problem=f"{lost} have no file; only the newest {NEWEST} were checked",
                cure=PUT_BACK,
            )
        await asyncio.sleep(SWEEP_S if lost else LOST_S)
