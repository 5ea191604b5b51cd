"""Interrupts a handler that takes too long."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Set
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any, Final, TypeVar

LIMIT_S: Final = 0.25
"""Processor time of a handler in a turn; our choice. Other callers wait meanwhile."""
BLOCKED_S: Final = 2.0
"""Real time, in case the handler blocks. A busy machine may be slow."""
TICK_S: Final = 0.05
"""How often a running handler is looked at."""
MOST_LINES: Final = 200_000
"""The limit where it cannot be a time; our choice."""
LOAD_S: Final = 10.0
"""The limit for a file's own code, and for all runs that find the steps of its handler; our choice."""
_SIGNAL: Final = signal.SIGVTALRM

T = TypeVar("T")


class TooLong(BaseException):
    """Not an `Exception`, so that a handler that ran too long does not catch it by mistake."""


class LineTracer:
    """Notes which lines of a file are run in this thread, and interrupts its code after MOST_LINES.

    `latest` runs now, or ran last; `is_late` interrupts the code at its next line.
    """

    def __init__(self, file: str) -> None:
        self.lines: set[int] = set()
        self.latest = 1
        self.count = 0
        self.is_late = False
        self.file = file

    @contextmanager
    def tracing(self, most: float = MOST_LINES) -> Iterator[None]:
        """Raise TooLong after `most` lines."""
        until = self.count + most
        file = self.file

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                self.latest = frame.f_lineno
                self.lines.add(self.latest)
                self.count += 1
                if self.is_late or self.count > until:
                    raise TooLong
            return trace

        before = sys.gettrace()
        sys.settrace(lambda frame, event, argument: trace if frame.f_code.co_filename == file else None)
        try:
            yield
        finally:
            sys.settrace(before)


def in_time(work: Callable[[], T], tracer: LineTracer, limit_s: float = LOAD_S) -> T:
    """Do work in a thread of its own. Blocks; raises TooLong, or as the work does.

    Work that takes too long is interrupted at the next line of the file. If it blocks, its thread is left alone.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again below
            done.set_exception(error)

    threading.Thread(target=run, name="loads a handler", daemon=True).start()
    try:
        return done.result(limit_s)
    except FutureTimeout:
        if done.done():
            raise
        tracer.is_late = True
        raise TooLong from None


class Watch:
    """Interrupts a handler in the main thread, where calls are answered.

    A thread looks at it every TICK_S and sends the signal: timers for each turn take longer than most handlers, and
    belong to the program that embeds the server.
    """

    def __init__(self) -> None:
        self._file = ""
        self._turns = 0
        self._thread: threading.Thread | None = None
        self._is_wanted = threading.Event()
        os.register_at_fork(after_in_child=self._forget_thread)

    def _forget_thread(self) -> None:
        self._thread = None
        self._is_wanted = threading.Event()

    def limited(self, file: str, work: Callable[[Any], None], argument: Any) -> None:
        before = self._file
        self._file = file
        self._turns += 1
        try:
            if not self._is_wanted.is_set():
                self._start()
            work(argument)
        finally:
            self._file = before

    def _start(self) -> None:
        if signal.getsignal(_SIGNAL) != self._interrupt:
            signal.signal(_SIGNAL, self._interrupt)
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="handlers", daemon=True)
            self._thread.start()
        self._is_wanted.set()

    def _watch(self) -> None:
        main = threading.main_thread().ident or 0
        while self._is_wanted.wait():
            self._is_wanted.clear()
            turn = self._turns
            used, began = time.process_time(), time.monotonic()
            time.sleep(TICK_S)
            while self._file and self._turns == turn:
                if time.process_time() - used > LIMIT_S or time.monotonic() - began > BLOCKED_S:
                    signal.pthread_kill(main, _SIGNAL)
                time.sleep(TICK_S)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Do nothing if the handler has just ended."""
        while frame is not None and frame.f_code.co_filename != self._file:
            frame = frame.f_back
        if frame is not None:
            raise TooLong


_WATCH: Final = Watch()


_noted: ContextVar[dict[str, set[int]] | None] = ContextVar("lines of handlers", default=None)


@contextmanager
def noted_lines() -> Iterator[Mapping[str, Set[int]]]:
    """Note which lines of handlers are run meanwhile, by file. It makes them slower."""
    lines: dict[str, set[int]] = {}
    before = _noted.set(lines)
    try:
        yield lines
    finally:
        _noted.reset(before)


def limited(file: str, work: Callable[[Any], None], argument: Any) -> None:
    """Interrupt the code of `file` if it takes too long.

    Outside the main thread, where flows are loaded, and with `noted_lines`, it is interrupted after MOST_LINES.
    """
    noted = _noted.get()
    if noted is None and threading.get_ident() == threading.main_thread().ident:
        _WATCH.limited(file, work, argument)
        return
    tracer = LineTracer(file)
    if noted is not None:
        tracer.lines = noted.setdefault(file, set())
    with tracer.tracing():
        work(argument)
