"""Sample results of functions, by their return types, and sample rows: what a handler may get."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

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
    "any": ("text", ""),
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


Tested: TypeAlias = Callable[[str], Sequence[str | int]]
"""The constants that a field may be compared with, by its name; "" for what is no field."""
_Known: TypeAlias = Callable[[str], Mapping[Any, tuple[Any, ...]]]
"""The samples of each plain type, by the name of the field."""


def _untested(_: str) -> Sequence[str | int]:
    return ()


def samples_of(function: Callable[..., Any], tested: Tested = _untested) -> Samples:
    """A text and None if the return type is unknown."""
    try:
        hint = typing.get_type_hints(function).get("return", Any)
    except (NameError, TypeError):
        hint = Any

    @cache
    def known(field: str) -> Mapping[Any, tuple[Any, ...]]:
        constants = tested(field)
        texts = [each for each in constants if isinstance(each, str)]
        near = [number + step for number in constants if isinstance(number, int) for step in (-1, 0, 1)]
        return {
            **_PLAIN,
            str: tuple(dict.fromkeys(["text", *texts, ""])),
            int: tuple(dict.fromkeys([1, 0, *near])),
        }

    found = _of(hint, 0, known)
    return Samples(tuple(found[:MOST]), _is_whole(hint) and len(found) <= MOST)


def samples_of_row(definition: LookupDefinition, tested: Tested = _untested) -> Samples:
    """Rows that differ from the first one in one column each."""
    secrets = definition.returns.secrets
    columns = {
        name: (SECRET,) if (name,) in secrets else _of_column(type_, tested(name))
        for name, type_ in definition.returns.fields.items()
    }
    rows = _varied(columns)
    is_whole = all(field.words or field.name == "bool" for field in definition.returns.fields.values())
    return Samples(tuple(rows[:MOST]), is_whole and len(columns) <= 1 and len(rows) <= MOST)


def _varied(samples: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Records that differ from the first one in one field each. Every field varies once before one varies again."""
    first = {name: values[0] for name, values in samples.items()}
    others = (
        {**first, name: values[number]}
        for number in range(1, max(map(len, samples.values()), default=0))
        for name, values in samples.items()
        if number < len(values)
    )
    return [first, *others]


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


def _of(hint: Any, depth: int, known: _Known, field: str = "") -> Sequence[Any]:
    """The samples of a record differ from the first one in one field each."""
    if hint in known(field):
        return known(field)[hint]
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin is typing.Annotated:
        return _of(arguments[0], depth, known, field)
    if origin is typing.Literal:
        return arguments
    if origin in (typing.Union, types.UnionType):
        return [sample for argument in arguments for sample in _of(argument, depth, known, field)]
    if depth > 3 or hint is Any:
        return ("text", None)
    if origin in (list, tuple, set, frozenset) or hint in (list, tuple):
        if not arguments:
            return ([], ["text"], ["text", "text"])
        inner = _of(arguments[0], depth + 1, known, field)
        plain = _of(arguments[0], depth + 1, lambda _: known(""), field)
        compared = ([each] for each in inner[1:] if each not in plain)
        return ([], [inner[0]], [inner[0], inner[-1]], *compared)
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


def _records(found: Mapping[str, Any], depth: int, known: _Known) -> Sequence[Any]:
    if not found:
        return ({}, None)
    return _varied({name: _of(hint, depth + 1, known, name) for name, hint in found.items()})
