"""Writes that another transaction keeps waiting, so that those after them share a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.postgres_stores import ask

WHAT_CALLS_HAVE = """
    SELECT id,
           (SELECT count(*) FROM turns WHERE call_key = calls.key),
           (SELECT count(*) FROM webhooks WHERE call_key = calls.key)
    FROM calls
    ORDER BY key
"""
WHO_WAITS = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def waits_in_postgres() -> bool:
    return bool(ask(WHO_WAITS))


def waits_in_sqlite() -> bool:
    """Whether a group has started that another process blocks."""
    return any(task.get_name().startswith("writer of ") for task in asyncio.all_tasks())


async def until(claim: Callable[[], bool]) -> None:
    """Wait for a condition that nothing signals."""
    async with asyncio.timeout(30):
        while not claim():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.01)


async def start(is_waiting: Callable[[], bool], *writes: Coroutine[Any, Any, object]) -> list[asyncio.Task[object]]:
    """Start writes in this order: the first one on its own, the others wait for its commit and then share one."""
    first = asyncio.ensure_future(writes[0])
    await until(is_waiting)
    others = [asyncio.ensure_future(write) for write in writes[1:]]
    await asyncio.sleep(0)
    return [first, *others]
