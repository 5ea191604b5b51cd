"""What the server does on signals: it drains on SIGTERM, and reads its secrets again on SIGHUP."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from structlog.typing import FilteringBoundLogger

from app.settings import Settings
from app.web.health import Readiness
from app.web.metrics import Metrics
from app.web.tasks import running
from app.web.watcher import SECRETS_POLL_S, SecretsReader, UseSecrets


@asynccontextmanager
async def draining_on_sigterm(readiness: Readiness, drain_s: float, log: FilteringBoundLogger) -> AsyncIterator[None]:
    """Delay the effect of SIGTERM by `drain_s` seconds, for as long as the application runs.

    A second SIGTERM ends the delay, except in a worker: a signal to the whole process group reaches it directly and
    again through its supervisor. SIGINT is not delayed. With 0, or outside of the main thread, nothing
    changes.
    """
    loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
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


@asynccontextmanager
async def rotating_secrets(
    settings: Settings,
    use: UseSecrets,
    metrics: Metrics,
    log: FilteringBoundLogger,
    *,
    on_hangup: Callable[[], None] = lambda: None,
    poll_s: float = SECRETS_POLL_S,
) -> AsyncIterator[None]:
    """Reload secrets while the application runs, when their files change or on SIGHUP, which also calls `on_hangup`."""
    asked = asyncio.Event()

    def hang_up() -> None:
        asked.set()
        on_hangup()

    loop = asyncio.get_running_loop()
    rotation = SecretsReader(settings, use, metrics, log)
    blocked: set[int] = set()
    async with running(rotation.run(asked, poll_s)):
        with suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):  # no such signal, or a thread
            loop.add_signal_handler(signal.SIGHUP, hang_up)
            blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one may wait since the start
        try:
            yield
        finally:
            with suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):
                signal.pthread_sigmask(signal.SIG_BLOCK, blocked & {signal.SIGHUP})
            with suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):
                loop.remove_signal_handler(signal.SIGHUP)
