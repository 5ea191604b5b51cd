"""The text of one flow file, and the places of its characters."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import cached_property

import yaml

from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.nodes import LINE_BREAK, Place

FILLER = "\ue000"
"""A private-use letter: ordinary text to a YAML parser."""

_DIRECTION = "\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Direction marks. Contact lists put them around phone numbers."""
_HIDDEN = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\u2060\ufeff\ufffe\uffff\ud800-\udfff"
"""Characters that YAML forbids, and characters that are always invisible."""
_SPACES = "\xa0\u2000-\u200a\u202f\u205f\u3000"
_INVALID = re.compile(
    rf"(?:^|(?<=[\r\n]))[ ]*+(?:- *+)*+(?:[\w-]++: *+)?(?P<space>[{_SPACES}]+)|(?P<break>[\x85\u2028\u2029])"
    rf"|(?P<direction>[{_DIRECTION}])|(?P<hidden>[{_HIDDEN}])"
)
_UNUSUAL = re.compile(f"[{_SPACES}{_DIRECTION}{_HIDDEN}]")
_MAX_ISSUES = 20
_MAX_QUOTED = 72


def marks(event: yaml.Event) -> tuple[yaml.Mark, yaml.Mark]:
    """The C parser's marks have their own class, with the same attributes."""
    return event.start_mark, event.end_mark  # type: ignore[return-value]  # the parsers set both in every event


def is_quoted(event: yaml.Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.style in ("'", '"')


class SourceFile:
    """One file: its text as written (`text`) and as the parser sees it (`parsed`), of the same length.

    In `parsed`, characters that YAML forbids are replaced: spaces with a space, others with `FILLER`. Neither contains
    an initial byte order mark. Lines end with LF, CRLF or CR.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text.removeprefix("\ufeff")
        self.parsed = self.text

    @cached_property
    def starts(self) -> list[int]:
        return [0, *(found.end() for found in LINE_BREAK.finditer(self.text))]

    def position(self, index: int) -> tuple[int, int]:
        """Line and column count from 1."""
        line = bisect_right(self.starts, index)
        return line, index - self.starts[line - 1] + 1

    def place(self, start: int, end: int | None = None) -> Place:
        """Only up to the end of the first line, but at least one character."""
        line, column = self.position(start)
        stop = min(start + 1 if end is None else end, self.line_end(line))
        return Place(self.file, line, column, max(1, stop - start))

    def extent(self, event: yaml.Event) -> Place:
        start, end = marks(event)
        if start.line == end.line:
            return Place(self.file, start.line + 1, start.column + 1, end.index - start.index or 1)
        return self.place(start.index, end.index)

    def line_end(self, line: int) -> int:
        """Without the line break; lines count from 1."""
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        while end > self.starts[line - 1] and self.text[end - 1] in "\r\n":
            end -= 1
        return end

    def line_at(self, index: int) -> tuple[str, int]:
        """Return the line as the parser sees it, and its offset."""
        number, _ = self.position(index)
        return self.line(number), self.starts[number - 1]

    def line(self, number: int) -> str:
        """Return it as the parser sees it; lines count from 1."""
        return self.parsed[self.starts[number - 1] : self.line_end(number)]

    def replace_invalid_characters(self) -> list[FlowIssue]:
        """Report invisible and forbidden characters, at most twenty, and replace them in `parsed`."""
        found = self._invalid_characters()
        if found:
            self.parsed = _INVALID.sub(_replacement, self.text)
        return [self._invalid_character(each) for each in found[:_MAX_ISSUES]]

    def invisible_characters(self) -> list[FlowIssue]:
        """Unlike YAML, a template may contain any spaces."""
        found = [character for character in self._invalid_characters() if character.lastgroup != "space"]
        return [self._invalid_character(each) for each in found[:_MAX_ISSUES]]

    def _invalid_characters(self) -> list[re.Match[str]]:
        if not _UNUSUAL.search(self.text):
            return []
        right_to_left: dict[int, bool] = {}
        return [each for each in _INVALID.finditer(self.text) if not self._is_allowed(each, right_to_left)]

    def _is_allowed(self, found: re.Match[str], right_to_left: dict[int, bool]) -> bool:
        """Allow a direction mark in a line with Hebrew or Arabic letters; tested once per line."""
        if found.lastgroup != "direction":
            return False
        line, _ = self.position(found.start())
        if line not in right_to_left:
            text = self.text[self.starts[line - 1] : self.line_end(line)]
            right_to_left[line] = any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)
        return right_to_left[line]

    def _invalid_character(self, found: re.Match[str]) -> FlowIssue:
        start, end = found.span(found.lastgroup or 0)
        char = self.text[start]
        name = f"U+{ord(char):04X}, {unicodedata.name(char, 'control character').lower()}"
        if unicodedata.category(char) == "Zs":
            message = f"a space that YAML does not recognise ({name})"
            return RULES["E117"].at(self.place(start, end), message, "type a normal space instead")
        return RULES["E117"].at(self.place(start, end), f"an invisible character ({name})", "delete it")


def _replacement(found: re.Match[str]) -> str:
    invalid = found[found.lastgroup or 0]
    filling = {"space": " ", "break": " ", "hidden": FILLER}.get(found.lastgroup or "")
    return found[0].removesuffix(invalid) + (filling * len(invalid) if filling else invalid)


def quote(text: str) -> str:
    shown = text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED].rstrip() + " ..."
    return f'"{shown}"' if '"' not in shown and "\\" not in shown else "'" + shown.replace("'", "''") + "'"
