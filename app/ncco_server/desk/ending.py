"""Ends the process of a command, whatever authors' code has left: threads, tasks, `atexit` functions, finalisers."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Final

STOPPED_S: Final = 14.0
"""A server gets this long for its last requests and writes, and for what is left. What stops it allows 15 s."""
FINALISERS_S: Final = 0.5
"""The later end while Python deletes its last objects, when no thread runs."""
_STDERR: Final = 2


class Ending:
    """The end of this process."""

    def __init__(self) -> None:
        self._due: float | None = None

    def limit(self) -> None:
        """Let what is left run for STOPPED_S."""
        self._due = time.monotonic() + STOPPED_S
        timer = threading.Timer(STOPPED_S, _end, (0,))
        timer.daemon = True
        timer.start()

    def prepare(self, code: int) -> None:
        """End the process at once if a thread would keep it, or make it abort; its `atexit` functions don't run.

        Python ends daemon threads by force, and the process aborts if an extension in Rust, such as pydantic's, has
        called an author's code there. A finaliser that holds the process ends it with a traceback.
        """
        if self._due is not None:
            left_s = max(self._due - time.monotonic(), 0) + FINALISERS_S
            faulthandler.dump_traceback_later(left_s, file=_STDERR, exit=True)
        threads = threading.enumerate()
        if len(threads) == 1:
            return
        from ncco_server.flow.handlers.limits import MAY_STAY  # noqa: PLC0415 - most commands end without these 10 ms

        keeps = any(not each.daemon and each is not threading.main_thread() for each in threads)
        if any(each.name.startswith(MAY_STAY) for each in threads) or (keeps and self._due is None):
            _end(code)


def _end(code: int) -> None:
    with suppress(OSError, ValueError):  # nobody may read them anymore
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


ENDING: Final = Ending()
"""Of the command that runs."""
