"""Sample results of functions, by their return types: what a handler may get from `Call.run`."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

MOST: Final = 12
"""Maximum number of samples of one type."""
_PLAIN: Final[Mapping[Any, tuple[Any, ...]]] = {
    str: ("text", ""),
    int: (1, 0),
    float: (1.5, 0.0),
    bool: (True, False),
    type(None): (None,),
    date: ("2026-01-05",),
    datetime: (datetime(2026, 1, 5, 9, tzinfo=UTC).isoformat(),),
}


def samples_of(function: Callable[..., Any]) -> tuple[Any, ...]:
    """Results that the function may return, as JSON values; a text and None if its return type is unknown."""
    try:
        hint = typing.get_type_hints(function).get("return", Any)
    except (NameError, TypeError):
        hint = Any
    return tuple(_of(hint, 0))[:MOST]


def are_all(function: Callable[..., Any]) -> bool:
    """Whether `samples_of` are all results that the function may return."""
    try:
        hint = typing.get_type_hints(function).get("return", Any)
    except (NameError, TypeError):
        return False
    return _is_finite(hint) and len(_of(hint, 0)) <= MOST


def _is_finite(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return all(map(_is_finite, typing.get_args(hint)))
    is_enum = isinstance(hint, type) and issubclass(hint, enum.Enum)
    return is_enum or origin is typing.Literal or hint in (bool, type(None))


def _of(hint: Any, depth: int) -> Sequence[Any]:
    """The samples of a type; those of a record differ from the first one in one field each."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin is typing.Annotated:
        return _of(arguments[0], depth)
    if origin is typing.Literal:
        return arguments
    if origin in (typing.Union, types.UnionType):
        return [sample for each in arguments for sample in _of(each, depth)]
    if depth > 3 or hint is Any:
        return ("text", None)
    if origin in (list, tuple, set, frozenset) or hint in (list, tuple):
        inner = _of(arguments[0], depth + 1) if arguments else ("text",)
        return ([], list(inner[:1]), [inner[0], inner[-1]])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [each.value for each in hint]
    return _records(_fields_of(hint), depth)


def _fields_of(hint: Any) -> dict[str, Any]:
    if is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return {each.name: hints[each.name] for each in fields(hint) if each.init or each.default is MISSING}
    known = getattr(hint, "model_fields", None)
    if isinstance(known, Mapping):
        return {name: each.annotation for name, each in known.items()}
    return typing.get_type_hints(hint) if typing.is_typeddict(hint) else {}


def _records(found: Mapping[str, Any], depth: int) -> Sequence[Any]:
    if not found:
        return ({}, None)
    each = {name: _of(hint, depth + 1) for name, hint in found.items()}
    first = {name: samples[0] for name, samples in each.items()}
    return [first, *({**first, name: other} for name, samples in each.items() for other in samples[1:])]
