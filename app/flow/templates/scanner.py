"""Cuts a template into literal text, values in `{{ }}` and tags in `{% %}`, exactly where Jinja2 does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from app.flow.expressions.fault import Fault
from app.flow.expressions.tokens import Lexer, Token, not_closed

_OPENER = re.compile(r"\{\{|\{%|\{#")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*-?%\}")
_ENDRAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_WORD = re.compile(r"\{%[-+]?\s*(\w+)")
_CLOSER = {"{{": "}}", "{%": "%}"}


@dataclass(frozen=True, slots=True)
class Data:
    """Literal text; `is_raw`: from between `raw` and `endraw`."""

    text: str
    start: int
    is_raw: bool = False


@dataclass(frozen=True, slots=True)
class Braces:
    """`{{ }}`: its tokens with their `end`."""

    tokens: list[Token]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Tag:
    """`{% %}`: its tokens with their `end`; of a broken one, which is reported already, only its word."""

    tokens: list[Token]
    start: int
    end: int
    is_broken: bool = False


Piece: TypeAlias = Data | Braces | Tag


@dataclass(slots=True)
class Scanner:
    """Reads `source` from `at` on; what cannot be read is a fault, and reading goes on behind it."""

    source: str
    faults: list[Fault]
    at: int = 0

    def pieces(self) -> list[Piece]:
        """Everything in the order of the text; comments are left out."""
        found: list[Piece] = []
        while self.at < len(self.source):
            opener = _OPENER.search(self.source, self.at)
            end = opener.start() if opener else len(self.source)
            if end > self.at:
                found.append(Data(self.source[self.at : end], self.at))
            self.at = end
            if opener and (piece := self._opened(opener.group())):
                found.append(piece)
        return found

    def _opened(self, opener: str) -> Piece | None:
        if opener == "{#":
            self._skip_comment()
            return None
        if raw := _RAW.match(self.source, self.at):
            return self._raw(raw.end())
        start = self.at
        inner = start + 2
        inner += self.source[inner : inner + 1] in ("-", "+")
        lexer = Lexer(self.source, inner, opener)
        try:
            tokens = lexer.tokens()
        except Fault as fault:
            self.faults.append(fault)
            return self._skip_broken(fault, opener, start)
        self.at = lexer.at
        return Braces(tokens, start, self.at) if opener == "{{" else Tag(tokens, start, self.at)

    def _skip_broken(self, fault: Fault, opener: str, start: int) -> Piece | None:
        """Go on behind what closes broken braces; the word of a tag tells what its end belongs to."""
        closer = self.source.find(_CLOSER[opener], fault.start)
        self.at = closer + 2 if closer >= 0 else len(self.source)
        if fault.code == "E320" and self.source[fault.start] in "}%":
            self.at = fault.start + fault.length
        word = _WORD.match(self.source, start)
        if opener == "{{" or word is None or fault.start == start:
            return None
        tokens = [Token("name", word.group(1), word.start(1)), Token("end", "", word.end())]
        return Tag(tokens, start, self.at, is_broken=True)

    def _skip_comment(self) -> None:
        end = self.source.find("#}", self.at + 2)
        if end < 0:
            self.faults.append(not_closed("{#", self.at))
        self.at = end + 2 if end >= 0 else len(self.source)

    def _raw(self, inner: int) -> Data:
        end = _ENDRAW.search(self.source, inner)
        if end is None:
            cure = "close it with {% endraw %}"
            self.faults.append(Fault("E322", self.at, 2, '"raw" is not closed', cure))
        text = self.source[inner : end.start() if end else len(self.source)]
        self.at = end.end() if end else len(self.source)
        return Data(text, inner, is_raw=True)
