"""The text of one flow file, and where each of its characters is."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import cached_property
from itertools import islice
from typing import Protocol

import yaml

from app.flow.issues import Issue
from app.flow.nodes import Place
from app.flow.rules import RULES

FILLER = "\ue000"
"""A private-use letter: ordinary text to a YAML parser."""

_BREAK = re.compile(r"\r\n|\r|\n")
_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\u2060\ufeff\ufffe\uffff\ud800-\udfff]")
"""What YAML forbids, and what is invisible everywhere."""
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks that are copied along with a phone number from a contact list."""
_SPACES = "\xa0\u2000-\u200a\u202f\u205f\u3000"
_OTHER_SPACE = re.compile(rf"(?:^|(?<=[\r\n]))[ ]*(?:- *)*(?:[\w-]+: *)?([{_SPACES}]+)")
"""A space that YAML does not know, in the indentation or after a key."""
_UNUSUAL_BREAKS = ("\x85", "\u2028", "\u2029")
_MOST = 20


class Mark(Protocol):
    """A position that the parser gives; its two implementations each have a class of their own."""

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
    """Where an event starts and ends."""
    return event.start_mark, event.end_mark  # type: ignore[return-value]  # the parsers set both in every event


class Page:
    """One file: its text as written (`text`) and as the parser sees it (`parsed`), of the same length.

    In `parsed`, characters that YAML does not allow are replaced: spaces by a space, others by `FILLER`. A byte order
    mark at the start belongs to neither. Lines end with LF, CRLF or CR.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text.removeprefix("\ufeff")
        self.parsed = self.text

    @cached_property
    def starts(self) -> list[int]:
        """Where each line starts, in characters from the start of the text."""
        return [0, *(found.end() for found in _BREAK.finditer(self.text))]

    def position(self, index: int) -> tuple[int, int]:
        """Line and column of a character, both from 1."""
        line = bisect_right(self.starts, index)
        return line, index - self.starts[line - 1] + 1

    def place(self, start: int, end: int | None = None) -> Place:
        """The place of the characters from `start` to `end`, cut at the end of the first line; at least one."""
        line, column = self.position(start)
        stop = min(start + 1 if end is None else end, self.line_end(line))
        return Place(self.file, line, column, max(1, stop - start))

    def extent(self, event: yaml.Event) -> Place:
        """The place of an event, or of the part on its first line if it has several."""
        start, end = marks(event)
        if start.line == end.line:
            return Place(self.file, start.line + 1, start.column + 1, max(1, end.index - start.index))
        return self.place(start.index, end.index)

    def line_end(self, line: int) -> int:
        """Where the text of a line (from 1) ends, without its line break."""
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        while end > self.starts[line - 1] and self.text[end - 1] in "\r\n":
            end -= 1
        return end

    def line(self, number: int) -> str:
        """A line (from 1) as the parser sees it, without its line break."""
        return self.parsed[self.starts[number - 1] : self.line_end(number)]

    def replace_invalid_characters(self) -> list[Issue]:
        """Report invisible and forbidden characters, at most twenty of each sort, and replace them in `parsed`."""
        patterns = (_INVISIBLE,) if self.text.isascii() else (_INVISIBLE, _OTHER_SPACE, _DIRECTION)
        return [issue for pattern in patterns for issue in self._replace(pattern)]

    def _replace(self, pattern: re.Pattern[str]) -> list[Issue]:
        spans = [found.span(pattern.groups) for found in islice(pattern.finditer(self.text), _MOST)]
        if spans and pattern is not _DIRECTION:
            self.parsed = pattern.sub(_replacement, self.parsed)
        return [self._invalid_character(start, end) for start, end in spans if not self._is_allowed(start)]

    def _is_allowed(self, index: int) -> bool:
        """Whether a direction mark is in a line with Hebrew or Arabic letters."""
        line = self.line(self.position(index)[0])
        has_letters = any(unicodedata.bidirectional(char) in ("R", "AL") for char in line)
        return has_letters and bool(_DIRECTION.match(self.text[index]))

    def _invalid_character(self, start: int, end: int) -> Issue:
        char = self.text[start]
        name = unicodedata.name(char, "control character").lower()
        place = self.place(start, end)
        if unicodedata.category(char) == "Zs":
            message = f"a space that YAML does not know (U+{ord(char):04X}, {name})"
            return RULES["E117"].at(place, message, "type a normal space instead")
        return RULES["E117"].at(place, f"an invisible character (U+{ord(char):04X}, {name})", "delete it")


def _replacement(found: re.Match[str]) -> str:
    group = found.re.groups
    invalid = found[group]
    is_space = group == 1 or invalid in _UNUSUAL_BREAKS
    return found[0].removesuffix(invalid) + (" " if is_space else FILLER) * len(invalid)
