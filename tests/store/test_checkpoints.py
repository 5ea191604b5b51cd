"""The thread that writes the log back, at the moments at which it could be lost."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from app.store.sqlite.checkpoints import AFTER_ITEMS, EVERY_S, Checkpoints
from app.store.sqlite.opening import connector

WAIT_S = 30


class MeetingEvent(threading.Event):
    """Holds the thread when it has heard, until somebody else has called as well."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.Event()
        self.called_again = threading.Event()

    def set(self) -> None:
        """Call."""
        super().set()
        if self.heard.is_set():
            self.called_again.set()

    def clear(self) -> None:
        """What the thread does once it has heard."""
        self.heard.set()
        self.called_again.wait(WAIT_S)
        super().clear()


def test_store_that_is_closed_at_the_moment_of_a_checkpoint_is_closed(path: Path) -> None:
    checkpoints = Checkpoints(path, connector(path, sqlite3.Connection, creates=True))
    checkpoints._wanted = meeting = MeetingEvent()
    checkpoints.written(AFTER_ITEMS)
    has_heard = meeting.heard.wait(WAIT_S)
    closing = threading.Thread(target=checkpoints.close, daemon=True)
    closing.start()
    closing.join(timeout=5)

    assert has_heard
    assert not closing.is_alive()


class CountingEvent(threading.Event):
    """Counts how often it was set."""

    times = 0

    def set(self) -> None:
        """Count one more."""
        self.times += 1
        super().set()


def test_log_is_written_back_after_so_many_items_but_not_all_the_time(path: Path) -> None:
    now = [100.0]
    checkpoints = Checkpoints(path, connector(path, sqlite3.Connection, creates=True), clock=lambda: now[0])
    checkpoints._wanted = wanted = CountingEvent()
    counts = []
    for items, seconds in ((AFTER_ITEMS - 1, 0), (1, 0), (10 * AFTER_ITEMS, 0), (0, EVERY_S / 2), (0, EVERY_S / 2)):
        now[0] += seconds
        checkpoints.written(items)
        counts.append(wanted.times)
    checkpoints.close()

    assert [0, 1, 1, 1, 2] == counts
