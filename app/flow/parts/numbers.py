"""A list of numbers that each call computes: whoever is on call today.

connect: "{{ oncall.numbers }}"
connect: {number: "{{ oncall.numbers }}", timeout: 15}

Its entries are rung one after another, as those of a list that is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.flow.model import Frame, Value
from app.flow.nodes import Map, Place
from app.flow.parts.listed import computed_type, entries_in, read_list
from app.flow.reader import Reader
from app.flow.types import TYPES, ValueType

_IN_TURN = "\0number"
"""The name in scope of the number whose turn it is; no author can write it."""

_PHONE = TYPES["phone"]
_DIALLED = frozenset({"text", "phone", "int", "any", "words"})
"""The types of entries that may turn out to be phone numbers."""


@dataclass(frozen=True, slots=True)
class InTurn:
    """The number of a list whose turn it is, as a value of the endpoint."""

    place: Place
    used_names: frozenset[str]
    used_files: frozenset[str] = frozenset()

    @property
    def is_literal(self) -> bool:
        """Never."""
        return False

    def render(self, names: Mapping[str, Any]) -> Any:
        """The digits; a typical number where no list is rung."""
        return names.get(_IN_TURN, _PHONE.sample)


def read_numbers(endpoint: Map, reader: Reader) -> Value | None:
    """The list that the `number` of a phone computes; None for a single one. E287 for what can be no number."""
    text = endpoint.get("number")
    item = entries_in(text, reader)
    if text is None:
        return None
    if item is None:
        single = computed_type(text, reader)
        if isinstance(single, ValueType) and _never_fits(single):
            message = f"this is {single.described}, and none of that is a phone number"
            cure = "let it be a phone number: a look-up declares it with `returns: {number: phone}`"
            reader.report("E287", text.place, message, cure)
        return None
    if item.name not in _DIALLED or _never_fits(item):
        message = f"every entry of this list is {item.described}, not a phone number"
        cure = "let it be a list of phone numbers: a look-up declares it with `returns: {numbers: [phone]}`"
        reader.report("E287", text.place, message, cure)
    return read_list(text, TYPES["list"], reader, "the list of numbers")


def _never_fits(type_: ValueType) -> bool:
    """Whether it is one of some words, none of which is a number."""
    return bool(type_.words) and not any(map(_digits, type_.words))


def each_number(numbers: Value, frame: Frame) -> Iterator[Mapping[str, Any]]:
    """What is in scope while each number of the list is rung that may be dialled, in order. Raises RenderError."""
    for entry in numbers.render(frame.names):
        number = _digits(entry)
        if frame.may_dial(number) and number:
            yield {**frame.names, _IN_TURN: number}


def _digits(entry: object) -> str:
    try:
        return str(_PHONE.cast(entry))
    except ValueError:
        return ""
