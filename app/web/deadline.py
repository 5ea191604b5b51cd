"""A limit on the time that a piece of work may take."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any


class deadline:  # noqa: N801 - reads like `asyncio.timeout`, whose part it plays
    """Cancels the task that works within it after `seconds`, and makes a TimeoutError of that.

    `asyncio.timeout` does the same and more, at three times the price; this stands around every webhook.
    """

    __slots__ = ("_handle", "_is_over", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is for work in a task")
        self._task: asyncio.Task[Any] = task
        self._handle = task.get_loop().call_later(self._seconds, self._end)

    def _end(self) -> None:
        self._is_over = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        self._handle.cancel()
        if self._is_over and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error
