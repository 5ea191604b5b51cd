"""Hooks are sent while the application runs; each try is counted and logged."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from ncco_server.service.outbox import Verdict
from ncco_server.store import HookCounts
from ncco_server.web.metrics import Metrics
from ncco_server.web.own_service import HookLog
from tests.support.stored_rows import hook_row

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


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

    cure = "check its receiver, then `ncco hooks retry msg_1`"

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
