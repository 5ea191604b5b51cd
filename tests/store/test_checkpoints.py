"""The thread that writes the log back, at the moments at which it could be lost."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from app.store.sqlite.checkpoints import AFTER_ITEMS, Checkpoints
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
