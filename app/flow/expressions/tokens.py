"""Cuts an expression into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from app.flow.expressions.fault import Fault
from app.flow.expressions.foreign import OPERATORS

MAX_TOKENS = 150
"""How long an expression may be; our choice."""

Kind = Literal["name", "text", "number", "op", "end"]

_BLANK = re.compile(r"\s+")
_NAME = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', re.DOTALL)
_OPERATOR = re.compile(r"==(?!=)|!=(?!=)|<=|>=|<(?!>)|>|\+(?![+=])|-(?!=)|\|(?!\|)|:(?!=)|[()\[\],.]|=(?![=~<>])")
_HALF_CLOSED = re.compile(r"%(?!\s*[\w(])")
_FOREIGN = re.compile("|".join(re.escape(spelling) for spelling in OPERATORS))
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|\{|\}")
_CLOSERS = {"{{": re.compile(r"-?\}\}"), "{%": re.compile(r"[-+]?%\}")}
_CLOSER = {"{{": "}}", "{%": "%}"}
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `start` and `end` are offsets in the whole text, `value` what a text or a number stands for."""

    kind: Kind
    text: str
    start: int
    value: Any = None

    @property
    def end(self) -> int:
        """Where the next character stands."""
        return self.start + len(self.text)

    def says(self, *words: str) -> bool:
        """Whether it is one of these operators or words."""
        return self.kind in ("op", "name") and self.text in words


@dataclass(slots=True)
class Cursor:
    """Goes through tokens that end with an `end`."""

    tokens: list[Token]
    at: int = 0

    @property
    def here(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.at]

    @property
    def following(self) -> Token:
        """The token behind it."""
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The token that comes next, passed; an `end` is never passed."""
        token = self.tokens[self.at]
        self.at += token.kind != "end"
        return token


@dataclass(slots=True)
class Lexer:
    """Reads tokens of `source` from `at` on, up to what closes `opener` (`{{`, `{%`) or, without one, to the end."""

    source: str
    at: int = 0
    opener: str = ""

    def tokens(self) -> list[Token]:
        """All tokens and an `end` token whose text is what closes. Raises Fault."""
        opened = self.at - len(self.opener)
        found: list[Token] = []
        while len(found) < MAX_TOKENS:
            token = self._next(opened)
            found.append(token)
            if token.kind == "end":
                return found
        raise Fault("E311", found[0].start, 1, f"an expression of more than {MAX_TOKENS} words and signs")

    def _next(self, opened: int) -> Token:
        if blank := _BLANK.match(self.source, self.at):
            self.at = blank.end()
        if self.at >= len(self.source):
            if self.opener:
                raise not_closed(self.opener, opened)
            return Token("end", "", self.at)
        if self.opener and (closer := _CLOSERS[self.opener].match(self.source, self.at)):
            self.at = closer.end()
            return Token("end", closer.group(), closer.start())
        token = self._token()
        self.at = token.end
        return token

    def _token(self) -> Token:
        if (match := _NAME.match(self.source, self.at)) and match.group().isidentifier():
            return Token("name", match.group(), self.at)
        if match := _NUMBER.match(self.source, self.at):
            return self._number(match.group())
        if self.source[self.at] in "\"'":
            return self._text()
        if match := _BRACES.match(self.source, self.at):
            raise self._braces(match.group())
        if self.opener == "{%" and _HALF_CLOSED.match(self.source, self.at):
            raise Fault("E320", self.at, 1, '"{%" is closed by "%"', 'write "%}" here')
        if match := _OPERATOR.match(self.source, self.at):
            return Token("op", match.group(), self.at)
        if match := _FOREIGN.match(self.source, self.at):
            code, cure = OPERATORS[match.group()]
            raise Fault(code, self.at, len(match.group()), f'"{match.group()}" means nothing here', cure)
        sign = self.source[self.at]
        shown = f'"{sign}"' if sign.isprintable() else f"the character U+{ord(sign):04X}"
        raise Fault("E301", self.at, 1, f"{shown} means nothing here")

    def _number(self, written: str) -> Token:
        after = _NAME.match(self.source, self.at + len(written))
        if after or (len(written) > 1 and written[0] == "0" and "." not in written):
            whole = written + (after.group() if after else "")
            cure = f'write digits alone, without a leading 0, or in quotes if it is a text: "{whole}"'
            raise Fault("E301", self.at, len(whole), f"{whole} is not a number", cure)
        if len(written) > 18:
            cure = f'write "{written}" in quotes if it is digits'
            raise Fault("E301", self.at, len(written), "a number of more than 18 digits", cure)
        return Token("number", written, self.at, float(written) if "." in written else int(written))

    def _text(self) -> Token:
        match = _TEXT.match(self.source, self.at)
        if match is None:
            quote = self.source[self.at]
            raise Fault(
                "E301", self.at, 1, f"the text that begins here has no closing {quote}", f"close it with {quote}"
            )
        written = match.group()
        return Token("text", written, self.at, self._unescape(written))

    def _unescape(self, written: str) -> str:
        def meant(match: re.Match[str]) -> str:
            sign = match.group(1)
            if sign not in _ESCAPES:
                cure = f"write \\\\{sign} for a backslash and {sign}; known are \\n, \\t, \\\\, \\\" and \\'"
                raise Fault("E301", self.at + 1 + match.start(), 2, f'"\\{sign}" means nothing here', cure)
            return _ESCAPES[sign]

        return re.sub(r"\\(.)", meant, written[1:-1], flags=re.DOTALL)

    def _braces(self, written: str) -> Fault:
        length = len(written)
        if not self.opener:
            cure = "write the names without braces; this is an expression already"
            if written == "{":
                cure = 'maps cannot be written here; to name an entry of one, write name["key"]'
            return Fault("E312", self.at, length, f'"{written}" in an expression', cure)
        closer = _CLOSER[self.opener]
        if written in ("}", "}}", "%}"):
            return Fault("E320", self.at, length, f'"{self.opener}" is closed by "{written}"', f'write "{closer}" here')
        if written == "{" and self.source[self.at - 2 : self.at] == "{{":
            return Fault("E320", self.at, 1, "three braces", "write two: {{ ... }}")
        if written == "{":
            return Fault(
                "E310",
                self.at,
                1,
                '"{" within braces: maps cannot be written here',
                'to name an entry, write `name["key"]`',
            )
        return Fault(
            "E320", self.at, length, f'"{written}" within braces', f'write one pair of braces, closed by "{closer}"'
        )


def not_closed(opener: str, at: int) -> Fault:
    """The fault that nothing closes the braces that open at `at`."""
    closer = "#}" if opener == "{#" else _CLOSER[opener]
    return Fault("E320", at, 2, f'"{opener}" is not closed', f'close it with "{closer}"')
