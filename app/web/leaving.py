"""The time between SIGTERM and the closing of the port, in which whoever watches the server sends calls elsewhere."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from structlog.typing import FilteringBoundLogger


class Leaving:
    """Whether the server is about to end: it answers, is not ready, and keeps no connection open behind an answer."""

    has_begun = False


class _Notice:
    """What SIGTERM does while the application runs.

    Args:
        leaving: told that it has begun.
        drain_s: seconds until `end`.
        end: lets the signal do what it would have done without this.
        is_alone: whether a second SIGTERM means "now". A worker gets one from its supervisor and may get another one
            from whoever ends the whole group; its supervisor says "now" by SIGINT.
        log: where to write.
    """

    def __init__(
        self, leaving: Leaving, drain_s: float, end: Callable[[], None], *, is_alone: bool, log: FilteringBoundLogger
    ) -> None:
        self._leaving = leaving
        self._drain_s = drain_s
        self._end = end
        self._is_alone = is_alone
        self._log = log
        self._timer: asyncio.TimerHandle | None = None

    def taken(self) -> None:
        """SIGTERM came."""
        if self._timer is None:
            self._leaving.has_begun = True
            self._timer = asyncio.get_running_loop().call_later(self._drain_s, self._end)
            self._log.info("leaving", drain_s=self._drain_s)
        elif self._is_alone:
            self.forget()
            self._end()

    def forget(self) -> None:
        """Wait no longer."""
        if self._timer is not None:
            self._timer.cancel()


@asynccontextmanager
async def leaving_on_sigterm(leaving: Leaving, drain_s: float, log: FilteringBoundLogger) -> AsyncIterator[None]:
    """Let SIGTERM take effect `drain_s` seconds later, for as long as the application runs.

    With 0, or where signals cannot be listened to, nothing is changed. SIGINT is left alone: it ends the server without
    such a time, also in the middle of it.
    """
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)

    def let_go() -> None:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)

    def end() -> None:
        let_go()
        signal.raise_signal(signal.SIGTERM)

    notice = _Notice(leaving, drain_s, end, is_alone=multiprocessing.parent_process() is None, log=log)
    if not drain_s or not _listens(loop, notice.taken):
        yield
        return
    try:
        yield
    finally:
        notice.forget()
        let_go()


def _listens(loop: asyncio.AbstractEventLoop, taken: Callable[[], None]) -> bool:
    try:
        loop.add_signal_handler(signal.SIGTERM, taken)
    except (NotImplementedError, RuntimeError, ValueError):  # no such signals on this system, or another thread
        return False
    return True
