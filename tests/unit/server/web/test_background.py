"""Hooks and jobs while the application runs: each is counted and logged, and none stops the server from ending."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from ncco_server.service.outbox import Verdict
from ncco_server.settings import Settings
from ncco_server.store import HookCounts, milliseconds, open_store
from ncco_server.web.app import create_app
from ncco_server.web.metrics import Metrics
from ncco_server.web.own_service import HookLog
from ncco_server.web.tasks import Jobs
from tests.support.stored_rows import hook_row, new_call


def told(verdict: Verdict, next_s: float | None) -> tuple[Metrics, list[Any]]:
    """The counters and log lines of one try."""
    metrics = Metrics()
    with capture_logs() as lines:
        HookLog(metrics, structlog.get_logger()).tried(hook_row("msg_1", tries=3), verdict, next_s)
    return metrics, list(lines)


def tries(metrics: Metrics, outcome: str) -> float | None:
    return metrics.registry.get_sample_value("ncco_hook_tries_total", {"outcome": outcome})


ABOUT = {"hook": "voicemail_saved", "id": "msg_1", "session": "leg-1", "tries": 3}


def test_failed_hook_is_counted_and_logged_with_its_next_try() -> None:
    metrics, lines = told(Verdict("again", "status 500"), 20.4)

    assert 1 == tries(metrics, "failed")
    assert [
        {"event": "hook not sent", "log_level": "warning", **ABOUT, "problem": "status 500", "next_try_s": 20}
    ] == lines


@pytest.mark.parametrize("verdict", [Verdict("never", "status 410"), Verdict("again", "status 410")])
def test_a_parked_hook_is_counted_and_logged_with_a_fix(verdict: Verdict) -> None:
    metrics, lines = told(verdict, None)

    cure = "solve this, then run `ncco hooks retry msg_1`"

    assert 1 == tries(metrics, "parked")
    assert [{"event": "hook parked", "log_level": "error", **ABOUT, "problem": "status 410", "cure": cure}] == lines


def test_the_number_of_stored_hooks_is_a_gauge() -> None:
    metrics = Metrics()
    HookLog(metrics, structlog.get_logger()).counted(HookCounts(5, 2))

    assert 5 == metrics.registry.get_sample_value("ncco_hooks", {"state": "waiting"})
    assert 2 == metrics.registry.get_sample_value("ncco_hooks", {"state": "parked"})


def test_an_unavailable_store_is_logged() -> None:
    with capture_logs() as lines:
        HookLog(Metrics(), structlog.get_logger()).troubled("the disk is full")

    assert [{"event": "hooks not sent", "log_level": "warning", "problem": "the disk is full"}] == lines


CALLS = 1_000
WITHIN_S = 60.0


def since(metrics: Metrics, job: str) -> float | None:
    return metrics.registry.get_sample_value("ncco_job_failing_since_timestamp_seconds", {"name": job})


def jobs_of(metrics: Metrics) -> Jobs:
    return Jobs(metrics, structlog.get_logger())


def test_a_job_that_fails_again_and_again_is_shown_since_its_first_run_and_logged_once_for_each_problem() -> None:
    metrics = Metrics()
    jobs = jobs_of(metrics)
    shown = []
    with capture_logs() as lines:
        for problem in ("it is locked", "it is locked", "it is full", ""):
            jobs.began("delete-calls")
            shown.append(since(metrics, "delete-calls"))
            jobs.ended("delete-calls", problem)

    assert ["it is locked", "it is full"] == [line["problem"] for line in lines]
    assert shown[0]
    assert 1 == len(set(shown))
    assert 0 == since(metrics, "delete-calls") == since(metrics, "end-calls")


def test_a_job_that_does_not_end_is_shown() -> None:
    metrics = Metrics()
    jobs_of(metrics).began("delete-calls")

    assert since(metrics, "delete-calls")


async def test_a_server_can_stop_while_a_job_runs(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    url = f"sqlite:///{tmp_path}/calls.db"
    at = milliseconds(datetime.now(UTC) - timedelta(days=100))
    async with open_store(url) as store:
        calls = (new_call(f"leg-{number}", is_over=True, created_at=at, updated_at=at) for number in range(CALLS))
        await asyncio.gather(*(store.open_call(*call) for call in calls))
    app = create_app(Settings(flows=tmp_path / "flows", database_url=url, insecure=True))
    async with asyncio.timeout(WITHIN_S):
        async with app.router.lifespan_context(app), open_store(url).records() as records:
            while len(await records.calls(CALLS)) == CALLS:  # noqa: ASYNC110 - old calls are deleted by SQL
                await asyncio.sleep(0.01)
    async with open_store(url) as store, store.records() as records:
        left = await records.calls(CALLS)

    assert 0 < len(left) < CALLS
