"""The place where the YAML parser stopped, with the lines around it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import yaml

from app.flow.issues import Issue
from app.flow.rules import RULES
from app.flow.source.source_file import Line, SourceFile, quote

CLOSERS = {"[": "]", "{": "}"}


@dataclass(frozen=True)
class SyntaxFault:
    """Where the parser stopped.

    Attributes:
        source: the file.
        problem: the parser's own words.
        at: the offset where it stopped.
        context_start: the offset where the construct that it was reading begins; `at` when it does not say.
        last: the last event that it read.
        in_flow: whether a `[` or `{` is open.
    """

    source: SourceFile
    problem: str
    at: int
    context_start: int
    last: yaml.Event
    in_flow: bool

    def mentions(self, *words: str) -> bool:
        """Whether the parser's own words contain one of these."""
        return any(word in self.problem for word in words)

    @property
    def char(self) -> str:
        """The character where the parser stopped; "" at the end of the file."""
        return self.source.parsed[self.at : self.at + 1]

    @property
    def opener(self) -> str:
        """The character where the construct that it was reading begins."""
        return self.source.parsed[self.context_start : self.context_start + 1]

    @cached_property
    def line(self) -> Line:
        """The line where the parser stopped."""
        return self.source.line_at(min(self.at, len(self.source.text)))

    @cached_property
    def first_line(self) -> Line:
        """The line where the construct that it was reading begins."""
        return self.source.line_at(self.context_start)

    @cached_property
    def above(self) -> Line | None:
        """The nearest line above that is not blank."""
        return self.above_of(self.line)

    def above_of(self, line: Line) -> Line | None:
        """The nearest line above another that is not blank."""
        return next(self.lines_above(line), None)

    def lines_above(self, line: Line) -> Iterator[Line]:
        """The lines above another that are not blank, upwards."""
        lines = (Line(self.source, number) for number in range(line.number - 1, 0, -1))
        return (higher for higher in lines if not higher.is_blank)

    def issue(self, code: str, start: int, end: int, message: str, cure: str) -> Issue:
        """The issue about the characters from `start` to `end`."""
        return RULES[code].at(self.source.place(start, end), message, cure)

    def missing_colon(self, start: int, key: str, opener: str) -> Issue:
        """A key with its list or its map behind it, and no colon between them."""
        cure = f"write {key}: {opener}...{CLOSERS[opener]}"
        return self.issue("E101", start, start + len(key), f"a colon is missing after {key}", cure)


def enclosing(line: Line, bare: str, start: int, *, in_flow: bool) -> tuple[int, int]:
    """Where the text around `start` begins and ends, as its author meant it; `bare` is the line without its quotes."""
    if not in_flow:
        return start, line.content_end
    at = start - line.start
    begin = max(bare.rfind(char, 0, at) for char in "[{,:") + 1
    begin += len(bare[begin:]) - len(bare[begin:].lstrip())
    stop = re.compile(r"[,\[\]{}]|\s#|$").search(bare, at)
    return line.start + min(begin, at), line.start + (stop.start() if stop else len(bare))


def find_reserved(fault: SyntaxFault) -> Issue | None:
    """A text that begins with a character of YAML's own."""
    at = fault.context_start
    if not fault.opener or fault.opener not in "*&!|>":
        if not fault.mentions("cannot start any token", "mapping keys are not allowed"):
            return None
        at = fault.at
    line = fault.source.line_at(at)
    whole = fault.source.text[at : enclosing(line, line.bare, at, in_flow=fault.in_flow)[1]].rstrip()
    char = fault.source.text[at]
    return fault.issue(
        "E108", at, at + 1, f"a text cannot begin with {char} without quotes", f"write {quote(whole or char)}"
    )
