"""The text of one flow file, its characters' places, and its lines split into key and value."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import cast

import yaml

from ncco_server.flow.issues import RULES, Fix, FlowIssue
from ncco_server.flow.nodes import LINE_BREAK, Place
from ncco_server.ncco.actions import SHAPES

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
        self._lines: dict[int, Line] = {}

    def with_lines(self, first: int, last: int, change: Callable[[str], str]) -> SourceFile:
        """The changed lines must not contain line breaks."""
        changed = SourceFile(self.file, "")
        changed.text, changed.parsed = self.text, self.parsed
        for number in range(last, first - 1, -1):
            start, end = self.starts[number - 1], self.line_end(number)
            changed.text = changed.text[:start] + change(changed.text[start:end]) + changed.text[end:]
            changed.parsed = changed.parsed[:start] + change(changed.parsed[start:end]) + changed.parsed[end:]
        return changed

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

    def rewritten(self, start: int, end: int, text: str, cure: str) -> Fix:
        """`cure` says in words what replaces the text."""
        line, column = self.position(start)
        return Fix(cure, "characters", text, Place(self.file, line, column, end - start))

    def line_end(self, line: int) -> int:
        """Without the line break; lines count from 1."""
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        while end > self.starts[line - 1] and self.text[end - 1] in "\r\n":
            end -= 1
        return end

    def line_at(self, index: int) -> Line:
        return self.line(self.position(index)[0])

    def line(self, number: int) -> Line:
        if number not in self._lines:
            self._lines[number] = Line(self, number)
        return self._lines[number]

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
        what = "an invisible character"
        fix = Fix("delete it", "characters")
        if unicodedata.category(char) == "Zs":
            what = "a space that YAML does not recognise"
            fix = Fix("type a normal space instead", "characters", " " * (end - start))
        return RULES["E117"].at(self.place(start, end), f"{what} ({name})", fix)


def _replacement(found: re.Match[str]) -> str:
    invalid = found[found.lastgroup or 0]
    filling = {"space": " ", "break": " ", "hidden": FILLER}.get(found.lastgroup or "")
    return found[0].removesuffix(invalid) + (filling * len(invalid) if filling else invalid)


_QUOTED_OR_COMMENT = re.compile(r"""(?<![^\s\[{,:(-])(?:"(?:\\.|[^"\\])*(?:"|$)|'(?:''|[^'])*(?:'|$))|(?<!\S)#.*""")
_OPENING = re.compile(
    r"""(?P<dashes>(?:-[ \t]++)*)
        (?:(?P<key>(?:"[^"]*+"|'[^']*+')[ \t]*+
                  |[^\s:"'\[\]{}\#&*!|>%@`,][^:]*+(?::(?![ \t]|$)[^:]*+)*)
           (?P<colon>:)(?=[ \t]|$))?""",
    re.VERBOSE,
)
"""Nothing is tried twice, so a long line is read in one pass.

Groups are not possessive: Python before 3.11.5 (Debian 12) repeats one with alternatives wrongly (cpython#106052).
"""

EXPRESSION_KEYS = frozenset({"if", "until", "check"})
"""Keys of expressions, which may contain quotes without being quoted."""

MAP_KEYS = frozenset(
    [
        "steps",
        "defaults",
        "vars",
        "params",
        "returns",
        "hours",
        "lookups",
        "hooks",
        "results",
        "locales",
        "events",
        "tables",
    ],
).union(("choices", "retry", "on", "collect", "set", "with", "json"))

LIST_KEYS = frozenset({"do", "branch"})

COMMON_KEYS = (MAP_KEYS | LIST_KEYS).union(
    ("flow", "start", "entry", "default", "tail", "min_confidence", "goto", "then", "if", "else"),
    ("talk", "dtmf", "speech"),
)
"""A line of spoken text rarely starts with these."""


OPTION_KEYS = COMMON_KEYS.union(*(shape.options for shape in SHAPES.values()))
"""Any other key is a name that the author chose."""


class Line:
    """A line as the parser sees it: `indent` spaces (or tabs), dashes, a key with its colon, the rest.

    Attributes:
        key: "" without one.
        start, end, first, content, colon, value: offsets in the source's text. `first` follows the indent, `content`
            the dashes, `value` the colon or else the dashes; `colon` is -1 without a key.
    """

    def __init__(self, source: SourceFile, number: int) -> None:
        self.source = source
        self.number = number
        self.start = source.starts[number - 1]
        self.end = source.line_end(number)
        self.text = source.parsed[self.start : self.end]
        self.indent = len(self.text) - len(self.text.lstrip(" \t"))
        self.first = self.start + self.indent
        opening = cast("re.Match[str]", _OPENING.match(source.parsed, self.first, self.end))  # each part is optional
        self.content = opening.end("dashes")
        self.key = (opening["key"] or "").rstrip(" \t")
        self.colon = opening.start("colon")
        after = self.colon + 1 if self.key else self.content
        rest = source.parsed[after : self.end]
        self.value = after + len(rest) - len(rest.lstrip())

    @property
    def column(self) -> int:
        """The number of characters before its content, including the dashes of list items."""
        return self.content - self.start

    @property
    def above(self) -> Line | None:
        """Skip blank lines and comments."""
        return next(self.lines_above(), None)

    def lines_above(self) -> Iterator[Line]:
        lines = (Line(self.source, number) for number in range(self.number - 1, 0, -1))
        return (line for line in lines if line.is_content)

    @property
    def is_content(self) -> bool:
        """False for a blank line and a comment."""
        return self.text.lstrip()[:1] not in ("", "#")

    @property
    def has_value(self) -> bool:
        return self.value < self.content_end

    @cached_property
    def bare(self) -> str:
        """The text, with `FILLER` in place of quoted texts and the comment."""
        return _QUOTED_OR_COMMENT.sub(lambda found: FILLER * len(found[0]), self.text)

    @cached_property
    def content_end(self) -> int:
        """The offset after its last character outside comments and blanks."""
        comments = (found for found in _QUOTED_OR_COMMENT.finditer(self.text) if found[0].startswith("#"))
        comment = next((found.start() for found in comments), len(self.text))
        return self.start + len(self.text[:comment].rstrip())


def quote(text: str) -> str:
    return in_quotes(text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED].rstrip() + " ...")


def in_quotes(text: str) -> str:
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"
