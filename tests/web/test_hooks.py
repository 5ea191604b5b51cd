"""Hooks go out while the application runs; each try is counted and logged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from app.service.outbox import Verdict
from app.settings import load_settings
from app.store import HookCounts
from app.web.hooks import Teller, sending
from app.web.metrics import Metrics
from tests.store.memory_store import MemoryStore
from tests.store.stored_rows import hook_row
from tests.unit.service.outbox_kit import put, until
from tests.unit.service.receiver import Receiver, receiving

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def told(verdict: Verdict, next_s: float | None) -> tuple[Metrics, list[Any]]:
    """What is counted and logged of one try."""
    metrics = Metrics()
    with capture_logs() as lines:
        Teller(metrics, structlog.get_logger()).tried(hook_row("msg_1", tries=3), verdict, next_s)
    return metrics, list(lines)


def tries(metrics: Metrics, outcome: str) -> float | None:
    return metrics.registry.get_sample_value("ncco_hook_tries_total", {"outcome": outcome})


ABOUT = {"hook": "voicemail_saved", "id": "msg_1", "session": "leg-1", "tries": 3}


def test_sent_hook_is_counted_and_logged() -> None:
    metrics, lines = told(Verdict("sent"), None)

    assert 1 == tries(metrics, "sent")
    assert [{"event": "hook sent", "log_level": "info", **ABOUT}] == lines


def test_failed_hook_is_counted_and_logged_with_its_next_try() -> None:
    metrics, lines = told(Verdict("again", "status 500"), 20.4)

    assert 1 == tries(metrics, "failed")
    assert [
        {"event": "hook not sent", "log_level": "warning", **ABOUT, "problem": "status 500", "next_try_s": 20}
    ] == lines


@pytest.mark.parametrize("verdict", [Verdict("never", "status 410"), Verdict("again", "status 410")])
def test_parked_hook_is_counted_and_logged_with_its_cure(verdict: Verdict) -> None:
    metrics, lines = told(verdict, None)

    cure = "see to its receiver, then `ncco hooks retry msg_1`"

    assert 1 == tries(metrics, "parked")
    assert [{"event": "hook parked", "log_level": "error", **ABOUT, "problem": "status 410", "cure": cure}] == lines


def test_what_is_kept_is_a_gauge() -> None:
    metrics = Metrics()
    Teller(metrics, structlog.get_logger()).counted(HookCounts(5, 2))

    assert 5 == metrics.registry.get_sample_value("ncco_hooks", {"state": "waiting"})
    assert 2 == metrics.registry.get_sample_value("ncco_hooks", {"state": "parked"})


def test_store_that_is_away_is_logged() -> None:
    with capture_logs() as lines:
        Teller(Metrics(), structlog.get_logger()).troubled("the disk is full")

    assert [{"event": "hooks not sent", "log_level": "error", "problem": "the disk is full"}] == lines


async def test_what_waits_is_sent_signed_by_the_settings(receiver: Receiver) -> None:
    store, metrics = MemoryStore(), Metrics()
    await store.open()
    await put(store, hook_row("msg_1", url=f"{receiver.url}/told"))
    settings = load_settings(None, hook_secret=SECRET)
    async with sending(settings, store, metrics, structlog.get_logger()):
        await until(lambda: tries(metrics, "sent"))

    [post] = receiver.posts

    assert {"type": "voicemail_saved"} == Webhook(SECRET).verify(post.body, post.headers)
    assert [] == await store.hooks(10)


async def test_last_try_of_the_settings_parks(receiver: Receiver) -> None:
    store, metrics = MemoryStore(), Metrics()
    await store.open()
    await put(store, hook_row("msg_1", url="http://127.0.0.1:1/"))
    async with sending(load_settings(None, hook_tries=1), store, metrics, structlog.get_logger()):
        await until(lambda: tries(metrics, "parked"))

    assert HookCounts(0, 1) == await store.count_hooks()
