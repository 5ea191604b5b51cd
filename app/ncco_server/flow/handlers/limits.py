"""One alarm for handlers that hold up all calls, and one watchdog for what the alarm does not end."""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

LIMIT_S: Final = 1.0
"""How long a handler may run without a wait; our choice. Other callers wait meanwhile."""
STUCK_S: Final = 10.0
"""After how long without a turn of the event loop the watchdog ends the process; our choice."""
MAY_STAY: Final = "may stay"
"""How the names of threads begin that may still run when the process ends."""
_STDERR: Final = 2


class TooLong(BaseException):
    """Not an `Exception`, so that a handler that ran too long does not catch it by mistake."""


class Alarm:
    """Raises TooLong once in a handler that runs for LIMIT_S in the thread that has set it up."""

    def __init__(self) -> None:
        self._thread = 0
        self._is_running = False

    def set_up(self) -> None:
        """In the main thread of a process that is this server's own."""
        signal.signal(signal.SIGALRM, self._ring)
        self._thread = threading.get_ident()

    def run(self, work: Callable[[Any], None], argument: Any) -> None:
        if self._is_running or threading.get_ident() != self._thread:
            work(argument)
            return
        self._is_running = True
        signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
        try:
            work(argument)
        finally:
            self._is_running = False
            signal.alarm(0)

    def _ring(self, *_: object) -> None:
        if self._is_running:
            raise TooLong


ALARM: Final = Alarm()


def watch() -> None:
    """End the process, with all stacks, unless this is called again within STUCK_S."""
    faulthandler.dump_traceback_later(STUCK_S, file=_STDERR, exit=True)


def without_loop(work: Callable[[Any], None], argument: Any) -> None:
    """Do work whose asynchronous generators the event loop does not get: it would run their ends later."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        ALARM.run(work, argument)
    finally:
        sys.set_asyncgen_hooks(*hooks)
