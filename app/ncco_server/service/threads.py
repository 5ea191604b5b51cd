"""Threads for functions that may never return: DNS lookups, and functions of flow authors."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

from ncco_server.flow.handlers.limits import MAY_STAY

LOOK_S: Final = 0.005
COMPUTES: Final = 0.4
"""A share of a processor: with the event loop beside it, code that computes gets half."""
WAITS: Final = 0.1
"""A function that uses less of it only waits."""
MOST_UNCLEAR: Final = 10

T = TypeVar("T")


class Threads:
    """Runs blocking functions in threads, at most `each` at a time per key.

    One that never returns only occupies a slot; the process can exit without it.

    Attributes:
        late: functions that still run though nobody waits for them anymore.
    """

    def __init__(self, each: int, *, leaves_half: bool = False) -> None:
        """With `leaves_half`, none begins while others use half of a processor, which the event loop needs, too."""
        self.late = 0
        self._leaves_half = leaves_half and hasattr(time, "pthread_getcpuclockid")
        self._gate = asyncio.Lock()
        self._clocks: dict[object, int | None] = {}
        self._each = each
        self._places: dict[str, asyncio.Semaphore] = {}

    async def run(self, key: str, function: Callable[[], T], begins: Callable[[], None] | None = None) -> T:
        """`begins` is called when a slot is free. Raises the exception of `function`.

        StopIteration and exceptions such as SystemExit become RuntimeError.
        """
        places = self._places.setdefault(key, asyncio.Semaphore(self._each))
        await self._begin(places, begins)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: Any, error: Exception | None) -> None:
            places.release()
            if future.cancelled():
                self.late -= 1
                _discard(result)
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._clocks[future] = None  # until it runs, nobody knows whether it computes

        def work() -> None:
            if self._leaves_half:
                self._clocks[future] = time.pthread_getcpuclockid(threading.get_ident())
            result, error = _outcome(function)
            self._clocks.pop(future, None)
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:  # the event loop is closed: nobody waits for the result
                _discard(result)

        try:
            threading.Thread(target=work, name=f"{MAY_STAY}: {key}", daemon=True).start()
        except RuntimeError:  # no more threads can be started
            self._clocks.pop(future, None)
            places.release()
            raise
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                _discard(future.result())  # the function finished during the cancellation
            self.late += future.cancelled()
            self._clocks.pop(future, None)
            raise

    async def _begin(self, places: asyncio.Semaphore, begins: Callable[[], None] | None) -> None:
        await places.acquire()
        try:
            if self._leaves_half:
                await self._until_others_wait()
            if begins is not None:
                begins()
        except BaseException:
            places.release()
            raise

    async def _until_others_wait(self) -> None:
        """Functions begin one after the other. A late one is not waited for.

        On a busy machine it looks until the process has got some time: a function that computes has its part of that.
        """
        unclear = 0
        async with self._gate:
            while self._clocks and unclear < MOST_UNCLEAR:
                if not unclear:
                    before, began, process_began = self._used(), time.monotonic(), time.process_time()
                await asyncio.sleep(LOOK_S)
                took_s = time.monotonic() - began
                used_s = sum(used - before.get(function, 0) for function, used in self._used().items())
                if used_s > LOOK_S * COMPUTES:
                    unclear = 0
                    continue
                is_idle = took_s < 2 * LOOK_S and used_s < LOOK_S * WAITS
                is_enough = time.process_time() - process_began > 4 * LOOK_S
                if (is_idle or is_enough) and None not in self._clocks.values():
                    return
                unclear += 1

    def _used(self) -> Mapping[object, float]:
        """Processor time of the functions that run."""
        found = {}
        for function, clock in list(self._clocks.items()):
            if clock is None:
                continue
            with suppress(OSError):  # its thread has just ended
                found[function] = time.clock_gettime(clock)
        return found


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
