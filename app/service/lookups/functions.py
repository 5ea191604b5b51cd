"""Look-ups by a Python function: a plain one in a thread, an async one in the loop of the server."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from app.service.lookups.bodies import as_json
from app.service.lookups.problem import Problem
from app.service.outgoing.threads import Threads

EACH: Final = 16
"""How often one function may run at the same time. One that never returns keeps its place until the server ends."""


class Functions:
    """Calls the functions that flows name.

    Args:
        modules: a folder whose modules can be named besides the installed ones.
    """

    def __init__(self, modules: Path | None = None) -> None:
        if modules is not None and str(modules) not in sys.path:
            sys.path.append(str(modules))  # behind everything else, so that it hides nothing
        self._threads = Threads(each=EACH)
        self._running: dict[str, asyncio.Semaphore] = {}

    async def call(self, function: str, arguments: Mapping[str, Any]) -> bytes:
        """What `package.module:function` gives back, as JSON. Raises Problem. Sets no time limit."""
        found = await self._threads.run(function, partial(_called, function, dict(arguments)))
        if isinstance(found, Problem):
            raise found
        if isinstance(found, bytes):
            return found
        places = self._running.setdefault(function, asyncio.Semaphore(EACH))
        async with places:
            return as_json(await _awaited(found))


def _called(function: str, arguments: Mapping[str, Any]) -> bytes | Problem | Awaitable[Any]:
    """In a thread: JSON, what went wrong, or what still has to be awaited."""
    found = _found(function)
    if isinstance(found, Problem):
        return found
    if misfit := _misfit(found, arguments):
        return misfit
    try:
        result = found(**arguments)
    except BaseException as error:  # noqa: BLE001 - the author's code may raise anything, `sys.exit()` too
        return _raised(error)
    if inspect.isawaitable(result):
        return result
    try:
        return as_json(result)
    except Problem as problem:
        return problem


def _found(function: str) -> Callable[..., Any] | Problem:
    module_name, _, name = function.partition(":")
    try:
        module = importlib.import_module(module_name)
    except BaseException as error:  # noqa: BLE001 - importing runs the author's code
        return Problem(f"{module_name} cannot be imported ({type(error).__name__})")
    found = getattr(module, name, None)
    return found if callable(found) else Problem(f"{module_name} has no function {name}")


def _misfit(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Problem | None:
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError:
        given = f"the arguments {', '.join(arguments)}" if arguments else "no arguments"
        return Problem(f"the function does not take {given}")
    except ValueError:  # a function of a C library does not tell
        return None
    return None


async def _awaited(result: Awaitable[Any]) -> Any:
    try:
        return await result
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Problem("the function was cancelled") from None
    except BaseException as error:  # noqa: BLE001 - the author's code may raise anything, `sys.exit()` too
        raise _raised(error) from None


def _raised(error: BaseException) -> Problem:
    """Type and line, never the text: it may hold what was asked for."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__]
    where = f" in {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    return Problem(f"the function raised {type(error).__name__}{where}")
