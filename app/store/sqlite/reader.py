"""Reads of single calls, in the event loop's own thread.

A read by key takes some 10 µs, a hop to another thread and back ten times as long. In WAL mode a reader never waits for
a writer; in the rare moments in which SQLite does ask it to wait (another process recovers the log after a crash) it
waits here, without holding up the loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.store.sqlite.faults import is_busy, unavailable
from app.store.sqlite.opening import Connect

_WAIT_BETWEEN_TRIES_S = 0.01


class Reader:
    """One connection for reading, used by one event loop.

    Args:
        path: the file, for messages.
        connect: makes a connection to it.
        busy_ms: how long to try again.
    """

    def __init__(self, path: Path, connect: Connect, busy_ms: int) -> None:
        self._path = path
        self._busy_ms = busy_ms
        self._connect = connect
        self._connection: sqlite3.Connection | None = None

    async def read(self, sql: str, values: tuple[object, ...] | Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Every row of a query, as of the last commit. Raises StoreUnavailable."""
        until = time.monotonic() + self._busy_ms / 1000
        while True:
            try:
                if self._connection is None:
                    self._connection = self._connect(0)
                # All rows at once: a cursor left half read would hold the log and see old data.
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                if not is_busy(error) or time.monotonic() > until:
                    raise unavailable(self._path, error) from error
            await asyncio.sleep(_WAIT_BETWEEN_TRIES_S)

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
