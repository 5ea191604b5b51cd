"""Processes the rows of a store that are due, several at once, until the server stops.

Each row belongs to the process that has its lease.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from ncco_server.errors import StoreUnavailable
from ncco_server.store import milliseconds

BACKOFF_FACTOR: Final = 4.0
LONGEST_BACKOFF_S: Final = 6 * 60 * 60.0
"""The waits are 5, 20, 80, ... seconds. Ten attempts outlast a night: 19 hours."""
JITTER: Final = 0.25
"""Varies each wait, so that rows that failed together are not retried together."""
COUNT_S: Final = 5.0
WAKE_AFTER_S: Final = 0.05
"""The reply to the webhook is sent first."""

R = TypeVar("R")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The number, times and time limits of attempts.

    Attributes:
        draw: returns a random number from 0 to 1.
        first_s: before the second attempt.
        poll_s: between searches for due rows, which other processes may have written.
        slots: concurrent attempts of one process.
        drain_s: for running attempts when the server stops; unfinished ones are repeated.
        claim_s: for claiming rows; later ones are processed another time.
        limit_s: for an attempt, and for storing its result; both must be shorter than the lease.
    """

    tries: int = 10
    draw: Callable[[], float] = random.random
    first_s: float = 5.0
    poll_s: float = 1.0
    slots: int = 64
    drain_s: float = 5.0
    claim_s: float = 3.0
    limit_s: float = 30.0

    def wait_s(self, tries: int, asked_s: float = 0.0) -> float:
        """Wait as long as the other side asks, within limits. `tries` is at least 1."""
        grown = min(self.first_s * BACKOFF_FACTOR ** min(tries - 1, 20), LONGEST_BACKOFF_S)
        own = grown * (1 - JITTER + 2 * JITTER * self.draw())
        return max(own, min(asked_s, LONGEST_BACKOFF_S))


class PollListener(Generic[C]):
    """Events for the log and the metrics, ignored by default. Methods must not raise."""

    def counted(self, counts: C) -> None:
        """Called every few seconds."""

    def troubled(self, problem: str) -> None:
        """Something that an attempt needs is unavailable. Nothing is lost."""


class Poller(ABC, Generic[R, C]):
    """Claims due rows and makes an attempt for each, until it is cancelled. `clock` returns aware UTC times."""

    def __init__(self, schedule: Schedule, listener: PollListener[C], clock: Callable[[], datetime]) -> None:
        self.schedule = schedule
        self.clock = clock
        self._reports = listener
        self._woken = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._count_at = 0.0
        self._troubles = set[str]()

    @abstractmethod
    async def claim(self, limit: int) -> Sequence[R]:
        """Claim due rows. If there are none, nothing is written to the store."""

    @abstractmethod
    async def run_one(self, row: R) -> None:
        """Store the result even if cancelled."""

    @abstractmethod
    async def count(self) -> C: ...

    def now(self) -> int:
        """Return milliseconds since 1970."""
        return milliseconds(self.clock())

    def wake(self) -> None:
        """Look for due rows soon. Must run in the event loop."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WAKE_AFTER_S, self._wake_now)

    def wake_in(self, seconds: float) -> None:
        if seconds < self.schedule.poll_s:
            asyncio.get_running_loop().call_later(max(seconds, 0.0), self._woken.set)

    def _wake_now(self) -> None:
        self._timer = None
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled; running attempts then get time to finish."""
        try:
            while True:
                self._woken.clear()
                is_fine = await self._succeeds(self._claim_due(), self.schedule.claim_s)
                if not (is_fine and await self._succeeds(self._wait(), self.schedule.claim_s + self.schedule.poll_s)):
                    await asyncio.sleep(self.schedule.poll_s)
        finally:
            await self._drain()

    async def write(self, written: Awaitable[object]) -> bool:
        """Return False if the store took too long: the row is then processed again."""
        try:
            async with asyncio.timeout(self.schedule.limit_s):
                await written
        except StoreUnavailable as error:
            self._report(str(error))
        except TimeoutError:
            self._report(f"the store wrote nothing within {self.schedule.limit_s:g} s")
        else:
            return True
        return False

    def _report(self, problem: str) -> None:
        """Report each problem once until rows can be claimed again."""
        if problem not in self._troubles:
            self._troubles.add(problem)
            self._reports.troubled(problem)

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.schedule.poll_s):
                await self._woken.wait()

    async def _succeeds(self, work: Coroutine[Any, Any, None], limit_s: float) -> bool:
        """Re-raise a cancellation only of the poller itself."""
        try:
            async with asyncio.timeout(limit_s):
                await work
        except StoreUnavailable as error:
            self._report(str(error))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._report("what it waited for was cancelled")
        except TimeoutError:
            self._report(f"the store did not answer within {limit_s:g} s")
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the work for good
            self._report(f"{type(error).__name__}: {error}")
        else:
            return True
        return False

    async def _claim_due(self) -> None:
        await self._count()
        while (free := self.schedule.slots - len(self._running)) > 0:
            claimed = await self.claim(free)
            self._troubles.clear()
            if not claimed:  # no row is due, or another process was faster
                return
            for row in claimed:
                task = asyncio.create_task(self.run_one(row))
                self._running.add(task)
                task.add_done_callback(self._ended)

    async def _count(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._count_at:
            self._count_at = now + COUNT_S
            self._reports.counted(await self.count())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report(f"{type(error).__name__}: {error}")

    async def _drain(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=self.schedule.drain_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
