"""The application: the rooms put together, opened and closed in order."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Final, cast

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from app.flow.loader import load_files
from app.flow.stamps import stamps
from app.service.calls import CallService
from app.service.library import Library
from app.service.lookups import LookupAnswerer, LookupClient, TurnLookups
from app.service.outbox import Signer
from app.service.outgoing import new_client
from app.settings import Settings
from app.store import open_store
from app.web.asking import CountedAsking
from app.web.calls import Calls
from app.web.census import count_calls
from app.web.door import DEADLINE_S, Door
from app.web.health import health_router
from app.web.hooks import sending
from app.web.leaving import Leaving, leaving_on_sigterm
from app.web.letter import Take
from app.web.metrics import Metrics
from app.web.opening import Opening, opened
from app.web.pages import describe, http_error, server_error
from app.web.rotation import Take as TakeSecrets
from app.web.rotation import rotating
from app.web.routes import PREFIX
from app.web.sweeping import sweeper
from app.web.telemetry import Telemetry, find_telemetry
from app.web.watch import first_read, refresh, watch

COLLECT_AFTER: Final = (50_000, 20, 100)
"""When to look for cycles: after more new objects than Python would wait for. A webhook makes none by itself."""


class Application(FastAPI):
    """FastAPI, save that webhooks go to their door at once.

    The layers that FastAPI puts around a request cost more than all that the door does with it, and a caller who
    listens to silence needs none of them.
    """

    door: Door
    traced_door: ASGIApp | None = None

    @property
    def take(self) -> Take | None:
        """What answers letters; None while each webhook is followed through the server."""
        return self.door.take if self.traced_door is None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and _is_webhook(scope["path"]):
            await (self.door if self.traced_door is None else self.traced_door)(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _is_webhook(path: str) -> bool:
    return path.startswith(f"/{PREFIX}/") or path.lstrip("/").partition("/")[0] == PREFIX


def create_app(
    settings: Settings,
    *,
    service: Calls | None = None,
    dev: bool = False,
    metrics: Metrics | None = None,
    deadline_s: float = DEADLINE_S,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    log: FilteringBoundLogger | None = None,
    telemetry: Telemetry | None = None,
    leaving: Leaving | None = None,
) -> FastAPI:
    """The server as an ASGI application.

    Args:
        settings: checked already; `require_safe` is up to who serves it.
        service: takes the calls; the caller has opened its store and loaded its flows. None: one is made of the
            settings, opened and closed with the application.
        dev: development: documentation and metrics are served beside the webhooks, and callback URLs start with the
            address that was asked, unless there is a public one.
        metrics: where to count; None: counters of its own.
        deadline_s: seconds until a caller hears the failsafe NCCO, if nothing else is there by then.
        clock: the time, aware, UTC: when webhooks are received, and what the age of their signatures is measured
            by, and when hooks are due.
        log: where to write; None: the log of the process.
        telemetry: what follows webhooks, closed with the application; None: as the environment says (`OTEL_..`).
        leaving: told when SIGTERM comes while `settings.drain_s` is set; None: nobody else is.

    Raises:
        SettingsError: the policy cannot be made of the settings.
    """
    lines: FilteringBoundLogger = structlog.get_logger() if log is None else log
    counters = metrics or Metrics()
    following = telemetry or find_telemetry(lines)
    going = leaving or Leaving()
    own = _make_service(settings) if service is None else None
    calls = service or own
    assert calls is not None  # noqa: S101 - one of the two is there
    app = Application(
        title="NCCO server",
        version=version("ncco-server"),
        docs_url="/docs" if dev else None,
        redoc_url=None,
        openapi_url="/openapi.json" if dev else None,
        redirect_slashes=False,
        lifespan=_lifespan(settings, own, counters, lines, clock, dev=dev, telemetry=following, leaving=going),
    )
    app.door = Door(settings, calls, counters, lines, dev=dev, deadline_s=deadline_s, clock=clock)
    if following is not None:
        app.traced_door = following.around(app.door)
        counters.watch = following.webhook
    app.include_router(health_router(calls, counters, going, with_metrics=dev))
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, server_error)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # the way FastAPI documents
    return app


def _make_service(settings: Settings) -> CallService:
    policy = settings.policy()
    store = open_store(settings.database_url)
    library = Library(store, lambda: load_files(settings.flows, settings.templates, policy.env))
    return CallService(store, library, policy)


def _lifespan(
    settings: Settings,
    service: CallService | None,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], datetime],
    *,
    dev: bool,
    telemetry: Telemetry | None,
    leaving: Leaving,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Opens the store, reads the flows, watches them; closes in the other order. Does nothing without a service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if telemetry is not None:
                stack.push_async_callback(telemetry.close)
            if service is not None:
                opening = await stack.enter_async_context(opened(service.store, log))
                signer = Signer(settings.hook_secrets)
                hooks = sending(
                    settings, service.store, metrics, log, clock, signer=signer, telemetry=telemetry, opening=opening
                )
                sender = await stack.enter_async_context(hooks)
                service.hooks_written = sender.wake
                asking = await stack.enter_async_context(_asking(settings, metrics, telemetry))
                service.look_ups = lambda: TurnLookups(asking).ask
                folders = (settings.flows, settings.templates)
                seen = await asyncio.to_thread(stamps, folders)
                await stack.enter_async_context(
                    _flows_read(opening, service.library, metrics, log, confirms_removals=dev)
                )
                await stack.enter_async_context(_running(count_calls(service.store, metrics, log, clock)))
                if settings.retention_days is not None:
                    sweeping = sweeper(settings.retention_days, service, log, clock)
                    await stack.enter_async_context(_running(opening.first(sweeping.run)))
                if settings.reload:
                    watching = partial(watch, folders, service.library, metrics, log, seen=seen)
                    await stack.enter_async_context(_running(opening.first(watching)))
                confirmed = asyncio.Event()
                confirming = _confirming(confirmed, service.library, metrics, log, reads=settings.reload)
                await stack.enter_async_context(_running(confirming))
                await stack.enter_async_context(
                    rotating(settings, _taking(app, service, signer), metrics, log, on_hangup=confirmed.set)
                )
                await stack.enter_async_context(leaving_on_sigterm(leaving, settings.drain_s, log))
            gc.collect()
            gc.freeze()  # what is loaded now stays: a collection that walks it all would keep a caller waiting
            gc.set_threshold(*COLLECT_AFTER)
            yield

    return lifespan


def _taking(app: FastAPI, service: CallService, signer: Signer) -> TakeSecrets:
    """What hands new secrets to all who use them, or to none."""

    def take(fresh: Settings) -> None:
        verifier, keys, hook_secrets = fresh.verifier(), fresh.keys(), fresh.hook_secrets
        cast(Application, app).door.verifier = verifier
        service.take_keys(keys)
        signer.take(hook_secrets)

    return take


@asynccontextmanager
async def _flows_read(
    opening: Opening, library: Library, metrics: Metrics, log: FilteringBoundLogger, *, confirms_removals: bool
) -> AsyncIterator[None]:
    """Read the flows, and once more when the store comes if there is none yet: it has to keep them."""
    read = partial(first_read, library, metrics, log, confirms_removals=confirms_removals)
    if opening.is_done:
        await read()
        yield
        return
    await refresh(library, metrics, log, confirms_removals=confirms_removals)
    async with _running(opening.first(read)):
        yield


async def _confirming(
    confirmed: asyncio.Event, library: Library, metrics: Metrics, log: FilteringBoundLogger, *, reads: bool
) -> None:
    """Take over removals whenever they are confirmed. Without `reads`, only those that were refused at the start."""
    while True:
        await confirmed.wait()
        confirmed.clear()
        if reads or library.removed:
            await refresh(library, metrics, log, confirms_removals=True)


@asynccontextmanager
async def _asking(settings: Settings, metrics: Metrics, telemetry: Telemetry | None) -> AsyncIterator[LookupAnswerer]:
    project = settings.flows.resolve().parent
    async with new_client(settings.private_hosts) as http:
        marked = http if telemetry is None else telemetry.mark(http)
        client = LookupClient(settings.lookup_budget_ms, settings.private_hosts, project, http=marked)
        asking = CountedAsking(client, metrics)
        try:
            yield asking if telemetry is None else telemetry.asking(asking)
        finally:
            await client.close()


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
