"""Draining on SIGTERM.

Who handles a signal, in a server of one process:

    before and after uvicorn serves    SIGTERM          `app.web.server` ends the server quietly
    while it serves                    SIGTERM          `draining_on_sigterm`, if there is a time to drain; then uvicorn
                                       second SIGTERM   `draining_on_sigterm` hands it to uvicorn immediately
                                       SIGINT           uvicorn
    always                             SIGHUP           nobody

With several workers their supervisor, `app.web.server.Workers`, passes SIGTERM on to them, and SIGINT in place of a
second SIGTERM; each worker does the above. A worker whose supervisor was killed sends itself SIGINT.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from structlog.typing import FilteringBoundLogger

from app.web.health import Readiness


@asynccontextmanager
async def draining_on_sigterm(readiness: Readiness, drain_s: float, log: FilteringBoundLogger) -> AsyncIterator[None]:
    """Delay the effect of SIGTERM by `drain_s` seconds while the application runs.

    A second SIGTERM ends the delay, except in a worker: a signal to the whole process group reaches it directly and
    again through its supervisor. SIGINT is not delayed. With 0, or outside the main thread, nothing changes.
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
        elif multiprocessing.parent_process() is None:
            timer.cancel()
            end()

    if not drain_s:
        yield
        return
    try:
        loop.add_signal_handler(signal.SIGTERM, on_sigterm)
    except (NotImplementedError, RuntimeError, ValueError):  # no such signals on this system, or another thread
        yield
        return
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        restore()
