"""Sends hooks for as long as the application runs; each try is counted, and logged without any value of its call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from structlog.typing import FilteringBoundLogger

from app.service.outbox import Poster, Schedule, Sender, Signer, Verdict
from app.service.outgoing import new_client
from app.settings import Settings
from app.store import HookCounts, HookRow, Store
from app.web.metrics import Metrics
from app.web.opening import Opening
from app.web.telemetry import Telemetry


@asynccontextmanager
async def sending(
    settings: Settings,
    store: Store,
    metrics: Metrics,
    log: FilteringBoundLogger,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    *,
    signer: Signer | None = None,
    telemetry: Telemetry | None = None,
    opening: Opening | None = None,
) -> AsyncIterator[Sender]:
    """Send what waits in `store`, which is open, or from then on when `opening` has opened it.

    On leaving, what is being sent gets a few seconds to arrive.
    """
    async with new_client(settings.private_hosts) as client:
        poster = Poster(client, signer or Signer(settings.hook_secrets))
        post = poster if telemetry is None else telemetry.posting(poster)
        sender = Sender(store, post, Schedule(settings.hook_tries), Teller(metrics, log), clock=clock)
        task = asyncio.create_task(sender.run() if opening is None else opening.first(sender.run))
        try:
            yield sender
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class Teller:
    """Tells the log and the metrics what becomes of hooks."""

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._metrics = metrics
        self._log = log

    def tried(self, hook: HookRow, verdict: Verdict, next_s: float | None) -> None:
        """One try is over."""
        about = {"hook": hook.name, "id": hook.id, "session": hook.session, "tries": hook.tries}
        if verdict.outcome == "sent":
            self._metrics.hook_tried("sent")
            self._log.info("hook sent", **about)
        elif next_s is not None:
            self._metrics.hook_tried("failed")
            self._log.warning("hook not sent", **about, problem=verdict.problem, next_try_s=round(next_s))
        else:
            self._metrics.hook_tried("parked")
            cure = f"see to its receiver, then `ncco hooks retry {hook.id}`"
            self._log.error("hook parked", **about, problem=verdict.problem, cure=cure)

    def counted(self, counts: HookCounts) -> None:
        """How many there are."""
        self._metrics.hooks_kept(counts.waiting, counts.parked)

    def troubled(self, problem: str) -> None:
        """The store was away."""
        self._log.error("hooks not sent", problem=problem)
