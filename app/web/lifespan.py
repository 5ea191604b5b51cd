"""What happens when the application starts and stops."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from fastapi import FastAPI

from app.service.calls import CallService
from app.service.lookups import LookupAnswerer, LookupClient, TurnLookups
from app.service.outbox import Poster, Schedule, Sender, Signer
from app.service.outgoing import new_client
from app.settings import Settings
from app.web.background import CountedAsking, HookLog, after, count_calls, make_sweeper, open_store, running
from app.web.drain import Drain, draining_on_sigterm
from app.web.flow_watcher import FlowReader, watch_flows
from app.web.health import Readiness
from app.web.rotation import rotating_secrets
from app.web.webhooks import WebhookConfig

COLLECT_AFTER: Final = 50_000
"""New objects after which Python looks for cycles; the default is 700. Flows and libraries are many objects that stay:
looking at them again and again takes a good part of the processor time of an answer (docs/performance.md)."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def make_lifespan(config: WebhookConfig, service: CallService, readiness: Readiness, drain: Drain) -> Lifespan:
    """Opens the store, reads the flows, and runs the background tasks; closes in the reverse order."""
    settings, metrics, log, clock = config.settings, config.metrics, config.log, config.clock

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            if config.telemetry is not None:
                stack.push_async_callback(config.telemetry.close)
            opened = await enter(open_store(service.store, log))
            signer = Signer(settings.hook_secrets)
            sender = await enter(_sending_hooks(config, service, signer, opened))
            service.hooks_written = sender.wake
            asking = await enter(_asking_lookups(config))
            service.look_ups = lambda: TurnLookups(asking).ask

            reader = FlowReader((settings.flows, settings.templates), service.library, metrics, log)
            first_read = partial(reader.read_until_kept, confirms_removals=config.dev)
            if opened.is_set():
                await first_read()
            else:
                await reader.read(confirms_removals=config.dev)
                await enter(running(after(opened, first_read)))
            await readiness.probe()
            await enter(running(readiness.probe_forever()))
            await enter(running(count_calls(service.store, metrics, log, clock)))
            if settings.retention_days is not None:
                sweeper = make_sweeper(settings.retention_days, service, log, clock)
                await enter(running(after(opened, sweeper.run)))
            if settings.reload:
                await enter(running(after(opened, partial(watch_flows, reader))))
            confirmed = asyncio.Event()
            await enter(running(_confirm_removals(confirmed, reader, reads=settings.reload)))
            use_secrets = partial(_use_secrets, config, service, signer)
            await enter(rotating_secrets(settings, use_secrets, metrics, log, on_hangup=confirmed.set))
            await enter(draining_on_sigterm(drain, settings.drain_s, log))
            gc.freeze()
            gc.set_threshold(COLLECT_AFTER)
            yield

    return lifespan


def _use_secrets(config: WebhookConfig, service: CallService, signer: Signer, fresh: Settings) -> None:
    """Use new secrets everywhere, or nowhere if one of them is wrong. Raises SettingsError."""
    verifier, keys, hook_secrets = fresh.verifier(), fresh.keys(), fresh.hook_secrets
    config.verifier = verifier
    service.take_keys(keys)
    signer.take(hook_secrets)


async def _confirm_removals(confirmed: asyncio.Event, reader: FlowReader, *, reads: bool) -> None:
    """Accept removals whenever they are confirmed. Without `reads`, only those that were refused at the start."""
    while True:
        await confirmed.wait()
        confirmed.clear()
        if reads or reader.library.removed:
            await reader.read(confirms_removals=True)


@asynccontextmanager
async def _sending_hooks(
    config: WebhookConfig, service: CallService, signer: Signer, opened: asyncio.Event
) -> AsyncIterator[Sender]:
    """Send hooks once the store is open. When the server stops, those being sent get a few seconds to arrive."""
    settings = config.settings
    async with new_client(settings.private_hosts) as client:
        poster = Poster(client, signer)
        post = poster if config.telemetry is None else config.telemetry.posting(poster)
        listener = HookLog(config.metrics, config.log)
        sender = Sender(service.store, post, Schedule(settings.hook_tries), listener, clock=config.clock)
        async with running(after(opened, sender.run)):
            yield sender


@asynccontextmanager
async def _asking_lookups(config: WebhookConfig) -> AsyncIterator[LookupAnswerer]:
    settings, telemetry = config.settings, config.telemetry
    project = settings.flows.resolve().parent
    async with new_client(settings.private_hosts) as http:
        marked = http if telemetry is None else telemetry.mark(http)
        client = LookupClient(settings.lookup_budget_ms, settings.private_hosts, project, http=marked)
        asking = CountedAsking(client, config.metrics)
        try:
            yield asking if telemetry is None else telemetry.asking(asking)
        finally:
            await client.close()
