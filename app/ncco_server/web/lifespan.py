"""The lifespan of the application: startup, background tasks and shutdown."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from structlog.typing import FilteringBoundLogger

from ncco_server.flow.files import is_deployed
from ncco_server.garbage import collect_rarely
from ncco_server.web.health import Readiness
from ncco_server.web.own_service import OwnService
from ncco_server.web.tasks import (
    Jobs,
    after,
    count_calls,
    either,
    first,
    look_after_calls,
    opened_store,
    running,
)
from ncco_server.web.watcher import FlowReader
from ncco_server.web.webhook_http import WebhookConfig

SWITCH_S: Final = 0.0005
"""A function that computes keeps the event loop waiting no longer. Python's 5 ms add up: a turn waits often."""


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


ALIVE_EVERY_S: Final = 5.0
"""A few times within the unit's WatchdogSec."""


async def report_to_systemd() -> None:
    """Report until cancelled; do nothing unless a `Type=notify` unit has started this process."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a socket without a file
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd:
        to_systemd.setblocking(False)
        message = b"READY=1"
        while True:
            with suppress(OSError):  # systemd is restarting, or has not read the last ones: the next one will do
                to_systemd.sendto(message, address)
                message = b"WATCHDOG=1"
            await asyncio.sleep(ALIVE_EVERY_S)


FIND_S: Final = 2.0
WATCH_EVERY_S: Final = 1.0

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def make_lifespan(config: WebhookConfig, own: OwnService, readiness: Readiness, *, owns_process: bool) -> Lifespan:
    """Open the store, read the flows and run the background tasks; at the end, close everything in reverse order."""
    settings = config.settings
    metrics = config.metrics
    log = config.log
    service = config.calls
    jobs = Jobs(metrics, log)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            if owns_process:
                collect_rarely()
                await _guard_calls(stack, config)
            opened = await enter(opened_store(service.store, log))
            stack.push_async_callback(own.close)
            await enter(running(after(opened, own.sender.run)))  # on exit, attempts get a few seconds to finish
            if settings.keeps_recordings:
                await enter(running(after(opened, partial(_keep_recordings, config, jobs))))
            programs = [Path(each) for each in settings.python_flows if is_deployed(each)]
            folders = (settings.flows, settings.templates, *programs)
            reader = FlowReader(folders, service.library, metrics, log, is_pretty=settings.log == "pretty")
            if not opened.is_set():
                await reader.read(confirms_removals=config.dev)
            was_read = asyncio.Event()
            first_read = partial(reader.read_until_kept, confirms_removals=config.dev)
            await enter(running(after(opened, partial(first, first_read, was_read))))
            if opened.is_set():
                await either(was_read, service.library.begun)
            if not was_read.is_set() and service.library.begun.is_set():
                in_use = sorted(service.library.current.flows)
                log.warning("flows not read yet", in_use=in_use, cure="shorten them, or check the folder's drive")
            if own.placer is not None:
                await enter(running(after(opened, own.placer.run)))
            await service.probe_store()
            await enter(running(jobs.every("probe-store", service.probe_store)))
            await _look_after_store(stack, config, own, jobs, opened)
            if settings.reload:
                await enter(running(after(was_read, partial(jobs.every, "watch-flows", reader.read_changes))))
            if owns_process:
                await enter(draining_on_sigterm(readiness, settings.drain_s, log))
                await enter(running(report_to_systemd()))
                gc.freeze()
            yield

    return lifespan


async def _guard_calls(stack: AsyncExitStack, config: WebhookConfig) -> None:
    """From code of flow authors, if there is any."""
    if not config.settings.python_flows and not config.settings.python_lookups:
        return
    from ncco_server.flow.handlers.limits import ALARM  # noqa: PLC0415 - only for flows with Python
    from ncco_server.service.lookup_sources import log_left_tasks  # noqa: PLC0415 - as above

    log_left_tasks(asyncio.get_running_loop())
    ALARM.set_up()
    sys.setswitchinterval(SWITCH_S)
    if not config.dev:
        await stack.enter_async_context(running(_watch_loop()))


async def _watch_loop() -> None:
    """End the process if the event loop has not come round for long; what started it does so again."""
    from ncco_server.flow.handlers.limits import watch  # noqa: PLC0415 - only for flows with Python

    try:
        while True:
            watch()
            await asyncio.sleep(WATCH_EVERY_S)
    finally:
        faulthandler.cancel_dump_traceback_later()


async def _look_after_store(
    stack: AsyncExitStack, config: WebhookConfig, own: OwnService, jobs: Jobs, opened: asyncio.Event
) -> None:
    settings = config.settings
    service = config.calls
    backup_days = 0 if config.dev or service.store.path is None else settings.backup_days
    count = partial(count_calls, service.store, config.metrics, config.clock, backup_days)
    for work in (
        partial(jobs.every, "count-calls", count),
        partial(jobs.every, "save-flows", service.library.save_used),
        partial(look_after_calls, config, own.voice, jobs),
    ):
        await stack.enter_async_context(running(after(opened, work)))


async def _keep_recordings(config: WebhookConfig, jobs: Jobs) -> None:
    """Start once there are recordings: most servers record nothing, and so load nothing."""
    for label in ("waiting", "failed", "lost"):
        config.metrics.missing_recordings.labels(label).set(0)
    folder = config.settings.recordings_folder
    while True:
        try:
            if folder is None or os.access(folder, os.F_OK) or await config.calls.store.has_recordings():
                run = await asyncio.to_thread(_recordings)
                break
        except Exception as error:  # noqa: BLE001 - a temporary error (no free file descriptor) must not end this task
            config.log.debug("recordings not looked for", problem=f"{type(error).__name__}: {error}")
        await asyncio.sleep(FIND_S)
    await run(config, jobs)


def _recordings() -> Callable[..., Awaitable[None]]:
    from ncco_server.web.recordings import run_recordings  # noqa: PLC0415 - only for servers that record

    return run_recordings
