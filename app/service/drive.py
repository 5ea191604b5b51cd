"""Drives a turn: answers what the interpreter asks for, until it returns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import TypeAlias, TypeVar

from app.engine import Lookup, LookupAnswer

Result = TypeVar("Result")
LookUp: TypeAlias = Callable[[tuple[Lookup, ...]], Awaitable[tuple[LookupAnswer, ...]]]
"""Asks look-ups side by side; it never raises, and gives one answer for each, in their order."""


class NeedsTask(Exception):
    """A turn asks look-ups, and no task is there that could wait for them. Nothing has been done yet."""


async def drive(
    playing: Generator[tuple[Lookup, ...], tuple[LookupAnswer, ...], Result], look_ups: Callable[[], LookUp]
) -> Result:
    """Run the interpreter to its end. `look_ups` gives what asks; most turns ask nothing, and it is not called.

    Raises NeedsTask when there is something to ask and this does not run in a task.
    """
    try:
        wanted = next(playing)
        if asyncio.current_task() is None:
            raise NeedsTask
        look_up = look_ups()
        while True:
            wanted = playing.send(await look_up(wanted))
    except StopIteration as done:
        result: Result = done.value
        return result


async def no_lookups(wanted: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
    """The look-ups of a server that has none."""
    return tuple(LookupAnswer(None, "this server asks nobody") for _ in wanted)
