"""SIGTERM at the moments at which uvicorn does not listen to it: before it begins to, and when it raises it again."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stop:
    """Whether the server shall end, and who is told so.

    Nothing is raised by the signal: Python drops what is raised while it collects garbage, and the stop with it.
    """

    def __init__(self) -> None:
        self._is_asked_for = False
        self._tell: Callable[[], None] | None = None

    def ask(self) -> None:
        """The signal came."""
        self._is_asked_for = True
        if self._tell is not None:
            self._tell()

    def tell(self, tell: Callable[[], None]) -> None:
        """Call `tell` when the server shall end, also when that was asked for already."""
        self._tell = tell
        if self._is_asked_for:
            tell()


@contextmanager
def stopping() -> Iterator[Stop]:
    """Let a stop that is asked for be a normal end; uvicorn raises each signal again once it is done."""
    stop = Stop()
    before = signal.signal(signal.SIGTERM, lambda *_: stop.ask())
    try:
        yield stop
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
