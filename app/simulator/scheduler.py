"""Virtual time, and the processes that run in it one after another: discrete-event simulation.

A process is a generator. It yields what it waits for and is resumed with the result. Nothing waits in real time, and
only the requests that it yields leave it.
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
from app.simulator.servers import Request, Response

T = TypeVar("T")

START: Final = datetime(2026, 3, 4, 9, 15, 27, tzinfo=UTC)
"""When a simulation begins by default: a Wednesday morning."""

LONGEST_MS: Final = 24 * 3600 * 1000
"""How far time runs by itself; no call lasts longer. Source: Voice API specification, length_timer (most)."""

MOST_STEPS: Final = 20_000
"""Steps at one moment before we report that no time passes."""


class NoProgress(AppError):
    """Things happen over and over while no time passes, such as a notify whose reply is the same notify."""


class VirtualClock:
    """The time of one simulation, in whole milliseconds.

    Attributes:
        ms: milliseconds since the start; moved on by the scheduler only.
    """

    def __init__(self, start: datetime = START) -> None:
        self._start = start.astimezone(UTC)
        self.ms = 0

    def __call__(self) -> datetime:
        """The time it is, aware, UTC."""
        return self.at(self.ms)

    def at(self, ms: int) -> datetime:
        """The time it was, or will be, `ms` milliseconds after the start."""
        return self._start + timedelta(milliseconds=ms)


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


Command: TypeAlias = Until | Request
Steps: TypeAlias = Generator[Command, Any, T]
"""What a process is made of; `T` is what it comes to. A request that it yields is sent; the result is the response."""


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
        done: happens when it has ended or was cancelled.
        result: what it came to; None before, and when it was cancelled.
        turn: how often it was resumed; what was to wake it in an earlier turn is out of date.
    """

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self.done = Signal()
        self.result: T | None = None
        self.turn = 0
        self._is_cancelled = self._is_running = False

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.done.is_fired

    def cancel(self) -> None:
        """End it where it is; its `finally` blocks still run. A process may cancel itself: it ends at its next wait."""
        self._is_cancelled = True
        if not (self.is_over or self._is_running):
            self._close()

    def step(self, value: object) -> Command | None:
        """Resume it. What it waits for next; None when it is over."""
        self.turn += 1
        self._is_running = True
        try:
            command = self._steps.send(value)
        except StopIteration as stop:
            self.result = stop.value
            self.done.fire()
            return None
        finally:
            self._is_running = False
        if not self._is_cancelled:
            return command
        self._close()
        return None

    def _close(self) -> None:
        self.turn += 1
        self._is_running = True
        self._steps.close()
        self.done.fire()


class Scheduler:
    """Runs processes in the order of virtual time, and those of one moment in the order in which they were woken.

    Args:
        clock: is moved on here only.
        ask: sends a request.
    """

    def __init__(self, clock: VirtualClock, ask: Callable[[Request], Awaitable[Response]]) -> None:
        self.clock = clock
        self._ask = ask
        self._ready: deque[tuple[Process[Any], int, object]] = deque()
        self._timers: list[tuple[int, int, Process[Any], int, object]] = []
        self._count = self._steps = 0

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
        await asyncio.sleep(0)  # other tasks get a turn, and Ctrl-C too
        await self._settle()
        limit = latest_ms if until_ms is None else until_ms
        while not stop():
            moment = self._next_moment()
            if moment is None or (limit is not None and moment > limit):
                self.clock.ms = max(self.clock.ms, until_ms or 0)
                return
            if moment > self.clock.ms:
                self._steps = 0
            self.clock.ms = moment
            while self._timers and self._timers[0][0] == moment:
                self._ready.append(heapq.heappop(self._timers)[2:])
            await self._settle()

    def _next_moment(self) -> int | None:
        """When something happens next; None when nothing does any more."""
        while self._timers and self._timers[0][2].turn != self._timers[0][3]:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    async def _settle(self) -> None:
        """Do all that happens at this moment."""
        while self._ready:
            process, turn, value = self._ready.popleft()
            if process.turn == turn and not process.is_over:
                self._steps += 1
                if self._steps > MOST_STEPS:
                    message = f"{MOST_STEPS:,} steps at one moment: NCCOs replace each other, and take no time"
                    raise NoProgress(message)
                await self._wait(process, process.step(value))

    async def _wait(self, process: Process[Any], command: Command | None) -> None:
        """Wake the process again when what it waits for has happened."""
        turn = process.turn
        if isinstance(command, Request):
            response = await self._ask(command)
            self._at(milliseconds(response.seconds), process, turn, response)
        elif command is not None:
            fired = next((signal for signal in command.signals if signal.is_fired), None)
            if fired is not None:
                self._ready.append((process, turn, fired))
                return
            for signal in command.signals:
                signal.subscribe(partial(self._ready.append, (process, turn, signal)))
            if command.ms is not None:
                self._at(command.ms, process, turn, None)

    def _at(self, ms: int, process: Process[Any], turn: int, value: object) -> None:
        self._count += 1
        heapq.heappush(self._timers, (self.clock.ms + ms, self._count, process, turn, value))
