"""Threads for functions that may never return: DNS lookups, and functions of flow authors."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """Runs blocking functions in threads, at most `each` at a time per key.

    One that never returns only occupies a slot; the process can exit without it.
    """

    def __init__(self, each: int) -> None:
        self._each = each
        self._places: dict[str, asyncio.Semaphore] = {}

    async def run(self, key: str, function: Callable[[], T], begins: Callable[[], None] | None = None) -> T:
        """`begins` is called when a slot is free. Raises the exception of `function`.

        StopIteration and exceptions such as SystemExit become RuntimeError.
        """
        places = self._places.setdefault(key, asyncio.Semaphore(self._each))
        await places.acquire()
        if begins is not None:
            begins()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: Any, error: Exception | None) -> None:
            places.release()
            if future.cancelled():
                _discard(result)
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        def work() -> None:
            result, error = _outcome(function)
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:  # the event loop is closed: nobody waits for the result
                _discard(result)

        try:
            threading.Thread(target=work, name=key, daemon=True).start()
        except RuntimeError:  # no more threads can be started
            places.release()
            raise
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                _discard(future.result())  # the function finished during the cancellation
            raise


def _discard(result: Any) -> None:
    if inspect.iscoroutine(result):
        result.close()


def _outcome(function: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return function(), None
    except StopIteration as error:  # futures do not accept StopIteration
        return None, RuntimeError(type(error).__name__)
    except Exception as error:  # noqa: BLE001 - `run` raises it again
        return None, error
    except BaseException as error:  # noqa: BLE001 - `sys.exit()` in a thread must not end the server
        return None, RuntimeError(type(error).__name__)
