"""YAML as text with positions. Every scalar is a `Text`: other types' fields convert it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")


class Place(NamedTuple):
    """A position in a file. `line` and `column` count from 1; `length` is in characters of that line."""

    file: str
    line: int
    column: int
    length: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @classmethod
    def read(cls, shown: str) -> Place:
        """The place that is shown as this text, without its length."""
        file, line, column = shown.rsplit(":", 2)
        return cls(file, int(line), int(column))

    @property
    def is_in_python(self) -> bool:
        """Whether it is a handler's file, with fixes in Python."""
        return self.file.endswith(".py")


NOWHERE: Final = Place("", 0, 0)


class Text(NamedTuple):
    """One scalar of a file, with quotes removed and escapes resolved.

    `origins` has the (line, column) of each character of `value`; empty for a literal scalar on one line.
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

    def between_commas(self) -> Iterator[tuple[str, Place]]:
        """Each part, without the blanks around it."""
        offset = 0
        for part in self.value.split(","):
            blanks = len(part) - len(part.lstrip())
            yield part.strip(), self.at(offset + blanks, len(part.strip()))
            offset += len(part) + 1


class Entry(NamedTuple):
    """One `key: value` of a map."""

    key: Text
    value: Node


class Map(NamedTuple):
    """A mapping in its file's order. Of a repeated key, which is reported, the first value is kept."""

    entries: tuple[Entry, ...]
    place: Place

    def get(self, key: str) -> Node | None:
        for entry in self.entries:
            if entry.key.value == key:
                return entry.value
        return None

    def entry(self, key: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key.value == key), None)

    def without(self, *keys: str) -> Map:
        return Map(tuple(entry for entry in self.entries if entry.key.value not in keys), self.place)

    def may_hold(self, texts: Iterable[str]) -> bool:
        """False if none of these is a key or a value in a map that has not been built yet."""
        return True

    def keys(self) -> tuple[str, ...]:
        return tuple(entry.key.value for entry in self.entries)


class Seq(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    place: Place


Node: TypeAlias = Text | Map | Seq


def is_missing(node: Node) -> bool:
    """A missing value has already been reported."""
    return isinstance(node, Text) and not node.value and not node.quoted


def text_of(node: Node | None) -> str:
    """Return "" for any node that is not a text."""
    return node.value if isinstance(node, Text) else ""


def walk(node: Node, among: Collection[str] = ()) -> Iterator[Node]:
    """In the order of the file, without keys.

    With `among`, maps without these keys and values may be left out.
    """
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if among and isinstance(each, Map) and not each.may_hold(among):
            continue
        yield each
        if isinstance(each, Map):
            waiting += [entry.value for entry in reversed(each.entries)]
        elif isinstance(each, Seq):
            waiting += reversed(each.items)


def texts_in(node: Node) -> Iterator[Text]:
    return (inner for inner in walk(node) if isinstance(inner, Text))
