"""A store that is unavailable when the server starts."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from ncco_server.errors import StoreUnavailable, StoreUnusable
from ncco_server.web.tasks import after, opened_store
from tests.support.memory_store import MemoryStore

AWAY = StoreUnavailable("it cannot be reached", "see that it runs")
STRANGE = StoreUnusable("it belongs to another program", "name another one")


class Scripted(MemoryStore):
    """A store with a scripted opening: exceptions are raised, numbers are slept."""

    def __init__(self, *script: Exception | float) -> None:
        super().__init__()
        self.script = list(script)
        self.closed = 0

    async def open(self) -> None:
        step = self.script.pop(0) if self.script else 0.0
        if isinstance(step, Exception):
            raise step
        await asyncio.sleep(step)
        await super().open()

    async def close(self) -> None:
        self.closed += 1
        await super().close()


async def seen(store: Scripted, patience_s: float = 30.0) -> tuple[list[bool], list[MutableMapping[str, Any]]]:
    """Whether it was open at first and in the end, and what was logged."""
    with capture_logs() as lines:
        async with opened_store(store, structlog.get_logger(), patience_s=patience_s, retry_s=0.001) as opened:
            at_first = opened.is_set()
            await asyncio.wait_for(after(opened, store.check), 30)
            return [at_first, opened.is_set()], lines


async def test_an_available_store_is_open_at_once() -> None:
    store = Scripted()

    assert ([True, True], []) == await seen(store)
    assert 1 == store.closed


async def test_an_unavailable_store_is_reported_once_with_a_fix_and_used_when_it_is_back() -> None:
    states, lines = await seen(Scripted(AWAY, AWAY, AWAY))

    assert [False, True] == states
    assert ["store away", "store opened"] == [line["event"] for line in lines]
    assert ("it cannot be reached", "see that it runs") == (lines[0]["problem"], lines[0]["cure"])


async def test_another_problem_is_reported_too() -> None:
    _, lines = await seen(Scripted(AWAY, StoreUnavailable("it is full"), STRANGE, KeyError("x")))

    assert ["it cannot be reached", "it is full", "it belongs to another program", "KeyError: 'x'"] == [
        line["problem"] for line in lines if line["event"] == "store away"
    ]


async def test_an_unusable_store_fails_the_start() -> None:
    with capture_logs() as lines, pytest.raises(StoreUnusable):
        async with opened_store(Scripted(STRANGE), structlog.get_logger()):
            pass

    assert [("store unusable", str(STRANGE), STRANGE.cure)] == [
        (line["event"], line["problem"], line["cure"]) for line in lines
    ]


async def test_a_slow_store_delays_nobody() -> None:
    states, lines = await seen(Scripted(0.2), patience_s=0.01)

    assert [False, True] == states
    assert ["store opened"] == [line["event"] for line in lines]


async def test_waiting_for_a_store_stops_when_the_server_stops() -> None:
    store = Scripted(300.0)
    async with asyncio.timeout(30), opened_store(store, structlog.get_logger(), patience_s=0.01) as opened:
        is_done = opened.is_set()

    assert (False, 1) == (is_done, store.closed)
