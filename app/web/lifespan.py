"""The lifespan of the application: what it opens at startup, its background tasks, and how it shuts down."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from structlog.typing import FilteringBoundLogger

from app.engine import Lookup, LookupAnswer
from app.errors import StoreError, StoreUnusable
from app.flow.loader import load_files
from app.service.calls import CallService
from app.service.library import Library
from app.service.lookups import Ask, LookupClient, lookups_of_turn
from app.service.mail import Mailer, attach_from, attach_nothing, by_way
from app.service.outbox import Listener, Poster, Sender, Verdict
from app.service.outgoing import new_client
from app.service.poller import Schedule
from app.service.recordings import Fetcher
from app.service.retention import Sweeper, Swept
from app.settings import Settings
from app.store import Backups, HookCounts, HookRow, Store, milliseconds, open_store
from app.web.health import Readiness
from app.web.metrics import Metrics
from app.web.recordings import make_fetcher, remove_recordings, watch_files
from app.web.watcher import SECRETS_POLL_S, FlowReader, SecretsReader, UseSecrets, watch_flows
from app.web.webhooks import WebhookConfig

if TYPE_CHECKING:
    from app.web.otel import Telemetry

RETRY_S: Final = 1.0
"""Seconds between attempts to open a store that is unavailable."""
PATIENCE_S: Final = 2.0
"""Seconds that startup waits for the store to open; after that, the server starts while the attempts go on."""
COUNT_S: Final = 15.0
"""How often open calls are counted: as often as Prometheus usually asks."""
COUNT_SHARE: Final = 0.01
"""The share of time that counting may take: if a count is slow, the next one comes later."""
COUNTED_AGE: Final = timedelta(hours=4)
"""Only calls that began within this time are counted, so that a call whose end was never reported does not count
forever. Our choice; a call is connected for two hours at most. Source: NCCO reference, Connect (limit)."""


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` as a task until the context ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def after(event: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` once `event` is set."""
    await event.wait()
    await work()


@asynccontextmanager
async def opened_store(
    store: Store, log: FilteringBoundLogger, *, patience_s: float = PATIENCE_S, retry_s: float = RETRY_S
) -> AsyncIterator[asyncio.Event]:
    """Open the store, and close it at the end. The event is set once the store is open.

    A server whose store is unavailable starts anyway: it is not ready, answers 503, and plays the failsafe NCCO on
    the fallback URL. If it did not listen, callers would hear nothing.

    Raises:
        StoreUnusable: the store cannot be opened, and trying again does not help.
    """
    opened = asyncio.Event()
    attempt = asyncio.create_task(store.open())
    await asyncio.wait({attempt}, timeout=patience_s)
    if attempt.done():
        error = attempt.exception()
        if error is None:
            opened.set()
        elif isinstance(error, StoreUnusable) or not isinstance(error, StoreError):
            log.error("store unusable", problem=str(error), cure=getattr(error, "cure", ""))
            raise error
    try:
        async with running(_open_later(store, attempt, opened, log, retry_s)):
            yield opened
    finally:
        await store.close()


async def _open_later(
    store: Store, attempt: asyncio.Task[None], opened: asyncio.Event, log: FilteringBoundLogger, retry_s: float
) -> None:
    """Try until the store is open, and log each problem once."""
    logged = ""
    while not opened.is_set():
        try:
            await attempt
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end the attempts
            problem = str(error) if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
            if problem != logged:
                logged = problem
                log.error("store away", problem=problem, cure=getattr(error, "cure", ""))
            await asyncio.sleep(retry_s)
            attempt = asyncio.create_task(store.open())
        else:
            opened.set()
            log.info("store opened")


async def count_calls(
    store: Store,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], datetime],
    *,
    count_s: float = COUNT_S,
) -> None:
    """Count the open calls for the metrics, and ask for the last backup, every `count_s` seconds or less often."""
    while True:
        begun, records = time.monotonic(), store.records()
        try:
            await records.open()
            metrics.open_calls.set(await records.count_open(milliseconds(clock() - COUNTED_AGE)))
            if backup := await Backups(store.database).last():
                metrics.last_backup.set(backup.made_at / 1000)
        except StoreError as error:
            log.debug("open calls not counted", problem=str(error))
        except Exception as error:  # noqa: BLE001 - a temporary error (no free file descriptor) must not end the counting
            log.warning("open calls not counted", problem=f"{type(error).__name__}: {error}")
        finally:
            await records.close()
        await asyncio.sleep(max(count_s, (time.monotonic() - begun) / COUNT_SHARE))


async def retention_days(setting: int | None, store: Store) -> int:
    """How many days calls and recordings are kept: the setting, else the database's default; 0: forever."""
    while setting is None:
        try:
            setting = (await store.schema()).retention_days or 0
        except StoreError:
            await asyncio.sleep(RETRY_S)
    return setting


async def remove_old_recordings(
    setting: int | None, fetcher: Fetcher, store: Store, log: FilteringBoundLogger, clock: Callable[[], datetime]
) -> None:
    """Remove recordings that were deleted, or are older than calls are kept."""
    await remove_recordings(store.recordings, fetcher.files, await retention_days(setting, store), log, clock)


async def delete_old_calls(
    setting: int | None, service: CallService, log: FilteringBoundLogger, clock: Callable[[], datetime]
) -> None:
    """Delete calls that are older than the setting allows, or than the database's default if it is not set."""
    days = await retention_days(setting, service.store)

    def log_sweep(swept: Swept) -> None:
        if swept.problem:
            log.warning("old calls not deleted", **swept._asdict())
        else:
            log.info("old calls deleted", rows=swept.rows, revisions=swept.revisions)

    if days:
        await Sweeper(service.store, service.library, days, log_sweep, clock=clock).run()
    elif setting is None and service.store.is_durable:
        cure = "set NCCO_RETENTION_DAYS to the days that they are needed, or to 0 to keep them"
        log.warning("calls are never deleted", problem="the database was made by version 0.1", cure=cure)


class HookLog(Listener):
    """Logs and counts what happens to hooks, without any value of their calls."""

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._metrics = metrics
        self._log = log

    def tried(self, hook: HookRow, verdict: Verdict, next_s: float | None) -> None:
        """One try is over."""
        about = {"hook": hook.name, "id": hook.id, "session": hook.session, "tries": hook.tries}
        if verdict.outcome == "sent":
            self._metrics.hook_tries.labels("sent").inc()
            if verdict.problem:
                self._log.warning("hook sent", **about, problem=verdict.problem)
            else:
                self._log.info("hook sent", **about)
        elif next_s is not None:
            self._metrics.hook_tries.labels("failed").inc()
            self._log.warning("hook not sent", **about, problem=verdict.problem, next_try_s=round(next_s))
        else:
            self._metrics.hook_tries.labels("parked").inc()
            cure = f"check its receiver, then `ncco hooks retry {hook.id}`"
            self._log.error("hook parked", **about, problem=verdict.problem, cure=cure)

    def counted(self, counts: HookCounts) -> None:
        """How many hooks wait and are parked."""
        self._metrics.unsent_hooks.labels("waiting").set(counts.waiting)
        self._metrics.unsent_hooks.labels("parked").set(counts.parked)

    def troubled(self, problem: str) -> None:
        """The store was away."""
        self._log.error("hooks not sent", problem=problem)


def counted_lookups(ask: Ask, metrics: Metrics, log: FilteringBoundLogger) -> Ask:
    """Wrap `ask`: count its results, and log why a lookup gets its default."""

    async def counted(lookup: Lookup, left_ms: float) -> LookupAnswer:
        answer = await ask(lookup, left_ms)
        metrics.count_lookup(lookup.name, answer)
        misfit, problem = getattr(lookup.request, "misfit", None), answer.problem
        if not problem and misfit is not None and (why := misfit(answer.value)):
            problem = f"the answer does not fit `returns`: {why}"
        if problem and not answer.is_unknown:
            cure = "let its server answer within `timeout` with what `returns` declares; until then the default applies"
            log.warning("lookup not ok", flow=lookup.flow, lookup=lookup.name, problem=problem, cure=cure)
        return answer

    return counted


GC_THRESHOLD: Final = 50_000
"""The number of new objects that starts a garbage collection; Python's default is 700. Flows and libraries are many
long-lived objects: scanning them often takes a large part of the CPU time of an answer (docs/performance.md)."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class OwnService:
    """The service that the settings describe, with its clients and its hook sender. Raises SettingsError.

    Attributes:
        calls: its store is not open and its flows are not loaded.
        lookups: sends the requests of lookups; must be closed.
        poster: makes one attempt to post a hook; its client must be closed.
        mailer: makes one attempt to send a hook that is a mail.
        sender: sends the stored hooks while it runs.
        fetcher: fetches recordings while it runs, and must be closed; None: none are kept.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        log: FilteringBoundLogger,
        clock: Callable[[], datetime],
        telemetry: Telemetry | None,
    ) -> None:
        policy = settings.policy()
        store = open_store(settings.database_url)
        hosts = settings.private_hosts
        self.lookups = LookupClient(settings.lookup_budget_ms, hosts, settings.flows.resolve().parent)
        self.poster = Poster(new_client(hosts), settings.hook_secrets)
        self.fetcher = make_fetcher(settings, store, metrics, log, clock)
        has_key = not settings.missing_to_fetch
        files = self.fetcher.files if self.fetcher is not None else None
        attach = attach_from(store.recordings, files, has_key=has_key) if files is not None else attach_nothing
        self.mailer = Mailer(settings.mail_server, attach)
        post = by_way(self.poster, self.mailer)
        ask = counted_lookups(self.lookups.answer, metrics, log)
        if telemetry is not None:
            telemetry.mark(self.lookups.http)
            ask, post = telemetry.traced_lookups(ask), telemetry.traced_hooks(post)
        self.sender = Sender(store, post, Schedule(settings.hook_tries), HookLog(metrics, log), clock=clock)
        self.calls = CallService(
            store,
            Library(store, lambda: load_files(settings.flows, settings.templates, policy.env)),
            policy,
            look_ups=lambda: lookups_of_turn(ask, settings.lookup_budget_ms),
            hooks_written=self.sender.wake,
        )


def make_lifespan(config: WebhookConfig, own: OwnService, readiness: Readiness) -> Lifespan:
    """Opens the store, reads the flows, and runs the background tasks; closes in the reverse order."""
    settings, metrics, log, clock = config.settings, config.metrics, config.log, config.clock
    service = config.calls

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            if config.telemetry is not None:
                stack.push_async_callback(config.telemetry.close)
            opened = await enter(opened_store(service.store, log))
            stack.push_async_callback(own.lookups.close)
            stack.push_async_callback(own.poster.client.aclose)
            await enter(running(after(opened, own.sender.run)))  # when it stops, attempts in progress get a few seconds
            if (fetcher := own.fetcher) is not None:
                stack.push_async_callback(fetcher.close)
                await enter(running(after(opened, fetcher.run)))
                remove = partial(remove_old_recordings, settings.retention_days, fetcher, service.store, log, clock)
                await enter(running(after(opened, remove)))
                look = partial(watch_files, service.store.records(), fetcher.files, metrics, log)
                await enter(running(after(opened, look)))
            folders = (settings.flows, settings.templates)
            reader = FlowReader(folders, service.library, metrics, log, is_pretty=settings.log == "pretty")
            first_read = partial(reader.read_until_kept, confirms_removals=config.dev)
            if opened.is_set():
                await first_read()
            else:
                await reader.read(confirms_removals=config.dev)
                await enter(running(after(opened, first_read)))
            await readiness.probe()
            await enter(running(readiness.probe_forever()))
            await enter(running(count_calls(service.store, metrics, log, clock)))
            await enter(running(after(opened, partial(delete_old_calls, settings.retention_days, service, log, clock))))
            if settings.reload:
                await enter(running(after(opened, partial(watch_flows, reader))))
            confirmed = asyncio.Event()
            await enter(running(_confirm_removals(confirmed, reader, reads=settings.reload)))
            use_secrets = partial(_use_secrets, config, own)
            await enter(rotating_secrets(settings, use_secrets, metrics, log, on_hangup=confirmed.set))
            await enter(draining_on_sigterm(readiness, settings.drain_s, log))
            gc.freeze()
            gc.set_threshold(GC_THRESHOLD)
            yield

    return lifespan


def _use_secrets(config: WebhookConfig, own: OwnService, fresh: Settings) -> None:
    """Use new secrets everywhere, or nowhere if one of them is wrong. Raises SettingsError."""
    verifier, keys, hook_secrets = fresh.verifier(), fresh.keys(), fresh.hook_secrets
    config.verifier = verifier
    config.calls.take_keys(keys)
    own.poster.take_secrets(hook_secrets)
    own.mailer.server = fresh.mail_server


async def _confirm_removals(confirmed: asyncio.Event, reader: FlowReader, *, reads: bool) -> None:
    """Accept removals whenever they are confirmed. Without `reads`, only those that were refused at the start."""
    while True:
        await confirmed.wait()
        confirmed.clear()
        if reads or reader.library.removed:
            await reader.read(confirms_removals=True)


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
