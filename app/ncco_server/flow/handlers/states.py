"""Compares the states of handlers that wait: where each function of a handler is, and what it can still read."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final, TypeAlias

IsLive: TypeAlias = Callable[[CodeType, int, str], bool]
"""Whether a function that waits at a line can still read one of its variables."""
_DEEPEST: Final = 12
_ATOMS: Final = (str, bytes, int, float, complex, bool, type(None), range)
_NAMED: Final = (type, FunctionType, BuiltinFunctionType, ModuleType)
_MACHINERY: Final = frozenset(
    {"frame", "coroutine", "code", "cell", "coroutine_wrapper", "function", "async_generator"}
)
"""Types of what Python itself keeps for a function that waits."""


def state_of(coroutine: Any, ignored: Any, is_live: IsLive) -> tuple[Any, ...]:
    """A value that is equal for two handlers that go on in the same way.

    Args:
        coroutine: a handler that waits, or has ended.
        ignored: the call: what is known of it is compared otherwise.
        is_live: see `IsLive`.
    """
    found = []
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None:
            code = frame.f_code
            kept = frame.f_locals
            live = [
                (name, comparable(value))
                for name, value in sorted(kept.items())
                if value is not ignored and is_live(code, frame.f_lineno, name)
            ]
            started = [comparable(each) for each in _started(coroutine, frame, ignored)]
            found.append((code.co_qualname, frame.f_lasti, tuple(live), tuple(started)))
        coroutine = getattr(coroutine, "cr_await", None)
    return tuple(found)


def _started(coroutine: Any, frame: Any, ignored: Any) -> Iterator[Any]:
    """What a function has begun to compute and keeps in no variable, such as how far a loop has come."""
    kept = frame.f_locals
    own = (coroutine.__name__, coroutine.__qualname__, coroutine.cr_await, kept, frame.f_globals, frame.f_builtins)
    known = [id(each) for each in (ignored, *own, *kept.values())]
    for each in gc.get_referents(coroutine):
        if id(each) in known:
            known.remove(id(each))
        elif type(each).__name__ not in _MACHINERY and not hasattr(each, "is_awaited"):
            yield each


def comparable(value: Any, depth: int = 0) -> Any:
    """A hashable value that is equal for two values that code cannot tell apart; unequal if that is not known."""
    kind = type(value).__qualname__
    if isinstance(value, _ATOMS):
        return kind, value if value == value else repr(value)  # noqa: PLR0124 - not a number
    if isinstance(value, _NAMED):
        return kind, getattr(value, "__qualname__", "") or getattr(value, "__name__", ""), id(value)
    if depth > _DEEPEST:
        return kind, id(value)
    if isinstance(value, Mapping):
        return kind, tuple((comparable(key, depth + 1), comparable(each, depth + 1)) for key, each in value.items())
    if isinstance(value, Set):
        return kind, frozenset(comparable(each, depth + 1) for each in value)
    if isinstance(value, list | tuple):
        return kind, tuple(comparable(each, depth + 1) for each in value)
    return kind, _parts(value, depth)


def _parts(value: Any, depth: int) -> Any:
    """What makes up an object: its attributes, or what it would be copied from; its identity if nothing is known."""
    try:
        _, arguments, *state = value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - an object of the author's; most say TypeError
        return id(value)
    made = [each for each in (arguments, *state) if isinstance(each, Collection | int)]
    return comparable(made, depth + 1)
