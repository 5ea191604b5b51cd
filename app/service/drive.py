"""Drives a turn: answers what the interpreter asks for, until it returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeAlias, TypeVar

from app.engine import Lookup
from app.errors import RenderError

Result = TypeVar("Result")
LookUp: TypeAlias = Callable[[Lookup], Awaitable[Any]]


async def drive(playing: Generator[Lookup, Any, Result], look_up: LookUp) -> Result:
    """Run the interpreter to its end; a look-up that fails is thrown into it as RenderError."""
    try:
        wanted = next(playing)
        while True:
            wanted = await _answer(playing, wanted, look_up)
    except StopIteration as done:
        result: Result = done.value
        return result


async def _answer(playing: Generator[Lookup, Any, Result], wanted: Lookup, look_up: LookUp) -> Lookup:
    try:
        value = await look_up(wanted)
    except RenderError as error:
        return playing.throw(error)
    return playing.send(value)


async def no_lookups(wanted: Lookup) -> Any:
    """The look-ups of a server that has none."""
    raise RenderError("R104", f"there is no look-up {wanted.name}", wanted.step)
