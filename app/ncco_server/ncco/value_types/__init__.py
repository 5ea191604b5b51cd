"""The types of values in NCCO options, flow files, variables, params and lookup results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from ncco_server.ncco.value_types.addresses import Url as Url
from ncco_server.ncco.value_types.collections import MAX_ENTRIES as MAX_ENTRIES
from ncco_server.ncco.value_types.collections import MAX_ITEMS as MAX_ITEMS
from ncco_server.ncco.value_types.collections import MAX_NESTING as MAX_NESTING
from ncco_server.ncco.value_types.collections import SENT as SENT
from ncco_server.ncco.value_types.collections import ListOf as ListOf
from ncco_server.ncco.value_types.collections import MapOf as MapOf
from ncco_server.ncco.value_types.collections import Sample as Sample
from ncco_server.ncco.value_types.collections import SentMap as SentMap
from ncco_server.ncco.value_types.collections import SentText as SentText
from ncco_server.ncco.value_types.collections import open_record as open_record
from ncco_server.ncco.value_types.collections import record as record
from ncco_server.ncco.value_types.collections import texts_of as texts_of
from ncco_server.ncco.value_types.durations import duration_ms as duration_ms
from ncco_server.ncco.value_types.kind import ANY as ANY
from ncco_server.ncco.value_types.kind import SAMPLE as SAMPLE
from ncco_server.ncco.value_types.kind import BeyondLimit as BeyondLimit
from ncco_server.ncco.value_types.kind import Escape as Escape
from ncco_server.ncco.value_types.kind import JsonSchema as JsonSchema
from ncco_server.ncco.value_types.kind import Kind as Kind
from ncco_server.ncco.value_types.phones import E164 as E164
from ncco_server.ncco.value_types.phones import FILLING as FILLING
from ncco_server.ncco.value_types.phones import WITHHELD as WITHHELD
from ncco_server.ncco.value_types.phones import CallerId as CallerId
from ncco_server.ncco.value_types.phones import Phone as Phone
from ncco_server.ncco.value_types.phones import digits_in as digits_in
from ncco_server.ncco.value_types.phones import is_withheld as is_withheld
from ncco_server.ncco.value_types.phones import number_of_caller as number_of_caller
from ncco_server.ncco.value_types.phones import parts_of_number as parts_of_number
from ncco_server.ncco.value_types.phones import read_number as read_number
from ncco_server.ncco.value_types.phones import without_trunk_prefix as without_trunk_prefix
from ncco_server.ncco.value_types.scalars import Flag as Flag
from ncco_server.ncco.value_types.scalars import Number as Number
from ncco_server.ncco.value_types.scalars import PlainText as PlainText
from ncco_server.ncco.value_types.scalars import WholeNumber as WholeNumber
from ncco_server.ncco.value_types.scalars import Word as Word
from ncco_server.ncco.value_types.scalars import write as write
from ncco_server.ncco.value_types.times import Date, TimeOfDay
from ncco_server.ncco.value_types.times import Point as Point
from ncco_server.ncco.value_types.times import PointInTime as PointInTime
from ncco_server.ncco.value_types.times import in_utc as in_utc
from ncco_server.ncco.value_types.times import point_of as point_of

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
