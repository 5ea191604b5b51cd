"""A list of numbers that each call computes: whoever is on call today.

connect: "{{ oncall.numbers }}"
connect: {number: "{{ oncall.numbers }}", timeout: 15}

Its entries are rung one after another, as those of a list that is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.flow.expressions.check import Check, described, kind_of
from app.flow.expressions.checker import type_of
from app.flow.expressions.kinds import item_of
from app.flow.model import Frame, Value
from app.flow.nodes import Map, Place, Text
from app.flow.reader import Reader
from app.flow.scope import Shape
from app.flow.templates.tree import Output, TreeReader
from app.flow.types import TYPES

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
    """The list that the `number` of a phone computes; None for a single one. E287 when it cannot hold any."""
    text = endpoint.get("number")
    shape = _shape_of(text, reader) if isinstance(text, Text) else None
    if shape is None or kind_of(shape) != "list" or not isinstance(text, Text):
        return None
    item = item_of(shape)
    if item.name not in _DIALLED:
        message = f"every entry of this list is {described(item)}, not a phone number"
        cure = "let it be a list of phone numbers: a look-up declares it with `returns: {numbers: [phone]}`"
        reader.report("E287", text.place, message, cure)
    return reader.value(text, TYPES["list"], "kept", "the list of numbers")


def _shape_of(text: Text, reader: Reader) -> Shape | None:
    """The type of what the one pair of braces computes; None without one, or when it is not known."""
    if not text.value.startswith("{{"):
        return None
    tree = TreeReader(text.value)
    parts = tree.read()
    if tree.faults or len(parts) != 1 or not isinstance(parts[0], Output):
        return None
    return type_of(Check(text, reader.scope, braces=True), parts[0].node)


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
