"""Discrete-event simulation: virtual time, and the processes that run in it.

A process is a generator that yields what it waits for. Only HTTP requests take real time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeAlias, TypeVar

from ncco_server.errors import AppError
from ncco_studio.simulator.clock import VirtualClock, in_ms
from ncco_studio.simulator.servers import Request, Response

T = TypeVar("T")

LONGEST_CALL_MS: Final = 24 * 3600 * 1000
"""No call lasts longer. Source: Voice API specification, length_timer."""

MOST_RESUMED: Final = 20_000
"""How often processes may be resumed at one moment of virtual time."""


class NoProgress(AppError):
    """No virtual time passes, e.g. because the reply to a notify is always the same notify."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "look for a reply that begins with the action whose webhook it answers")


class Signal:
    """Fires once and resumes every process that waits for it."""

    __slots__ = ("_waiting", "is_fired")

    def __init__(self) -> None:
        self.is_fired = False
        self._waiting: list[Callable[[], None]] = []

    def fire(self) -> None:
        """Do nothing the second time."""
        self.is_fired = True
        waiting = self._waiting
        self._waiting = []
        for resume in waiting:
            resume()

    def subscribe(self, resume: Callable[[], None]) -> None:
        self._waiting.append(resume)


@dataclass(frozen=True, slots=True)
class Until:
    """A wait of at most `ms` milliseconds for the first of several signals, which is the result, or None."""

    signals: tuple[Signal, ...]
    ms: int | None = None


Command: TypeAlias = Until | Request
Routine: TypeAlias = Generator[Command, Any, T]
"""A process whose result is `T`; a request that it yields resumes it with the response."""


def pause(seconds: float) -> Routine[None]:
    yield Until((), in_ms(seconds))


def first_of(*signals: Signal, within: float | None = None) -> Routine[Signal | None]:
    """None after `within` seconds."""
    found: Signal | None = yield Until(signals, None if within is None else in_ms(max(within, 0.0)))
    return found


class Process(Generic[T]):
    """A running generator.

    Attributes:
        done: fires when the process ends or is cancelled.
        result: None until the process ends, or if it was cancelled.
        turn: how many times it was resumed; timers and signals of earlier turns are ignored.
    """

    def __init__(self, routine: Routine[T]) -> None:
        self._routine = routine
        self.done = Signal()
        self.result: T | None = None
        self.turn = 0
        self._is_cancelled = self._is_running = False

    @property
    def is_over(self) -> bool:
        return self.done.is_fired

    def cancel(self) -> None:
        """Run the `finally` blocks. A process that cancels itself ends at its next wait."""
        self._is_cancelled = True
        if not (self.is_over or self._is_running):
            self._close()

    def resume(self, value: object) -> Command | None:
        """None if the process is over."""
        self.turn += 1
        self._is_running = True
        try:
            command = self._routine.send(value)
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
        self._routine.close()
        self.done.fire()


class Scheduler:
    """Runs processes in order of virtual time, and in the order in which they became ready."""

    def __init__(self, clock: VirtualClock, ask: Callable[[Request], Awaitable[Response]]) -> None:
        self.clock = clock
        self._ask = ask
        self._ready: deque[tuple[Process[Any], int, object]] = deque()
        self._timers: list[tuple[int, int, Process[Any], int, object]] = []
        self._count = self._resumed = 0

    def spawn(self, routine: Routine[T]) -> Process[T]:
        process = Process(routine)
        self._ready.append((process, process.turn, None))
        return process

    async def advance(
        self, stop: Callable[[], bool], until_ms: int | None = None, latest_ms: int | None = None
    ) -> None:
        """Before each call of `stop`, everything due happens.

        Args:
            stop: says whether to stop.
            until_ms: stop at exactly this time, even without an event.
            latest_ms: stop before the first event after this time; None to stop when no event is left.
        """
        await self._settle()
        limit = latest_ms if until_ms is None else until_ms
        while not stop():
            moment = self.next_moment()
            if moment is None or (limit is not None and moment > limit):
                self.clock.ms = max(self.clock.ms, until_ms or 0)
                return
            if moment > self.clock.ms:
                self._resumed = 0
            self.clock.ms = moment
            while self._timers and self._timers[0][0] == moment:
                self._ready.append(heapq.heappop(self._timers)[2:])
            await self._settle()

    def next_moment(self) -> int | None:
        while self._timers and self._timers[0][2].turn != self._timers[0][3]:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    async def _settle(self) -> None:
        while self._ready:
            process, turn, value = self._ready.popleft()
            if process.turn == turn and not process.is_over:
                self._resumed += 1
                if self._resumed > MOST_RESUMED:
                    raise NoProgress("NCCOs keep replacing each other while no time passes")
                await self._wait(process, process.resume(value))

    async def _wait(self, process: Process[Any], command: Command | None) -> None:
        turn = process.turn
        if isinstance(command, Request):
            await self._request(process, command)
        elif command is not None:
            fired = next((signal for signal in command.signals if signal.is_fired), None)
            if fired is not None:
                self._ready.append((process, turn, fired))
                return
            for signal in command.signals:
                signal.subscribe(partial(self._ready.append, (process, turn, signal)))
            if command.ms is not None:
                self._at(command.ms, process, turn, None)

    async def _request(self, process: Process[Any], request: Request) -> None:
        await asyncio.sleep(0)  # so that other tasks, time limits and Ctrl-C get a turn too
        turn = process.turn
        response = await self._ask(request)
        self._at(in_ms(response.seconds), process, turn, response)

    def _at(self, ms: int, process: Process[Any], turn: int, value: object) -> None:
        self._count += 1
        heapq.heappush(self._timers, (self.clock.ms + ms, self._count, process, turn, value))
