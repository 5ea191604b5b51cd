"""YAML as text with positions: the input for the models of the flow language.

Every scalar is a `Text`; nothing is converted to a number, a boolean or null yet. A field of another type converts the
text itself and reports errors at the text's place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
"""A line break in a file, for counting lines."""


class Place(NamedTuple):
    """A position in a file. `line` and `column` count from 1; `length` is a number of characters on that line."""

    file: str
    line: int
    column: int
    length: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def is_in_python(self) -> bool:
        """Whether the file is that of a handler, whose fixes are written in Python."""
        return self.file.endswith(".py")

    def covers(self, line: int, column: int) -> bool:
        """Whether a cursor at this line and column is on the place, or just after it."""
        return self.line == line and self.column <= column <= self.column + self.length


NOWHERE: Final = Place("", 0, 0)
"""The place of something that is not in a file."""


class Text(NamedTuple):
    """One scalar of a file.

    `value` is the meaning of the scalar (quotes removed, escapes resolved). `origins` contains the (line, column) of
    each character of `value`. It is empty if the scalar is written literally on one line (not as a block, and without
    escapes or folded lines).
    """

    value: str
    place: Place
    quoted: bool = False
    origins: tuple[tuple[int, int], ...] = ()

    def at(self, offset: int, length: int = 1) -> Place:
        if self.origins:
            line, column = self.origins[min(max(offset, 0), len(self.origins) - 1)]
            return Place(self.place.file, line, column, max(1, length))
        start = self.place.column + (1 if self.quoted else 0)
        return Place(self.place.file, self.place.line, start + max(offset, 0), max(1, length))


class Entry(NamedTuple):
    """One `key: value` of a map."""

    key: Text
    value: Node


class Map(NamedTuple):
    """A mapping in the order of its file. A repeated key is reported, and only its first value is kept."""

    entries: tuple[Entry, ...]
    place: Place

    def get(self, key: str) -> Node | None:
        """The value under `key`, or None."""
        for entry in self.entries:
            if entry.key.value == key:
                return entry.value
        return None

    def entry(self, key: str) -> Entry | None:
        """The entry of `key`, or None."""
        return next((entry for entry in self.entries if entry.key.value == key), None)

    def without(self, *keys: str) -> Map:
        """The same mapping without these keys."""
        return Map(tuple(entry for entry in self.entries if entry.key.value not in keys), self.place)

    def keys(self) -> tuple[str, ...]:
        """The keys in the order of the file."""
        return tuple(entry.key.value for entry in self.entries)


class Seq(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    place: Place


Node: TypeAlias = Text | Map | Seq


def is_missing(node: Node) -> bool:
    """Whether the value is missing. A missing value has already been reported."""
    return isinstance(node, Text) and not node.value and not node.quoted


def text_of(node: Node | None) -> str:
    """The value of a text; "" for any other node."""
    return node.value if isinstance(node, Text) else ""


def walk(node: Node) -> Iterator[Node]:
    """The node and everything in it, in the order of its file; keys are left out."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        if isinstance(each, Map):
            waiting += [entry.value for entry in reversed(each.entries)]
        elif isinstance(each, Seq):
            waiting += reversed(each.items)


def texts_in(node: Node) -> Iterator[Text]:
    """Every text within a node, or the text itself; keys are left out."""
    return (inner for inner in walk(node) if isinstance(inner, Text))
