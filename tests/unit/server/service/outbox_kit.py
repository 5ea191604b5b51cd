"""A clock that tests set, a scripted receiver, and a listener that records its calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ncco_server.service.outbox import Listener, Sender, Verdict
from ncco_server.store import Caused, HookCounts, HookRow, Store
from tests.support.stored_rows import NOON_MS, webhook_row

NOON = datetime.fromtimestamp(NOON_MS / 1000, UTC)
SENT = Verdict("sent")
FAILED = Verdict("again", "status 500")
GONE = Verdict("never", "status 410")


@dataclass(slots=True)
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class ScriptedPost:
    """Gives each hook the next of its verdicts and repeats the last one; `held` hooks wait for their event."""

    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    most_at_once: int = 0

    async def __call__(self, hook: HookRow, now: datetime) -> Verdict:
        self.tried.append(hook.id)
        self.running.add(hook.id)
        self.most_at_once = max(self.most_at_once, len(self.running))
        try:
            if hook.id in self.held:
                await self.held[hook.id].wait()
        finally:
            self.running.discard(hook.id)
        verdicts = self.verdicts.get(hook.id, [SENT])
        return verdicts.pop(0) if len(verdicts) > 1 else verdicts[0]


@dataclass(slots=True)
class Heard(Listener):
    """A listener."""

    told: list[tuple[str, str, float | None]] = field(default_factory=list)
    counts: list[HookCounts] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def tried(self, hook: HookRow, verdict: Verdict, next_s: float | None) -> None:
        self.told.append((hook.id, verdict.outcome, next_s))

    def counted(self, counts: HookCounts) -> None:
        self.counts.append(counts)

    def troubled(self, problem: str) -> None:
        self.problems.append(problem)


@asynccontextmanager
async def running(sender: Sender) -> AsyncIterator[None]:
    task = asyncio.create_task(sender.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def put(store: Store, *hooks: HookRow) -> None:
    await store.record(webhook_row(), Caused(hooks=hooks))


async def until(is_so: Callable[[], object], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - the condition may be set by another thread
            await asyncio.sleep(0.005)
