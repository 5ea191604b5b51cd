"""Virtual time, and the processes that run in it one after another: discrete-event simulation.

A process is a generator. It yields what it waits for and is resumed with the result. Nothing waits in real time, and
the only thing that leaves the process is the request that `Ask` carries.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Generic, TypeAlias, TypeVar

from app.errors import AppError
from app.simulator.requests import Request, Response

T = TypeVar("T")

START: Final = datetime(2026, 3, 4, 9, 15, 27, tzinfo=UTC)
"""When a simulation begins by default: a Wednesday morning."""

LONGEST_MS: Final = 24 * 3600 * 1000
"""How far time runs by itself; no call lasts longer. Source: Voice API specification, length_timer (most)."""

MOST_STEPS: Final = 20_000
"""Steps at one moment before we say that time stands still."""


class NoProgress(AppError):
    """Things happen over and over while no time passes, such as a notify whose reply is the same notify."""


class VirtualClock:
    """The time of one simulation, in whole milliseconds; calling it gives `now`, as the server under test wants it.

    Raises ValueError for a start without a time zone.
    """

    def __init__(self, start: datetime = START) -> None:
        self.restart(start)

    def restart(self, start: datetime) -> None:
        """Start another simulation with the same clock, so that one server can serve many; never during one."""
        if start.tzinfo is None:
            raise ValueError("the start of a virtual clock needs a time zone, e.g. datetime(..., tzinfo=UTC)")
        self._start = start.astimezone(UTC)
        self.ms = 0
        """Milliseconds since the start."""

    @property
    def now(self) -> datetime:
        """The time it is, aware, UTC."""
        return self.at(self.ms)

    def __call__(self) -> datetime:
        """The time it is."""
        return self.now

    def at(self, ms: int) -> datetime:
        """The time it was, or will be, `ms` milliseconds after the start."""
        return self._start + timedelta(milliseconds=ms)

    def move_to(self, ms: int) -> None:
        """Move on to `ms` milliseconds after the start; never back."""
        self.ms = max(self.ms, ms)


def milliseconds(seconds: float) -> int:
    """Seconds in whole milliseconds."""
    return round(seconds * 1000)


class Signal:
    """Something that happens once; every process that waits for it is resumed with it."""

    __slots__ = ("_waiting", "is_fired")

    def __init__(self) -> None:
        self.is_fired = False
        self._waiting: list[Callable[[], None]] = []

    def fire(self) -> None:
        """Let it happen; a second call changes nothing."""
        self.is_fired = True
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume()

    def subscribe(self, resume: Callable[[], None]) -> None:
        """Call `resume` when it happens."""
        self._waiting.append(resume)


@dataclass(frozen=True, slots=True)
class Until:
    """Wait for the first of some signals, at most `ms` milliseconds; the result is the signal, None when time is up."""

    signals: tuple[Signal, ...]
    ms: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request; the result is the response, once its time has passed."""

    request: Request


Command: TypeAlias = Until | Ask
Steps: TypeAlias = Generator[Command, Any, T]
"""What a process is made of; `T` is what it comes to."""


def pause(seconds: float) -> Steps[None]:
    """Let virtual time pass."""
    yield Until((), milliseconds(seconds))


def first_of(*signals: Signal, within: float | None = None) -> Steps[Signal | None]:
    """The first of the signals that happens; None when `within` seconds have passed before."""
    found: Signal | None = yield Until(signals, None if within is None else milliseconds(max(within, 0.0)))
    return found


class Process(Generic[T]):
    """A running generator.

    Attributes:
        done: happens when it has come to its end or was cancelled.
        result: what it came to; None before, and when it was cancelled.
    """

    def __init__(self, steps: Steps[T]) -> None:
        self.steps = steps
        self.done = Signal()
        self.result: T | None = None
        self.turn = 0
        self.is_cancelled = False
        self._is_running = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.done.is_fired

    def cancel(self) -> None:
        """End it where it is; its `finally` blocks still run. A process may cancel itself: it ends at its next wait."""
        if self.is_over or self.is_cancelled:
            return
        self.is_cancelled = True
        if not self._is_running:
            self._close()

    def step(self, value: object) -> Command | None:
        """Resume it. What it waits for next; None when it is over."""
        self.turn += 1
        self._is_running = True
        try:
            command = self.steps.send(value)
        except StopIteration as stop:
            self.result = stop.value
            self.done.fire()
            return None
        finally:
            self._is_running = False
        if self.is_cancelled:
            self._close()
            return None
        return command

    def _close(self) -> None:
        self.turn += 1
        self.steps.close()
        self.done.fire()


@dataclass(eq=False, slots=True)
class _Wait:
    """A task outside, such as the script of a caller, that waits for time to pass."""

    stop: Callable[[], bool]
    until_ms: int | None
    latest_ms: int | None
    turn: asyncio.Future[None]
    is_over: bool = False


class Scheduler:
    """Runs processes in the order of virtual time, and those of one moment in the order in which they were woken.

    Several tasks may wait at once, each playing a caller of its own. One of them moves time for all; it stops where
    another has what it waited for, and lets that one act before time goes on.
    """

    def __init__(self, clock: VirtualClock, ask: Callable[[Request], Awaitable[Response]]) -> None:
        self.clock = clock
        self._ask = ask
        self._ready: deque[tuple[Process[Any], int, object]] = deque()
        self._timers: list[tuple[int, int, Process[Any], int, object]] = []
        self._count = 0
        self._moment = self._steps = 0
        self._waits: list[_Wait] = []
        self._is_driven = False

    def spawn(self, steps: Steps[T]) -> Process[T]:
        """Start a process; its first step is taken when those that are ready have taken theirs."""
        process = Process(steps)
        self._ready.append((process, process.turn, None))
        return process

    async def advance(
        self, stop: Callable[[], bool], until_ms: int | None = None, latest_ms: int | None = None
    ) -> None:
        """Let virtual time pass until `stop` holds.

        What happens at the same moment is done before `stop` is asked.

        Args:
            stop: whether it is enough.
            until_ms: it is enough at this time, also when nothing happens until then.
            latest_ms: it is enough when all has happened that happens up to then; None: when nothing is left.
        """
        wait = _Wait(stop, until_ms, latest_ms, asyncio.get_running_loop().create_future())
        self._waits.append(wait)
        try:
            while not wait.is_over:
                if self._is_driven:
                    await wait.turn
                    wait.turn = asyncio.get_running_loop().create_future()
                else:
                    await self._drive(wait)
        finally:
            self._waits.remove(wait)

    async def _drive(self, own: _Wait) -> None:
        """Move time for all tasks until `own` is over; then another task goes on."""
        self._is_driven = True
        try:
            await asyncio.sleep(0)  # tasks that were started together all say first what they wait for
            while not own.is_over:
                await self._settle()
                if self._resume_waits(lambda wait: wait.stop()):
                    await asyncio.sleep(0)
                elif not self._next_moment():
                    if not self._resume_waits(self._is_time_reached):
                        self._resume_waits(self._has_no_more_events)
                    await asyncio.sleep(0)
        finally:
            self._is_driven = False
            for wait in self._waits:
                if wait is not own and not wait.turn.done():
                    wait.turn.set_result(None)

    def _resume_waits(self, is_enough: Callable[[_Wait], bool]) -> bool:
        """Resume the tasks that have waited long enough; returns whether there was one."""
        found = [wait for wait in self._waits if not wait.is_over and is_enough(wait)]
        for wait in found:
            wait.is_over = True
            if not wait.turn.done():
                wait.turn.set_result(None)
        return bool(found)

    def _next_moment(self) -> bool:
        """Move to the next moment at which something happens; False when a task has waited long enough before that."""
        while self._timers and self._timers[0][2].turn != self._timers[0][3]:
            heapq.heappop(self._timers)
        waiting = [wait for wait in self._waits if not wait.is_over]
        moment = self._timers[0][0] if self._timers else None
        asked_for = min((wait.until_ms for wait in waiting if wait.until_ms is not None), default=None)
        if asked_for is not None and (moment is None or moment > asked_for):
            self.clock.move_to(asked_for)
            return False
        if moment is None or any(self._has_no_more_events(wait) for wait in waiting):
            return False
        self.clock.move_to(moment)
        while self._timers and self._timers[0][0] == moment:
            _, _, process, turn, value = heapq.heappop(self._timers)
            self._ready.append((process, turn, value))
        return True

    def _is_time_reached(self, wait: _Wait) -> bool:
        return wait.until_ms is not None and wait.until_ms <= self.clock.ms

    def _has_no_more_events(self, wait: _Wait) -> bool:
        if wait.until_ms is not None:
            return False
        return not self._timers or (wait.latest_ms is not None and self._timers[0][0] > wait.latest_ms)

    async def _settle(self) -> None:
        while self._ready:
            process, turn, value = self._ready.popleft()
            if process.turn == turn and not process.is_over:
                self._count_step()
                await self._wait(process, process.step(value))

    def _count_step(self) -> None:
        if self._moment != self.clock.ms:
            self._moment, self._steps = self.clock.ms, 0
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise NoProgress(f"{MOST_STEPS:,} steps at one moment: NCCOs replace each other, and take no time")

    async def _wait(self, process: Process[Any], command: Command | None) -> None:
        turn = process.turn
        if isinstance(command, Ask):
            response = await self._ask(command.request)
            self._at(milliseconds(response.seconds), process, turn, response)
        elif command is not None:
            self._until(process, command)

    def _until(self, process: Process[Any], command: Until) -> None:
        turn = process.turn
        for signal in command.signals:
            if signal.is_fired:
                self._ready.append((process, turn, signal))
                return
        for signal in command.signals:
            signal.subscribe(partial(self._ready.append, (process, turn, signal)))
        if command.ms is not None:
            self._at(command.ms, process, turn, None)

    def _at(self, ms: int, process: Process[Any], turn: int, value: object) -> None:
        self._count += 1
        heapq.heappush(self._timers, (self.clock.ms + ms, self._count, process, turn, value))
