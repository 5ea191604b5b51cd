"""Interrupts code of flow authors that holds the thread where calls are answered, or takes too long elsewhere."""

from __future__ import annotations

import _thread
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from functools import partial
from types import FrameType
from types import coroutine as from_generator
from typing import Any, Final, TypeVar

LIMIT_S: Final = 0.25
"""Processor time of a handler in a turn; our choice. Other callers wait meanwhile."""
HELD_S: Final = 0.35
"""Processor time of a function between two waits, and time that a handler or a function blocks; our choice."""
TICK_S: Final = 0.025
"""How often running code is looked at."""
AGAIN_S: Final = TICK_S / 5
"""How often the kernel timer interrupts; our choice. In a recursion at its greatest depth, most of it has no effect."""
MOST_CAUGHT: Final = 3
"""Interruptions that code may catch, to clean up. After that, each of its loops and calls is interrupted."""
MOST_LINES: Final = 200_000
"""The limit where it cannot be a time; our choice."""
LOAD_S: Final = 2.0
"""The limit for a file's own code, from each new line and each imported module on; our choice."""
HURRY_S: Final = 0.3
"""The same for the files after one that took longer; our choice. A start waits for all of them."""
EXPLORE_S: Final = 10.0
"""The limit for all runs that find the steps of a handler, and for a file that was loaded before; our choice."""
STUCK_S: Final = 10.0
"""How long code in a thread may hold the interpreter, so that no call is answered; our choice."""
MOST_TASKS: Final = 10_000
"""That code may start before it waits; our choice. The event loop begins them in one go, which takes about 0.1 s."""
MAY_STAY: Final = "may stay"
"""How the names of threads begin that may still run when the process ends."""
BUSY: Final = 10
"""How many times longer code may take if other processes use the processors; our choice."""
_STDERR: Final = 2
_SIGNAL: Final = signal.SIGVTALRM

T = TypeVar("T")


class TooLong(BaseException):
    """Not an `Exception`, so that code that ran too long does not catch it by mistake."""


class _TooLongAgain(TooLong):
    """Sends the signal again when it is raised, so that code which catches it is interrupted at its next loop or call.

    Only in C: after a call by Python code, the signal would interrupt that code.
    """

    __init__ = staticmethod(partial(_thread.interrupt_main, _SIGNAL))


class LineTracer:
    """Notes which lines of a file are run in this thread, and interrupts its code after MOST_LINES.

    A line that was interrupted before is interrupted after a tenth, because all callers reach most endless loops.

    `latest` runs now, or ran last; `late` is the line that took too long, 0 if none did: the code is interrupted from
    its next line on. `began` is when the code that runs now began, in processor time and by `clock`; None if none runs.
    With `counts_progress`, time counts since the file last came to a new line, or a module was imported.
    `raised` has the first error of each line, even if the file's code catches it: only those that a wrong name or
    argument causes. `thread` is the one where `in_time` looks at the time, and `clock` counts it in seconds.
    """

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, file: str, *, counts_progress: bool = False) -> None:
        self.lines: set[int] = set()
        self._endless: set[int] = set()
        self.raised: dict[int, NameError | TypeError] = {}
        self.latest = 1
        self.count = 0
        self.late = 0
        self.file = file
        self.began: tuple[float, float] | None = None
        self._counts_progress = counts_progress
        self._progress = 0
        self._blocked_s = 0.0
        self.thread: int | None = None

    def run(self, work: Callable[[Any], T], argument: Any = None, most: float = MOST_LINES) -> T:
        """Raise TooLong after `most` lines, or as the work does."""
        early, until = self.count + most / 10, self.count + most
        file, endless = self.file, self._endless

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                self.latest = frame.f_lineno
                self.lines.add(self.latest)
                self.count += 1
                if self.late or self.count > (early if self.latest in endless else until):
                    endless.add(self.latest)
                    raise TooLong
            elif event == "exception" and isinstance(argument[1], NameError | TypeError):
                self.raised.setdefault(frame.f_lineno, argument[1])
            return trace

        before, began = sys.gettrace(), self.began
        self.began = began or (time.process_time(), self.clock())
        sys.settrace(lambda frame, event, argument: trace if frame.f_code.co_filename == file else None)
        try:
            return work(argument)
        finally:
            if began is None:
                self._blocked_s += self._blocked()
            self.began = began
            sys.settrace(before)

    def is_late(self, limit_s: float) -> bool:
        """Whether the code has ever used more processor time than this in one run, or has blocked for longer in all."""
        used, passed = self._times()
        if not self.late and max(used, passed - used * BUSY, self._blocked_s + self._blocked()) > limit_s:
            self.late = self.latest
        return self.late > 0

    def _blocked(self) -> float:
        """How long this run has surely blocked."""
        used, passed = self._times()
        return passed if passed > max(1, used * BUSY * 2) else 0.0

    def _times(self) -> tuple[float, float]:
        if (began := self.began) is None:
            return 0.0, 0.0
        now = time.process_time(), self.clock()
        if self._counts_progress and (progress := len(self.lines) + len(sys.modules)) > self._progress:
            self._progress, self.began = progress, now
            return 0.0, 0.0
        return now[0] - began[0], now[1] - began[1]


class _Slice:
    """What holds the main thread: when it began, in processor time, and how long it may take."""

    __slots__ = ("began", "caught", "limit_s", "tasks", "tick_s", "ticks")

    def __init__(self, limit_s: float, tick_s: float = TICK_S) -> None:
        self.began = time.thread_time()
        self.limit_s = limit_s
        self.tick_s = tick_s
        self.ticks = 0
        self.caught = 0
        self.tasks = 0

    def is_late(self) -> bool:
        """Only for the main thread. Nothing is late because the process was stopped or starved: then no tick counts."""
        if self.caught:  # in a deep recursion, there may be no room for another call
            return True
        used = time.thread_time() - self.began
        return used >= self.limit_s or self.ticks * TICK_S - used >= HELD_S


class _Runs(_Slice):
    """Runs of tracers, one after the other, each of which may take this long."""

    __slots__ = ("tracers",)

    def __init__(self, limit_s: float, tracers: Sequence[LineTracer]) -> None:
        super().__init__(limit_s, max(TICK_S, limit_s / 40))  # looking must not pass for work of code that blocks
        self.tracers = tracers

    def is_late(self) -> bool:
        """Only while a run goes on, so that nothing else is interrupted."""
        return any(each.is_late(self.limit_s) and each.began is not None for each in self.tracers)


class LoopGuard:
    """Interrupts code in the main thread, where calls are answered, by a signal.

    A kernel timer sends it while the code uses the processor, also in a regular expression; a thread sends it while the
    code blocks. `watched_s` is how long this thread has watched, without the time in which the process was stopped.
    With `ends_process`, code in another thread that holds the interpreter for STUCK_S ends the process, and a traceback
    is printed: what restarts the process loads the code in the main thread.
    """

    def __init__(self) -> None:
        self.has_timer = True
        self.ends_process = False
        self.watched_s = 0.0
        self._slice: _Slice | None = None
        self._thread: threading.Thread | None = None
        self._is_wanted = threading.Event()
        os.register_at_fork(after_in_child=self._forget_thread)

    @property
    def is_running(self) -> bool:
        """Whether code of flow authors runs in the main thread."""
        return self._slice is not None

    def end_if_stuck(self) -> None:
        """If `ends_process`, end it unless this is called again or the end is cancelled in time."""
        if self.ends_process:
            faulthandler.dump_traceback_later(STUCK_S, file=_STDERR, exit=True)

    def count_task(self) -> None:
        """Raise RuntimeError if the code that runs has started too many tasks."""
        if (running := self._slice) is not None:
            running.tasks += 1
            if running.tasks > MOST_TASKS:
                raise RuntimeError(f"more than {MOST_TASKS:,} tasks at once")

    def _forget_thread(self) -> None:
        self._thread = None
        self._is_wanted = threading.Event()

    def run(self, work: Callable[[Any], T], argument: Any, limit_s: float, tracers: Sequence[LineTracer] = ()) -> T:
        """Raise TooLong, or as the work does. At the end of the process no thread can start: nothing is interrupted.

        With `tracers`, the limit is that of each of their runs.
        Python runs signal handlers between some instructions, and none is between the end of the work and `_slice`.
        """
        if sys.is_finalizing():
            return work(argument)
        before = self._slice
        self._slice = _Runs(limit_s, tracers) if tracers else _Slice(limit_s)
        try:
            if not self._is_wanted.is_set():
                self._start()
            if self.has_timer:
                signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S, AGAIN_S)
            return work(argument)
        finally:
            self._slice = before
            if before is not None:
                self._is_wanted.set()  # the thread looked at the inner one
            elif self.has_timer:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _start(self) -> None:
        if self._thread is None:
            signal.signal(_SIGNAL, self._interrupt)
            self._thread = threading.Thread(target=self._watch, name="handlers", daemon=True)
            self._thread.start()
        self._is_wanted.set()

    def _watch(self) -> None:
        main = threading.main_thread().ident or 0
        while self._is_wanted.wait():
            self._is_wanted.clear()
            running = self._slice
            before = time.monotonic()
            time.sleep(TICK_S)
            now = time.monotonic()
            while running is not None and running is self._slice:
                running.ticks += now - before < running.tick_s * 2  # on a busy machine, it may only wait for its turn
                if running.ticks * TICK_S >= LIMIT_S:
                    signal.pthread_kill(main, _SIGNAL)
                time.sleep(running.tick_s)
                before, now = now, time.monotonic()
                self.watched_s += min(now - before, HELD_S)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        running = self._slice
        if running is None or frame is None or frame.f_code is _RUN or not running.is_late():
            return
        if (handled := sys.exception()) is not None:
            handled.__context__ = None  # each `raise` walks the whole chain, which recursion in `finally` makes long
        running.caught += 1
        if running.caught <= MOST_CAUGHT:
            raise TooLong
        if running.caught * 2_654_435_761 >> 16 & 7:  # mostly, so that recursion ends; without a pattern of a loop
            raise _TooLongAgain
        try:  # Python 3.12 raises at the end of a loop's body what belongs to the line before its beginning
            raise _TooLongAgain
        except _TooLongAgain:
            return


_RUN: Final = LoopGuard.run.__code__
GUARD: Final = LoopGuard()


def _is_main_thread() -> bool:
    return threading.get_ident() == threading.main_thread().ident


def in_time(work: Callable[[], T], *tracers: LineTracer, limit_s: float = EXPLORE_S) -> T:
    """Do work. Blocks; raises TooLong if one run of a tracer takes longer, or as the work does.

    The main thread is interrupted as in a turn. Elsewhere a thread does the work, which is interrupted at the next line
    of the file; if it blocks, it is left alone. Nothing is late because the process was stopped.
    """
    waited_s = 0.0
    is_main = _is_main_thread()

    def run() -> T:
        for each in tracers:
            each.thread = threading.get_ident()
            each.clock = lambda: GUARD.watched_s if is_main else waited_s
        return work()

    context = copy_context()
    if is_main:
        found = GUARD.run(lambda _: context.run(run), None, limit_s, tracers)
        if any(each.late for each in tracers):  # its code has caught what interrupted it
            raise TooLong
        return found
    done: Future[T] = Future()

    def settle() -> None:
        try:
            done.set_result(context.run(run))
        except BaseException as error:  # noqa: BLE001 - raised again below
            done.set_exception(error)

    try:
        GUARD.end_if_stuck()  # before the thread begins: this one may never run again
        threading.Thread(target=settle, name=MAY_STAY, daemon=True).start()
        while True:
            with suppress(FutureTimeout):
                return done.result(limit_s / 20)
            GUARD.end_if_stuck()
            waited_s += limit_s / 20
            if any(each.is_late(limit_s) for each in tracers):
                raise TooLong
    finally:
        if GUARD.ends_process:
            faulthandler.cancel_dump_traceback_later()


def close(waiting: Coroutine[Any, Any, Any]) -> None:
    """End a coroutine, also one that awaits in `finally`: Python would print a traceback."""
    for _ in range(MOST_CAUGHT):
        with suppress(BaseException):
            waiting.close()
            return


@from_generator
def _in_slices(waiting: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    step: Callable[[Any], Any] = waiting.send
    given: Any = None
    try:
        while True:
            found = GUARD.run(step, given, HELD_S)
            try:
                given = yield found
                step = waiting.send
            except BaseException as error:  # noqa: BLE001 - passed on
                given = error
                step = waiting.throw
    except StopIteration as ended:
        result: T = ended.value
        return result
    finally:
        GUARD.run(close, waiting, HELD_S)


async def guarded(waiting: Coroutine[Any, Any, T]) -> T:
    """Interrupt a coroutine that holds the event loop for HELD_S. Raises TooLong, or as the coroutine does.

    Outside the main thread, it is not interrupted.
    """
    return await (_in_slices(waiting) if _is_main_thread() else waiting)


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


def limited(file: str, work: Callable[[Any], T], argument: Any, tracer: LineTracer | None = None) -> T:
    """Interrupt the code of `file` if it takes too long.

    It is interrupted after MOST_LINES with a tracer: in an exploration, outside the main thread, with `noted_lines`,
    and at the end of the process. The event loop does not get its asynchronous generators: it would run their ends
    later.
    """
    noted = _noted.get()
    if tracer is None and (noted is not None or not _is_main_thread() or sys.is_finalizing()):
        tracer = LineTracer(file)
        if noted is not None:
            tracer.lines = noted.setdefault(file, set())
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return GUARD.run(work, argument, LIMIT_S) if tracer is None else tracer.run(work, argument)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def end(file: str, work: Callable[[Any], None], tracer: LineTracer | None) -> None:
    """As `limited`, for code that Python runs when it frees an object, in any thread."""
    if _is_main_thread() or (tracer is not None and tracer.thread == threading.get_ident()):
        limited(file, work, None, tracer)
    else:
        tracer = tracer or LineTracer(file)
        in_time(partial(tracer.run, work), tracer)
