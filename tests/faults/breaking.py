"""What a point does while it is broken."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeAlias

from tests.faults.points import Kind

How: TypeAlias = Literal["raises", "fails", "hangs", "none", "text", "late", "cancelled", "given up"]
"""`raises` what nobody foresees; `fails` as the system does; `hangs`; gives `none` or `text` for whatever it should;
does its work and raises then (`late`); is `cancelled` from within; its task is `given up` while it works."""

WAYS: Final[dict[Kind, tuple[How, ...]]] = {
    "await": ("raises", "fails", "hangs", "none", "text", "late", "cancelled", "given up"),
    "call": ("raises", "fails", "hangs", "late"),
    "data": ("raises", "fails", "hangs", "none", "text", "late"),
    "enter": ("raises", "hangs", "cancelled"),
    "exit": ("raises", "hangs", "cancelled"),
    "next": ("raises", "hangs", "cancelled"),
}
BLOCKED_S: Final = 0.02
"""How long a call that hangs keeps the event loop: nothing can be done there while it does."""
GARBAGE: Final = "garbage"


class Broken(Exception):
    """Nobody has foreseen this."""


class Faults:
    """Whether a point works; the code of the server asks at each.

    Attributes:
        reached: the points that were passed since it was cleared.
        struck: how often the broken one was.
    """

    def __init__(self) -> None:
        self.reached: set[str] = set()
        self.struck = 0
        self._broken = ""
        self._how: How = "raises"
        self._healed = threading.Event()
        self._loop_thread = threading.get_ident()

    @contextmanager
    def breaking(self, name: str, how: How) -> Iterator[None]:
        """One point is broken within."""
        self._healed.clear()
        self._loop_thread = threading.get_ident()
        self.struck, self._how, self._broken = 0, how, name
        try:
            yield
        finally:
            self._broken = ""
            self._healed.set()

    def awaited(self, name: str, awaitable: Awaitable[Any]) -> Awaitable[Any]:
        """What is waited for at a point."""
        self.reached.add(name)
        return awaitable if name != self._broken else self._wait(awaitable)

    def entered(self, enter: str, leave: str, context: Any) -> Any:
        """What is entered and left at a point."""
        return _Context(self, enter, leave, context)

    def iterated(self, name: str, items: Any) -> AsyncIterator[Any]:
        """What gives one thing after another at a point."""
        return _Items(self, name, aiter(items))

    def called(self, name: str, function: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        """What is called at a point."""
        self.reached.add(name)
        if name != self._broken:
            return function(*args, **named)
        self.struck += 1
        if self._how == "hangs" and threading.get_ident() == self._loop_thread:
            time.sleep(BLOCKED_S)
            return function(*args, **named)
        if self._how == "hangs":
            self._healed.wait()
            raise Broken
        if self._how == "late":
            function(*args, **named)
        return self._end()

    async def _wait(self, awaitable: Awaitable[Any]) -> Any:
        self.struck += 1
        if self._how == "late":
            await awaitable
        elif self._how == "given up":
            task = asyncio.current_task()
            if task is not None:
                task.cancel()
            return await awaitable
        elif inspect.iscoroutine(awaitable):
            awaitable.close()
        if self._how == "hangs":
            await asyncio.get_running_loop().create_future()
        return self._end()

    def _end(self) -> Any:
        match self._how:
            case "none":
                return None
            case "text":
                return GARBAGE
            case "fails":
                raise OSError(5, "Input/output error")
            case "cancelled":
                raise asyncio.CancelledError
        raise Broken


class _Context:
    """An asynchronous context manager whose two ends can be broken."""

    def __init__(self, faults: Faults, enter: str, leave: str, context: Any) -> None:
        self._faults = faults
        self._names = enter, leave
        self._context = context

    async def __aenter__(self) -> Any:
        return await self._faults.awaited(self._names[0], self._context.__aenter__())

    async def __aexit__(self, *error: Any) -> Any:
        is_handled = await self._context.__aexit__(*error)
        await self._faults.awaited(self._names[1], asyncio.sleep(0))
        return is_handled


class _Items:
    """An asynchronous iterator that can be broken."""

    def __init__(self, faults: Faults, name: str, items: Any) -> None:
        self._faults = faults
        self._name = name
        self._items = items

    def __aiter__(self) -> _Items:
        return self

    async def __anext__(self) -> Any:
        return await self._faults.awaited(self._name, anext(self._items))

    async def aclose(self) -> None:
        """As generators do."""
        if hasattr(self._items, "aclose"):
            await self._items.aclose()
