"""The lifespan of the application: startup, background tasks and shutdown."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from fastapi import FastAPI

from ncco_server.garbage import collect_rarely
from ncco_server.web.health import Readiness
from ncco_server.web.own_service import OwnService
from ncco_server.web.recordings import watch_files
from ncco_server.web.signals import draining_on_sigterm
from ncco_server.web.tasks import (
    after,
    count_calls,
    delete_old_calls,
    either,
    end_unended_calls,
    first,
    keep_results,
    opened_store,
    remove_old_recordings,
    running,
)
from ncco_server.web.watcher import FlowReader, watch_flows
from ncco_server.web.webhook_http import WebhookConfig

LONGEST_PRELOAD_S: Final = 5.0
"""How long startup waits for the older revisions of open calls to load, in seconds. Our choice: until then, all callers
are turned away. The rest are loaded while the server runs, and callers who need them wait.
"""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def make_lifespan(config: WebhookConfig, own: OwnService, readiness: Readiness) -> Lifespan:
    """Make the lifespan of the application.

    It opens the store, reads the flows and runs the background tasks. At the end, it closes everything in
    reverse order.
    """
    settings = config.settings
    metrics = config.metrics
    log = config.log
    clock = config.clock
    service = config.calls

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            collect_rarely()
            opened = await enter(opened_store(service.store, log))
            stack.push_async_callback(own.lookups.close)
            stack.push_async_callback(own.poster.client.aclose)
            stack.push_async_callback(own.voice_client.aclose)
            await enter(running(after(opened, own.sender.run)))  # on exit, attempts get a few seconds to finish
            if (fetcher := own.fetcher) is not None:
                stack.push_async_callback(fetcher.close)
                await enter(running(after(opened, fetcher.run)))
                remove = partial(remove_old_recordings, settings.retention_days, fetcher, service.store, log, clock)
                await enter(running(after(opened, remove)))
                look = partial(watch_files, service.store, fetcher.files, metrics, log)
                await enter(running(after(opened, look)))
            folders = (settings.flows, settings.templates)
            reader = FlowReader(folders, service.library, metrics, log, is_pretty=settings.log == "pretty")
            if not opened.is_set():
                await reader.read(confirms_removals=config.dev)
            was_read = asyncio.Event()
            first_read = partial(reader.read_until_kept, confirms_removals=config.dev)
            await enter(running(after(opened, partial(first, first_read, was_read))))
            if opened.is_set():
                await either(was_read, service.library.begun)
                await service.library.preloaded(LONGEST_PRELOAD_S)
            if not was_read.is_set() and service.library.begun.is_set():
                in_use = sorted(service.library.current.flows)
                log.warning("flows not read yet", in_use=in_use, cure="shorten them, or check the folder's drive")
            if own.placer is not None:
                await enter(running(after(opened, own.placer.run)))
            await readiness.probe()
            await enter(running(readiness.probe_forever()))
            await _look_after_calls(stack, config, own, opened)
            if settings.reload:
                await enter(running(after(was_read, partial(watch_flows, reader))))
            await enter(draining_on_sigterm(readiness, settings.drain_s, log))
            gc.freeze()
            yield

    return lifespan


async def _look_after_calls(
    stack: AsyncExitStack, config: WebhookConfig, own: OwnService, opened: asyncio.Event
) -> None:
    """Start the tasks that count stored calls, end them, keep their results and delete them."""
    settings = config.settings
    service = config.calls
    log = config.log
    clock = config.clock
    backup_days = 0 if config.dev or settings.has_memory_store else settings.backup_days
    looked = asyncio.Event()  # old calls are only deleted after the first search for missed ends of calls
    kept = asyncio.Event()  # and after the first search for calls without results, which are kept
    delete = partial(delete_old_calls, settings.retention_days, service, log, clock)
    end = partial(end_unended_calls, settings.retention_days, service, own.voice, looked, log=log, clock=clock)
    for work in (
        count_calls(service.store, config.metrics, log, clock, backup_days=backup_days),
        after(opened, partial(keep_results, service, kept, log=log, clock=clock)),
        after(opened, end),
        after(looked, partial(after, kept, delete)),
    ):
        await stack.enter_async_context(running(work))
