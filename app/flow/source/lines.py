"""The lines around the place where the YAML parser stopped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import yaml

from app.flow.issues import Issue
from app.flow.rules import RULES
from app.flow.source.page import FILLER, Page

_HIDDEN = re.compile(r"""(?<![^\s\[{,:(-])(?:"(?:\\.|[^"\\])*(?:"|$)|'(?:''|[^'])*(?:'|$))|(?<!\S)#.*""")
_OPENING = re.compile(
    r"""(?P<dashes>(?:-[ \t]+)*)
        (?:(?P<key>"[^"]*"|'[^']*'|[^\s:"'\[\]{}\#&*!|>%@`,](?:[^:]|:(?![ \t]|$))*?)[ \t]*(?P<colon>:)(?=[ \t]|$))?""",
    re.VERBOSE,
)
_LONGEST = 72

EXPRESSIONS = frozenset({"if", "until", "check"})
"""Keys whose text is a bare expression: quotes inside it are part of it."""

OF_KEYS = frozenset({"steps", "defaults", "vars", "choices", "retry", "on", "collect", "set"})
"""Keys whose value is a map."""

OF_ITEMS = frozenset({"do", "branch"})
"""Keys whose value is a list."""

COMMON = (OF_KEYS | OF_ITEMS).union(
    ("flow", "start", "entry", "default", "tail", "min_confidence", "goto", "then", "if", "else"),
    ("talk", "dtmf", "speech"),
)
"""Keys that hardly begin a line of text."""


@dataclass(frozen=True)
class Line:
    """One line as the parser sees it, taken apart: `indent` spaces, dashes, a key with its colon, the rest.

    Positions are offsets into the page's text; `colon` and `key_end` are -1 without a key.
    """

    page: Page
    number: int

    @cached_property
    def text(self) -> str:
        """The line as the parser sees it."""
        return self.page.line(self.number)

    @cached_property
    def start(self) -> int:
        """The offset of its first character."""
        return self.page.starts[self.number - 1]

    @property
    def end(self) -> int:
        """The offset after its last character."""
        return self.start + len(self.text)

    @property
    def indent(self) -> int:
        """How many spaces (or tabs) it begins with."""
        return len(self.text) - len(self.text.lstrip(" \t"))

    @property
    def first(self) -> int:
        """The offset of its first character that is no space."""
        return self.start + self.indent

    @property
    def is_blank(self) -> bool:
        """Whether it says nothing to the parser."""
        return not self.text.strip() or self.text.lstrip().startswith("#")

    @cached_property
    def _opening(self) -> re.Match[str] | None:
        return _OPENING.match(self.text, self.indent)

    @property
    def content(self) -> int:
        """The offset after its dashes."""
        return self.start + (self._opening.end("dashes") if self._opening else self.indent)

    @property
    def key(self) -> str:
        """Its key, "" when it has none."""
        return (self._opening["key"] or "") if self._opening else ""

    @property
    def colon(self) -> int:
        """The offset of the colon after its key, -1 when it has none."""
        return self.start + self._opening.start("colon") if self.key and self._opening else -1

    @property
    def value(self) -> int:
        """The offset of what stands after the key (after the dashes when there is none)."""
        after = self.colon + 1 if self.key else self.content
        rest = self.text[after - self.start :]
        return after + len(rest) - len(rest.lstrip())

    @property
    def bare(self) -> str:
        """The text with quoted texts and the comment blanked out, of the same length."""
        return _HIDDEN.sub(lambda found: FILLER * len(found[0]), self.text)

    @property
    def content_end(self) -> int:
        """The offset after its last character that is neither comment nor blank."""
        comment = re.search(r"(?<!\S)#", _HIDDEN.sub(_hide_quotes, self.text))
        text = self.text[: comment.start()] if comment else self.text
        return self.start + len(text.rstrip())


def _hide_quotes(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("#") else FILLER * len(found[0])


@dataclass(frozen=True)
class SyntaxFault:
    """Where the parser stopped.

    Attributes:
        page: the file.
        problem: the parser's own words.
        at: the offset where it stopped.
        began: the offset where what it was reading began; `at` when it does not say.
        last: the last whole piece that it read.
        in_flow: whether a `[` or `{` is open.
    """

    page: Page
    problem: str
    at: int
    began: int
    last: yaml.Event | None
    in_flow: bool

    def mentions(self, *words: str) -> bool:
        """Whether the parser's own words contain one of these."""
        return any(word in self.problem for word in words)

    @cached_property
    def line(self) -> Line:
        """The line where the parser stopped; the last one with something on it when that is the end of the file."""
        number = self.page.position(min(self.at, len(self.page.text)))[0]
        return Line(self.page, number)

    @cached_property
    def above(self) -> Line | None:
        """The nearest line above that is not blank."""
        return self.above_of(self.line)

    def above_of(self, line: Line) -> Line | None:
        """The nearest line above another that is not blank."""
        lines = (Line(self.page, number) for number in range(line.number - 1, 0, -1))
        return next((higher for higher in lines if not higher.is_blank), None)

    def issue(self, code: str, start: int, end: int, message: str, cure: str) -> Issue:
        """The issue about the characters from `start` to `end`."""
        return RULES[code].at(self.page.place(start, end), message, cure)


def quote(text: str) -> str:
    """`text` as an author would write it in quotes; a long one is cut, and then ends with three dots."""
    shown = text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + " ..."
    if '"' not in shown and "\\" not in shown:
        return f'"{shown}"'
    return "'" + shown.replace("'", "''") + "'"
