"""Sample results of functions, by their return types, and sample rows: what a handler may get."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from ncco_server.flow.language.lookups import LookupDefinition
from ncco_server.value_types import Kind

MOST: Final = 24
_WHOLE: Final = (bool, type(None))
"""Every value of these types is a sample."""
_PLAIN: Final[Mapping[Any, tuple[Any, ...]]] = {
    str: ("text", ""),
    int: (1, 0),
    float: (1.5, 0.0),
    bool: (True, False),
    type(None): (None,),
    date: ("2026-01-05",),
    datetime: (datetime(2026, 1, 5, 9, tzinfo=UTC).isoformat(),),
}


_COLUMNS: Final[Mapping[str, Sequence[Any]]] = {
    "text": ("text", ""),
    "phone": ("447700900999", ""),
    "url": ("https://example.com", ""),
    "int": (1, 0),
    "number": (1.5, 0),
    "bool": (True, False),
    "date": ("2026-01-05", ""),
    "time": ("09:30", ""),
    "datetime": ("2026-01-05T09:30:00+00:00", ""),
}
SECRET: Final = "kept to itself"  # noqa: S105 - a sample
"""Of every sensitive column. It must differ from all other samples: a text that is equal to a secret is masked."""


class Samples(NamedTuple):
    """JSON values that a function may return or a row contain, and whether there are no others."""

    values: tuple[Any, ...]
    are_all: bool


def samples_of(function: Callable[..., Any], tested: Sequence[str | int] = ()) -> Samples:
    """A text and None if the return type is unknown. `tested` is what results may be compared with."""
    try:
        hint = typing.get_type_hints(function).get("return", Any)
    except (NameError, TypeError):
        hint = Any
    texts = [each for each in tested if isinstance(each, str)]
    near = [number + step for number in tested if isinstance(number, int) for step in (-1, 0, 1)]
    known = {str: tuple(dict.fromkeys(["text", *texts, ""])), int: tuple(dict.fromkeys([1, 0, *near]))}
    found = _of(hint, 0, {**_PLAIN, **known})
    return Samples(tuple(found[:MOST]), _is_whole(hint) and len(found) <= MOST)


def samples_of_row(definition: LookupDefinition, tested: Sequence[str | int] = ()) -> Samples:
    """Rows that differ from the first one in one column each. `tested` is what columns may be compared with."""
    secrets = definition.returns.secrets
    columns = {
        name: (SECRET,) if (name,) in secrets else _of_column(type_, tested)
        for name, type_ in definition.returns.fields.items()
    }
    first = {name: samples[0] for name, samples in columns.items()}
    rows = [first, *({**first, name: other} for name, samples in columns.items() for other in samples[1:])]
    is_whole = all(field.words or field.name == "bool" for field in definition.returns.fields.values())
    return Samples(tuple(rows[:MOST]), is_whole and len(columns) <= 1 and len(rows) <= MOST)


def _of_column(type_: Kind, tested: Sequence[str | int]) -> Sequence[Any]:
    found = list(type_.words or _COLUMNS[type_.name])
    for each in tested:
        with suppress(ValueError, OverflowError):
            found.append(type_.cast(each))
    return list(dict.fromkeys(found))


def _is_whole(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return all(map(_is_whole, typing.get_args(hint)))
    return origin is typing.Literal or hint in _WHOLE or (isinstance(hint, type) and issubclass(hint, enum.Enum))


def _of(hint: Any, depth: int, known: Mapping[Any, tuple[Any, ...]]) -> Sequence[Any]:
    """The samples of a record differ from the first one in one field each."""
    if hint in known:
        return known[hint]
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin is typing.Annotated:
        return _of(arguments[0], depth, known)
    if origin is typing.Literal:
        return arguments
    if origin in (typing.Union, types.UnionType):
        return [sample for argument in arguments for sample in _of(argument, depth, known)]
    if depth > 3 or hint is Any:
        return ("text", None)
    if origin in (list, tuple, set, frozenset) or hint in (list, tuple):
        inner = _of(arguments[0], depth + 1, known) if arguments else ("text",)
        return ([], list(inner[:1]), [inner[0], inner[-1]])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [each.value for each in hint]
    return _records(_fields_of(hint), depth, known)


def _fields_of(hint: Any) -> dict[str, Any]:
    if is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return {field.name: hints[field.name] for field in fields(hint) if field.init or field.default is MISSING}
    known = getattr(hint, "model_fields", None)
    if isinstance(known, Mapping):
        return {name: each.annotation for name, each in known.items()}
    return typing.get_type_hints(hint) if typing.is_typeddict(hint) else {}


def _records(found: Mapping[str, Any], depth: int, known: Mapping[Any, tuple[Any, ...]]) -> Sequence[Any]:
    if not found:
        return ({}, None)
    each = {name: _of(hint, depth + 1, known) for name, hint in found.items()}
    first = {name: samples[0] for name, samples in each.items()}
    return [first, *({**first, name: other} for name, samples in each.items() for other in samples[1:])]
