"""Drains the server on SIGTERM, while uvicorn serves; before and after, `ncco_server.web.server` handles it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from structlog.typing import FilteringBoundLogger

from ncco_server.web.health import Readiness


@asynccontextmanager
async def draining_on_sigterm(readiness: Readiness, drain_s: float, log: FilteringBoundLogger) -> AsyncIterator[None]:
    """Delay the effect of SIGTERM by `drain_s` seconds, or until a second one.

    With 0 seconds, or outside the main thread, this does nothing.
    """
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)
    timer: asyncio.TimerHandle | None = None

    def restore() -> None:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)

    def end() -> None:
        restore()
        signal.raise_signal(signal.SIGTERM)

    def on_sigterm() -> None:
        nonlocal timer
        if timer is None:
            readiness.is_draining = True
            timer = loop.call_later(drain_s, end)
            log.info("leaving", drain_s=drain_s)
        else:
            timer.cancel()
            end()

    if not drain_s:
        yield
        return
    try:
        loop.add_signal_handler(signal.SIGTERM, on_sigterm)
    except (NotImplementedError, RuntimeError, ValueError):  # no such signals in this system, or not the main thread
        yield
        return
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        restore()
