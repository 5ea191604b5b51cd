"""Fetches recordings, removes old ones and looks for lost files."""

from __future__ import annotations

from typing import Final

from structlog.typing import FilteringBoundLogger

from ncco_server.assembly import recording_files_of
from ncco_server.service.jobs import Job
from ncco_server.service.media import MediaClient
from ncco_server.service.outgoing import new_client
from ncco_server.service.recording_files import RecordingFiles
from ncco_server.service.recordings import NEWEST, PUT_BACK, Fetcher, FetchListener, count_lost, sweep_recordings
from ncco_server.settings import Settings
from ncco_server.store import RecordingCounts, RecordingRow, Store
from ncco_server.web.metrics import Metrics
from ncco_server.web.placing import application_tokens
from ncco_server.web.tasks import Jobs, running
from ncco_server.web.webhook_http import WebhookConfig

LOST_S: Final = 60.0
"""While files are lost, so that a fix shows soon."""


class RecordingLog(FetchListener):
    """Logs and counts recordings, without data of calls."""

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._metrics = metrics
        self._log = log

    def fetched(self, row: RecordingRow, next_s: float | None) -> None:
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
        self._metrics.missing_recordings.labels("waiting").set(counts.waiting)
        self._metrics.missing_recordings.labels("failed").set(counts.failed)

    def troubled(self, problem: str) -> None:
        self._log.warning("recordings not fetched", problem=problem)


async def run_recordings(config: WebhookConfig, jobs: Jobs) -> None:
    settings = config.settings
    store = config.calls.store
    log = config.log
    files = recording_files_of(settings)
    if files is None:
        return
    listener = RecordingLog(config.metrics, log)
    fetcher = Fetcher(store.recordings, files, _media(settings, log), listener=listener, clock=config.clock)
    check = file_check(store, files, config.metrics, log)

    async def remove() -> None:
        if removed := await sweep_recordings(store.recordings, files, config.clock(), settings.kept_for):
            log.info("recordings removed", files=removed)

    try:
        async with (
            running(jobs.every("remove-recordings", remove)),
            running(jobs.every("check-recordings", check)),
        ):
            await fetcher.run()
    finally:
        await fetcher.close()


def _media(settings: Settings, log: FilteringBoundLogger) -> MediaClient | None:
    if settings.missing_to_fetch:
        return None
    key = settings.private_key.get_secret_value()
    tokens = application_tokens(settings.application_id, key, log, "recordings not fetched")
    return MediaClient(new_client(settings.private_hosts), tokens, settings.media_url) if tokens is not None else None


def file_check(store: Store, files: RecordingFiles, metrics: Metrics, log: FilteringBoundLogger) -> Job:
    lost = 0

    async def check() -> float | None:
        nonlocal lost
        before = lost
        async with store.records() as records:
            lost = await count_lost(records, files)
        metrics.missing_recordings.labels("lost").set(lost)
        if lost > before:
            log.error(
                "recordings lost",
                problem=f"{lost} have no file; only the newest {NEWEST} were checked",
                cure=PUT_BACK,
            )
        return LOST_S if lost else None

    return check
