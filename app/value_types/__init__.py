"""The types of values: of NCCO options, words of flow files, variables, params and answers of lookups.

Each is one `Kind`. It reads a literal of a flow file, casts a value of a running call, checks a value of an NCCO, and
gives its JSON Schema, a sample and how data is escaped in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from app.value_types.addresses import E164, Phone, Url
from app.value_types.collections import (
    MAX_ENTRIES,
    MAX_ITEMS,
    MAX_NESTING,
    ListOf,
    MapOf,
    Sample,
    open_record,
    record,
)
from app.value_types.kind import ANY, SAMPLE, Escape, JsonSchema, Kind
from app.value_types.scalars import Flag, Number, PlainText, PointInTime, WholeNumber, Word, write

__all__ = [
    "ANY",
    "DATETIME",
    "E164",
    "MAX_ENTRIES",
    "MAX_ITEMS",
    "MAX_NESTING",
    "NO_BEGINNING",
    "SAMPLE",
    "TYPES",
    "Escape",
    "Flag",
    "JsonSchema",
    "Kind",
    "ListOf",
    "MapOf",
    "Number",
    "Phone",
    "PlainText",
    "PointInTime",
    "Sample",
    "Url",
    "WholeNumber",
    "Word",
    "common_type",
    "kind_of",
    "list_of",
    "open_record",
    "record",
    "write",
]

TYPES: Final[dict[str, Kind]] = {
    kind.name: kind for kind in (PlainText(), WholeNumber(), Number(), Flag(), Phone(), Url(), ListOf(), MapOf())
}
"""The types that an author may name, by name."""

DATETIME: Final = PointInTime()
"""`now`."""


@dataclass(frozen=True)
class _NoBeginning(PlainText):
    sample = Url().sample


NO_BEGINNING: Final = _NoBeginning()
"""The type of a url variable in expressions: it must not start a URL, because callers can set variables."""


_PLAIN: Final[dict[Any, Kind]] = {bool: Flag(), int: WholeNumber(), float: Number(), str: PlainText()}


def kind_of(annotation: Any) -> Kind | None:
    """The kind of a plain type or a Literal; None for any other annotation."""
    return Word(get_args(annotation)) if get_origin(annotation) is Literal else _PLAIN.get(annotation)


def list_of(item: Kind) -> ListOf:
    """The type of a list whose entries are all of the type `item`; of any list if `item` is unknown."""
    return ListOf(None if item == ANY else item)


def common_type(left: Kind | None, right: Kind | None) -> Kind:
    """The type of a value that has one of two types; None is an unknown type."""
    if left is None or right is None or left.family != right.family:
        return ANY
    if left == right:
        return left
    return list_of(common_type(left.entry, right.entry)) if left.family == "list" else TYPES.get(left.family, left)
