"""Writes the write-ahead log back into the database file, beside the thread that writes.

SQLite would do it within a commit, while callers wait: that takes some milliseconds, or a hundred where a disk is slow.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.store.sqlite.opening import Connect

AFTER_ITEMS: Final = 250
"""Items after which the log is written back; it then holds some 2 MB.

The disk is busy with their pages for a while, and commits wait for it: with a million stored calls each item has a page
of its own in an index. Few pages are a short wait.
"""

EVERY_S: Final = 0.25
"""Seconds from one time to the next: where thousands of items come a second, many pages at once are less work."""

ROUNDS: Final = 3
"""How often to go on with what was written meanwhile."""

FEW_FRAMES: Final = 256
"""Pages (4 KiB each) that the writer may well write back itself, which takes a few milliseconds."""

CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
"""Waits for nobody, and nobody waits for it. Gives whether it was in another one's way, the pages in the log, and how
many of them are written back."""


class Checkpoints:
    """A thread that starts with the first need, and its connection.

    The log begins anew when every page of it is written back, and while one page after the other comes in that never
    happens by itself. So the writer does the last pages, when `is_nearly_done` says that few are left.

    A checkpoint that fails costs nothing but room: the next one takes over its work, and a disk that is full or broken
    is noticed by the commits.
    """

    def __init__(self, path: Path, connect: Connect, clock: Callable[[], float] = time.monotonic) -> None:
        self._connect = connect
        self._clock = clock
        self._name = f"checkpoints of {path.name}"
        self._items = 0
        self._due = float("-inf")
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self.is_nearly_done = False

    def written(self, items: int) -> None:
        """Count what was committed; called by the writer's thread."""
        self._items += items
        if self._items >= AFTER_ITEMS and (now := self._clock()) >= self._due:
            self._items, self._due = 0, now + EVERY_S
            self._wanted.set()
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                with suppress(RuntimeError):  # the machine has no more threads: the next need tries again
                    thread.start()
                    self._thread = thread

    def finish(self, connection: sqlite3.Connection) -> None:
        """Write back what is left, on the writer's connection and between its transactions."""
        self.is_nearly_done = False
        with suppress(sqlite3.Error):
            connection.execute(CHECKPOINT).fetchall()

    def close(self) -> None:
        """End the thread. Blocks; called by the writer's thread."""
        if self._thread is not None:
            self._is_closing = True
            self._wanted.set()
            self._thread.join()

    def _run(self) -> None:
        connection = None
        while self._is_wanted():
            with suppress(sqlite3.Error):
                connection = connection or self._connect(0)
                _write_back(connection)
                self.is_nearly_done = True
        if connection is not None:
            connection.close()

    def _is_wanted(self) -> bool:
        """Wait for the next need; False: there will be none. What comes after the look at the end is not cleared."""
        self._wanted.wait()
        self._wanted.clear()
        return not self._is_closing


def _write_back(connection: sqlite3.Connection) -> None:
    """Write back what the log holds until little came in meanwhile. SQLite tells only of what it began with."""
    before = 0
    for _ in range(ROUNDS):
        _, _, done = connection.execute(CHECKPOINT).fetchall()[0]
        if done - before <= FEW_FRAMES:
            return
        before = done
