"""Takes hooks out of the store, one at a time for each call, and sends them; what fails is tried again later.

A hook leaves the store once its receiver has said that it has it, so a crash at any moment sends it again, and never
loses it. Several processes may send from one store: whoever has claimed a hook has it alone for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from app.errors import StoreUnavailable
from app.service.outbox.listening import Listener, Silent
from app.service.outbox.receivers import Receivers
from app.service.outbox.schedule import Schedule
from app.service.outbox.verdict import Verdict
from app.store import HookRow, Store

Post: TypeAlias = Callable[[HookRow, datetime], Awaitable[Verdict]]

LEASE_MS: Final = 60_000
"""How long a claimed hook is nobody else's; longer than any try takes. After a crash it is tried again then."""

LIMIT_S: Final = 30.0
"""How long a try may take, and writing what came of it: both end with the lease. What hangs for ever keeps no slot."""

SLOTS: Final = 64
"""Hooks that one process sends at once."""

SLOW_SHARE: Final = 4
"""A receiver that did not answer in time gets one in so many slots until it does; what is more is put off."""

PUT_OFF_S: Final = 30.0

POLL_S: Final = 1.0
"""How often to look for what is due again, or was written by another process."""

COUNT_S: Final = 5.0
"""How often to count what waits, for the metrics."""

WAKE_AFTER_S: Final = 0.05
"""From a wake-up to the first look: the reply to the caller is out by then, and what comes at once is sent together."""

LOOK_S: Final = 3.0
"""How long the store may take to give out what is due. What it gave out too late is tried again later."""

DRAIN_S: Final = 5.0
"""Seconds that tries get to finish when the server stops; what does not is tried again at the next start."""


class Sender:
    """Sends what waits in a store.

    Args:
        store: open for as long as this runs.
        post: makes one try; never raises.
        schedule: when to try again, and how often.
        listener: is told what happens.
        clock: the time, aware, UTC.
        poll_s, slots, drain_s, look_s, limit_s: see the constants.
    """

    def __init__(
        self,
        store: Store,
        post: Post,
        schedule: Schedule | None = None,
        listener: Listener | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        poll_s: float = POLL_S,
        slots: int = SLOTS,
        drain_s: float = DRAIN_S,
        look_s: float = LOOK_S,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._store = store
        self._post = post
        self._schedule = schedule or Schedule()
        self._listener = listener or Silent()
        self._clock = clock
        self._poll_s = poll_s
        self._slots = slots
        self._receivers = Receivers(max(1, slots // SLOW_SHARE))
        self._drain_s = drain_s
        self._look_s = look_s
        self._limit_s = limit_s
        self._woken = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._count_at = 0.0

    def wake(self) -> None:
        """Say that hooks were written; cheap, and called from within the event loop."""
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(WAKE_AFTER_S, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._woken.set()

    async def run(self) -> None:
        """Send until it is cancelled; then wait a while for what is being sent."""
        try:
            while True:
                self._woken.clear()
                went_well = await self._outlives(self._look(), self._look_s)
                if not (went_well and await self._outlives(self._rest(), self._look_s + self._poll_s)):
                    await asyncio.sleep(self._poll_s)
        finally:
            await self._drain()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _outlives(self, work: Coroutine[Any, Any, None], limit_s: float) -> bool:
        """Whether it went well, and in time. Whatever becomes of it, the sending goes on, unless it is told to end."""
        try:
            async with asyncio.timeout(limit_s):
                await work
        except StoreUnavailable as error:
            self._listener.troubled(str(error))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._listener.troubled("what it waited for was cancelled")
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the sending for good
            self._listener.troubled(f"{type(error).__name__}: {error}")
        else:
            return True
        return False

    async def _look(self) -> None:
        """Begin to send what is due, as far as there are slots. What is due and not given out is another host's."""
        await self._count()
        while (free := self._slots - len(self._running)) > 0 and await self._store.has_due_hooks(self._now()):
            now = self._now()
            claimed = await self._store.claim_hooks(now, now + LEASE_MS, free)
            if not claimed:
                return
            for hook in claimed:
                self._begin(hook)

    async def _count(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._count_at:
            self._count_at = now + COUNT_S
            self._listener.counted(await self._store.count_hooks())

    def _begin(self, hook: HookRow) -> None:
        task = asyncio.create_task(self._send(hook))
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """Another one may have its slot, or is the next of its call."""
        self._running.discard(task)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._listener.troubled(f"{type(error).__name__}: {error}")

    async def _send(self, hook: HookRow) -> None:
        if hook.tries > self._schedule.tries:  # each try ended with the process, or nobody could write down its end
            await self._conclude(hook, Verdict("never", f"{self._schedule.tries} tries were not finished"))
        elif self._receivers.may_begin(hook.url):
            verdict: Verdict | None = None
            try:
                verdict = await self._try(hook)
            finally:
                self._receivers.ended(hook.url, verdict)
            await self._conclude(hook, verdict)
        else:
            due_at = self._now() + round(PUT_OFF_S * 1000)
            await self._write(self._store.put_off_hook(hook.id, hook.tries, due_at))

    async def _try(self, hook: HookRow) -> Verdict:
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._post(hook, self._clock())
        except TimeoutError:
            return Verdict("again", f"no end of it within {self._limit_s:g} s", is_slow=True)
        except asyncio.CancelledError:
            await self._write(self._store.hook_failed(hook.id, hook.tries, self._now(), "the server was stopped"))
            raise

    async def _conclude(self, hook: HookRow, verdict: Verdict) -> None:
        """Write down what came of a try."""
        next_s: float | None = None
        if verdict.outcome == "sent":
            written = self._store.hook_sent(hook.id, self._now())
        elif verdict.outcome == "again" and hook.tries < self._schedule.tries:
            next_s = self._schedule.wait_s(hook.tries, verdict.wait_s)
            due_at = self._now() + round(next_s * 1000)
            written = self._store.hook_failed(hook.id, hook.tries, due_at, verdict.problem)
        else:
            written = self._store.park_hook(hook.id, hook.tries, verdict.problem, self._now())
        if await self._write(written):
            self._listener.tried(hook, verdict, next_s)

    async def _write(self, written: Awaitable[None]) -> bool:
        """Whether it could be written; else the hook is tried again once its lease is over."""
        try:
            async with asyncio.timeout(self._limit_s):
                await written
        except StoreUnavailable as error:
            self._listener.troubled(str(error))
        except TimeoutError:
            self._listener.troubled(f"the store wrote nothing within {self._limit_s:g} s")
        else:
            return True
        return False

    async def _drain(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=self._drain_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _now(self) -> int:
        return int(self._clock().timestamp() * 1000)
