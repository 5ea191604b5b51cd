"""A limit on the time that a piece of work may take."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any


class Deadlines:
    """Cancels tasks that work for longer than `seconds`, and makes a TimeoutError of that.

    `with deadlines.begin():` stands around every webhook. All of them have the same time, so they end in the order in
    which they began, and one timer at a time serves them all; `asyncio.timeout` has one for each.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: deque[Deadline] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> Deadline:
        """The limit for what the running task does within it."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is for work in a task")
        return self._begin(task.get_loop(), task.cancel).given_to(task)

    def begin_for(self, loop: asyncio.AbstractEventLoop, end: Callable[[], object]) -> Deadline:
        """The limit for work that no task does: `end` is called when the time is over, unless it is done by then."""
        return self._begin(loop, end)

    def _begin(self, loop: asyncio.AbstractEventLoop, end: Callable[[], object]) -> Deadline:
        if loop is not self._loop:
            self._loop, self._open, self._timer = loop, deque(), None
        begun = Deadline(end, loop.time() + self._seconds, self._open)
        self._open.append(begun)
        if self._timer is None:
            self._timer = loop.call_at(begun.at, self._look, loop)
        return begun

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        try:
            while self._open and self._open[0].at <= now:
                self._open.popleft().end()
        finally:  # one that cannot be ended keeps no other from it
            self._timer = loop.call_at(self._open[0].at, self._look, loop) if self._open else None


def _nothing() -> None:
    """What comes when the time is over for work that is done."""


class Deadline:
    """The limit of one piece of work. Made by `Deadlines`."""

    __slots__ = ("_cancelled_before", "_end", "_is_done", "_is_over", "_open", "_task", "at")

    def __init__(self, end: Callable[[], object], at: float, open_: deque[Deadline]) -> None:
        self.at = at
        self._end = end
        self._task: asyncio.Task[Any] | None = None
        self._cancelled_before = 0
        self._open = open_
        self._is_done = self._is_over = False

    def given_to(self, task: asyncio.Task[Any]) -> Deadline:
        """The same limit, now for what this task does within it."""
        self._end, self._task, self._cancelled_before = task.cancel, task, task.cancelling()
        if self._is_over:
            task.cancel()
        return self

    def end(self) -> None:
        """The time is over."""
        if not self._is_done:
            self._is_over = True
            self._end()

    def done(self) -> None:
        """The work is done; whoever did it is let go, so that no circle is left for Python to look for."""
        self._is_done, self._end = True, _nothing
        while self._open and self._open[0]._is_done:
            self._open.popleft()

    def __enter__(self) -> None:
        """Nothing: the time runs already."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        self.done()
        if not self._is_over or self._task is None:
            return
        is_ours_alone = self._task.uncancel() <= self._cancelled_before
        if is_ours_alone and kind is asyncio.CancelledError:
            raise TimeoutError from error
