"""The text of one file while it is read: where each character stands, and what is masked so that reading goes on.

A fault in YAML stops its parser. So that one load finds them all, a fault that has been reported is masked: its
characters are replaced one for one by a filler that means nothing to YAML. Positions stay, and a text that held a
masked character is taken from the original, as if its author had put it in quotes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import Protocol

import yaml

from app.flow.nodes import Place

FILLER = "\ue000"
"""A private-use letter: ordinary text to a YAML parser."""

_BREAK = re.compile(r"\r\n|\r|\n")


class Mark(Protocol):
    """A position that the parser gives; each of its two implementations has a class of its own."""

    @property
    def index(self) -> int:
        """Characters from the start of the text."""

    @property
    def line(self) -> int:
        """From 0."""

    @property
    def column(self) -> int:
        """From 0."""


def marks(event: yaml.Event) -> tuple[Mark, Mark]:
    """Where a piece starts and ends."""
    return event.start_mark, event.end_mark  # type: ignore[return-value]  # the parsers set both in every event


class Page:
    """One file: its text as written (`text`) and as the parser sees it (`masked`), of the same length.

    A byte order mark at the start is not part of it. Lines end with LF, CRLF or CR.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text.removeprefix("\ufeff")
        self.masked = self.text

    @cached_property
    def starts(self) -> list[int]:
        """Where each line starts, in characters from the start of the text."""
        return [0, *(found.end() for found in _BREAK.finditer(self.text))]

    def mask(self, start: int, end: int, filler: str = FILLER) -> None:
        """Hide the characters from `start` to `end` (one at least) from the parser; line breaks stay."""
        end = max(start + 1, end)
        hidden = "".join(char if char in "\r\n" else filler for char in self.text[start:end])
        self.masked = self.masked[:start] + hidden + self.masked[end:]

    def position(self, index: int) -> tuple[int, int]:
        """Line and column of a character, both from 1."""
        line = bisect_right(self.starts, index)
        return line, index - self.starts[line - 1] + 1

    def place(self, start: int, end: int | None = None) -> Place:
        """The place of the characters from `start` to `end`, cut at the end of the first line; one at least."""
        line, column = self.position(start)
        stop = min(start + 1 if end is None else end, self.line_end(line))
        return Place(self.file, line, column, max(1, stop - start))

    def extent(self, event: yaml.Event) -> Place:
        """The place of a piece; of the part on its first line when it has more of them."""
        start, end = marks(event)
        if start.line == end.line:
            return Place(self.file, start.line + 1, start.column + 1, max(1, end.index - start.index))
        return self.place(start.index, end.index)

    def line_end(self, line: int) -> int:
        """Where the text of a line (from 1) ends, its line break left out."""
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        while end > self.starts[line - 1] and self.text[end - 1] in "\r\n":
            end -= 1
        return end

    def line(self, number: int, *, masked: bool = False) -> str:
        """The text of a line (from 1) without its line break."""
        text = self.masked if masked else self.text
        return text[self.starts[number - 1] : self.line_end(number)]
