"""JSON as a text that somebody wrote: strict reading, and where in it a JSON Pointer leads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from app.cli.jobs.json_cures import cure_of

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class Span(NamedTuple):
    """Characters `start` to `end` of a text, from 0; `end` is the first one behind it."""

    start: int
    end: int


class Doubled(NamedTuple):
    """A name that stood in its object before: the object's member by JSON Pointer, and where the name stands again."""

    pointer: str
    span: Span


class NotJsonError(ValueError):
    """The text is not JSON.

    Attributes:
        offset: the character where reading stopped.
        cure: what to write there; None when that cannot be told.
    """

    def __init__(self, message: str, offset: int, cure: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON text that was read.

    Attributes:
        spans: JSON Pointer → the value's characters; of an object or a list its opening bracket.
        names: JSON Pointer → the characters of the member's name, quotes included.
        doubled: each name that stood in its object before. The last member of that name counts.
    """

    value: Any
    spans: Mapping[str, Span]
    names: Mapping[str, Span]
    doubled: tuple[Doubled, ...]


def read(text: str) -> Document:
    """The value of `text`. Raises NotJsonError, also for NaN, Infinity and nesting that Python cannot hold."""
    value = _value(text)
    places = _Places()
    for token in _TOKEN.finditer(text):
        places.take(token.group(), Span(*token.span()))
    return Document(value, places.spans, places.names, tuple(places.doubled))


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Where the character at `offset` stands; both count from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _value(text: str) -> Any:
    def refuse(word: str) -> NoReturn:
        message = f"{word} is a word of JavaScript, not of JSON"
        raise NotJsonError(message, _offset_of_word(text, word), "write a number, or null")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise _explained(text, error) from error
    except RecursionError as error:
        raise NotJsonError("lists and objects are nested too deeply", 0) from error
    except NotJsonError:
        raise
    except ValueError as error:
        raise NotJsonError("a number has more digits than can be read", _offset_of_longest_number(text)) from error


def _explained(text: str, error: json.JSONDecodeError) -> NotJsonError:
    """The same fault in the same words on every version of Python: only newer ones know a trailing comma."""
    before = text[: error.pos].rstrip()
    if error.msg.startswith("Illegal trailing comma"):
        return NotJsonError("nothing comes behind this comma", error.pos, "delete the comma")
    if before.endswith(",") and text[error.pos : error.pos + 1] in ("]", "}"):
        return NotJsonError("nothing comes behind this comma", len(before) - 1, "delete the comma")
    return NotJsonError(error.msg, error.pos, cure_of(text, error.pos, error.msg))


def _offset_of_word(text: str, word: str) -> int:
    return next(token.start() for token in _TOKEN.finditer(text) if token.group() == word)


def _offset_of_longest_number(text: str) -> int:
    return max(re.finditer(r"\d+", text), key=lambda digits: len(digits.group())).start()


@dataclass(slots=True)
class _Container:
    """An object or a list that is being read: where it is, and which member comes next."""

    pointer: str
    is_object: bool
    name: str | None = None
    names: set[str] = field(default_factory=set)
    length: int = 0

    def next_pointer(self) -> str:
        name = self.name if self.is_object else str(self.length)
        return f"{self.pointer}/{(name or '').replace('~', '~0').replace('/', '~1')}"


@dataclass(slots=True)
class _Places:
    """Follows the tokens of a valid JSON text."""

    spans: dict[str, Span] = field(default_factory=dict)
    names: dict[str, Span] = field(default_factory=dict)
    doubled: list[Doubled] = field(default_factory=list)
    open: list[_Container] = field(default_factory=list)

    def take(self, piece: str, span: Span) -> None:
        if piece in "}]":
            self.open.pop()
        elif piece == ",":
            self.open[-1].name = None
            self.open[-1].length += 1
        elif piece != ":":
            self._name_or_value(piece, span)

    def _name_or_value(self, piece: str, span: Span) -> None:
        inside = self.open[-1] if self.open else None
        if inside is not None and inside.is_object and inside.name is None:
            self._name(inside, json.loads(piece), span)
            return
        pointer = inside.next_pointer() if inside else ""
        self.spans[pointer] = span
        if piece in "{[":
            self.open.append(_Container(pointer, is_object=piece == "{"))

    def _name(self, inside: _Container, name: str, span: Span) -> None:
        inside.name = name
        self.names[inside.next_pointer()] = span
        if name in inside.names:
            self.doubled.append(Doubled(inside.next_pointer(), span))
        inside.names.add(name)
