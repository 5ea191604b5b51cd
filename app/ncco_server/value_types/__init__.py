"""The types of values in NCCO options, flow files, variables, params and lookup results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from ncco_server.value_types.addresses import Url
from ncco_server.value_types.collections import (
    MAX_ENTRIES,
    MAX_ITEMS,
    MAX_NESTING,
    SENT,
    ListOf,
    MapOf,
    Sample,
    SentMap,
    SentText,
    open_record,
    record,
    texts_of,
)
from ncco_server.value_types.durations import meant_durations, milliseconds
from ncco_server.value_types.kind import ANY, SAMPLE, BeyondLimit, Escape, JsonSchema, Kind, UnfitValue
from ncco_server.value_types.phones import (
    E164,
    FILLING,
    WITHHELD,
    Phone,
    digits_in,
    is_withheld,
    number_of_caller,
    parts_of_number,
    read_number,
    without_trunk_prefix,
)
from ncco_server.value_types.scalars import Flag, Number, PlainText, WholeNumber, Word, write
from ncco_server.value_types.times import Date, Point, PointInTime, TimeOfDay, in_utc, point_of

__all__ = [
    "ANY",
    "DATETIME",
    "E164",
    "FILLING",
    "MAX_ENTRIES",
    "MAX_ITEMS",
    "MAX_NESTING",
    "NO_BEGINNING",
    "POINTS",
    "SAMPLE",
    "SENT",
    "TYPES",
    "WITHHELD",
    "BeyondLimit",
    "Escape",
    "Flag",
    "JsonSchema",
    "Kind",
    "ListOf",
    "MapOf",
    "Number",
    "Phone",
    "PlainText",
    "Point",
    "PointInTime",
    "Sample",
    "SentMap",
    "SentText",
    "UnfitValue",
    "Url",
    "WholeNumber",
    "Word",
    "common_type",
    "digits_in",
    "in_utc",
    "is_withheld",
    "kind_of",
    "list_of",
    "meant_durations",
    "milliseconds",
    "number_of_caller",
    "open_record",
    "parts_of_number",
    "point_of",
    "read_number",
    "record",
    "texts_of",
    "without_trunk_prefix",
    "write",
]

TYPES: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        PlainText(),
        WholeNumber(),
        Number(),
        Flag(),
        Phone(),
        Url(),
        Date(),
        TimeOfDay(),
        PointInTime(),
        ListOf(),
        MapOf(),
    )
}

DATETIME: Final = TYPES["datetime"]

POINTS: Final = ("datetime", "date", "time")
"""Expressions use them as `Point`s."""


@dataclass(frozen=True)
class _NoBeginning(PlainText):
    sample = Url().sample


NO_BEGINNING: Final = _NoBeginning()
"""In expressions, a url variable must not begin a URL, since it may come from a caller."""


_PLAIN: Final[dict[Any, Kind]] = {bool: Flag(), int: WholeNumber(), float: Number(), str: PlainText()}


def kind_of(annotation: Any) -> Kind | None:
    return Word(get_args(annotation)) if get_origin(annotation) is Literal else _PLAIN.get(annotation)


def list_of(item: Kind) -> ListOf:
    return ListOf(None if item == ANY else item)


def common_type(left: Kind | None, right: Kind | None) -> Kind:
    """None is an unknown type."""
    if left is None or right is None or left.family != right.family:
        return ANY
    if left == right:
        return left
    return list_of(common_type(left.entry, right.entry)) if left.family == "list" else TYPES.get(left.family, left)
