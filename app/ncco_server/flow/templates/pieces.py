"""Splits texts with Jinja2's lexer into pieces: literal text, and pairs of braces."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from jinja2 import TemplateSyntaxError

from ncco_server.flow.templates.environment import ENVIRONMENT
from ncco_server.flow.templates.foreign import FOREIGN
from ncco_server.flow.templates.tree import Token

MAX_TOKENS: Final = 150
"""Words and signs in a pair of braces; our choice."""
_HEADS: Final = {"if": 1, "elif": 1, "include": 1, "for": 3, "set": 3}
"""The tokens before the expression of each tag with one."""
_CLOSERS: Final = {"{{": "}}", "{%": "%}", "{#": "#}", "(": ")", "[": "]"}
TIGHT: Final = ("==", "!=", "<", "<=", ">", ">=", "+", "-", "in")
INFIX: Final = (*TIGHT, "and", "or", "if")
_BEFORE_OPERANDS: Final = (*INFIX, "not", "else", "(", "[", ",", ":", "=")
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|\{|\}")
_HALF_CLOSED = re.compile(r"%(?!\s*[\w(])")
_OPERATOR = re.compile(r"==(?!=)|!=(?!=)|<=|>=|<(?!>)|>|\+(?![+=])|-(?!=)|\|(?!\|)|:(?!=)|[()\[\],.]|=(?![=~<>])")
_ZONE = re.compile(r"[A-Z]\w+(?:/[A-Z]\w+)+")
_FOREIGN = re.compile("|".join(map(re.escape, sorted(FOREIGN.operators, key=len, reverse=True))))
_WORD = re.compile(r"\{%[-+]?\s*(\w+)(?:\s+(\w+))?")
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?(?![\w])")
_DURATION: Final = re.compile(r"[0-9]+(?:ms|s|m|min|h|d|w)")
_LIKE_A_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?\w*")
_WRITTEN_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
_WHOLE = re.compile(r""""[^"]*"|'[^']*'|(?!.*\bif\b)[^"'()\[\]]+(?:[(\[][^()\[\]]*[)\]][^"'()\[\]]*)*""")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_UNKNOWN_ESCAPE = re.compile(r"(?:[^\\]|\\[nt\\\"'])*?(\\[^nt\\\"'])", re.DOTALL)
LEXER: Final = ENVIRONMENT.lexer
_NO_MAP: Final = 'maps cannot be written here; for an entry of a map, write name["key"]'


class Fault(NamedTuple):
    """An unreadable part of a text. A cure of None means the rule's own fix."""

    code: str
    at: Token
    message: str
    cure: str | None = None


@dataclass(slots=True)
class Piece:
    """Literal text, or a pair of braces with its content."""

    opener: str
    start: int
    tokens: list[Token] = field(default_factory=list)
    close: int = 0
    fault: Fault | None = None

    def refuse(self, code: str, at: Token, message: str, cure: str | None = None) -> None:
        """Keep only the first error of a piece."""
        self.fault = self.fault or Fault(code, at, message, cure)

    @property
    def expression_start(self) -> int:
        return _HEADS.get(self.at(0).text, len(self.tokens)) if self.opener == "{%" else 0

    def at(self, index: int) -> Token:
        """Return an `end` token if there is none at the index."""
        return self.tokens[index] if 0 <= index < len(self.tokens) else Token(self.close, "end", "")

    def before(self, index: int) -> Token | None:
        return self.tokens[index - 1] if index > self.expression_start else None

    def expects_operand(self, index: int) -> bool:
        before = self.before(index)
        return before is None or before.says(*_BEFORE_OPERANDS)

    def open_bracket(self) -> Token | None:
        opened: list[Token] = []
        for token in self.tokens:
            if token.says("(", "["):
                opened.append(token)
            elif token.says(")", "]") and opened:
                opened.pop()
        return opened[-1] if opened else None


class Scanner:
    """Splits a text with Jinja2's lexer. After an error in braces, it continues after them."""

    def __init__(self, source: str, begin: int, *, is_bare: bool) -> None:
        self.source = source
        self.begin = begin
        self.end = len(source) - 1
        self.is_bare = is_bare

    def pieces(self) -> Iterator[Piece]:
        at = yield from self._split(self.begin)
        while at < self.end:
            at = yield from self._split(at)

    def _split(self, begin: int) -> Generator[Piece, None, int]:
        """Stop at the first braces with an error; return the offset after them."""
        piece = Piece("{{", self.begin - 1, close=self.end) if self.is_bare else None
        kind = "data"
        opened = ""
        for token in self._tokens(begin):
            if token.kind in ("variable_begin", "block_begin"):
                piece = Piece(token.text[:2], token.start)
            elif token.kind in ("variable_end", "block_end") and piece is not None and not self.is_bare:
                piece.close = token.start
                yield piece
                piece = None
            elif token.kind == "data":
                yield Piece("", token.start, [Token(token.start, kind, token.text)], token.end)
            elif piece is not None and (fault := self._fault(piece, token)):
                return (yield from self._broken(piece, fault))
            elif piece is not None and token.kind not in ("whitespace", "end"):
                piece.tokens.append(token)
            elif piece is None and token.kind in ("end", "error") and opened in ("{#", "raw"):
                at = Token(self.source.rindex("{", 0, token.start), "", "{#")
                code, cure = ("E322", "close it with {% endraw %}") if opened == "raw" else ("E320", _closing("{#"))
                yield Piece("", at.start, fault=Fault(code, at, f'"{opened}" is not closed', cure))
            elif piece is None:
                kind = "raw" if token.kind == "raw_begin" else "data"
                opened = {"raw_begin": "raw", "comment_begin": "{#"}.get(token.kind, "")
        if piece is not None:
            yield piece
        return self.end

    def _tokens(self, begin: int) -> Iterator[Token]:
        """An `end` token comes last, or an `error` token where Jinja2's lexer stops."""
        state = "variable" if self.is_bare else None
        at = begin
        kind = "end"
        source = self.source.replace("\r", " ")  # Jinja2 would turn \r\n into one character
        try:
            for _, token_kind, text in LEXER.tokeniter(source[begin : self.end], None, None, state):
                start = source.index(text, at)
                at = start + len(text)
                yield Token(start, token_kind, self.source[start:at])
        except TemplateSyntaxError:
            kind = "error"
        yield Token(at, kind, self.source[at : at + 1])

    def _broken(self, piece: Piece, fault: Fault) -> Generator[Piece, None, int]:
        """Keep only a tag's word; return the offset after those braces."""
        at = fault.at
        closer = self.source.find(_CLOSERS[piece.opener], at.start)
        piece.close = closer + 2 if closer >= 0 else self.end
        if fault.code == "E320" and self.source[at.start] in "}%":
            piece.close = at.end
        tag = self.source.find("{%", piece.start)
        if fault.code == "E320" and piece.opener == "{{" and 0 <= tag < piece.close:  # it was not closed before that
            piece.close = tag
        word = _WORD.match(self.source, piece.start) if piece.opener == "{%" and at.start != piece.start else None
        piece.tokens = [Token(word.start(each), "name", word[each]) for each in (1, 2) if word[each]] if word else []
        piece.fault = fault
        yield piece
        return min(piece.close, self.end)

    def _fault(self, piece: Piece, token: Token) -> Fault | None:
        if token.kind == "end" and self.is_bare:
            return None
        if token.kind == "end":
            opener = Token(piece.start, "", piece.opener)
            return Fault("E320", opener, f'"{piece.opener}" is not closed', _closing(piece.opener))
        if len(piece.tokens) >= MAX_TOKENS - 1:
            message = f"an expression of more than {MAX_TOKENS} words and signs"
            return Fault("E311", piece.tokens[0]._replace(text=""), message)
        if token.kind in ("operator", "variable_end", "error") and (fault := self._sign_fault(piece, token.start)):
            return fault
        if token.kind == "error":
            return self._lexer_fault(token)
        match token.kind:
            case "string" if escape := _UNKNOWN_ESCAPE.match(token.text):
                at = Token(token.start + escape.start(1), "", escape[1])
                return Fault("E301", at, f'"{at.text}" does not mean anything here', "write \\\\ for a backslash")
            case "name" if not token.text.isidentifier():
                return _meaningless(token._replace(text=token.text[0]))
            case "integer" | "float" if not _NUMBER.match(self.source, token.start):
                return self._number_fault(piece, token)
        return None

    def _number_fault(self, piece: Piece, token: Token) -> Fault:
        found = _LIKE_A_NUMBER.match(self.source, token.start)
        whole = token._replace(text=found[0] if found else token.text)
        if day := _WRITTEN_DATE.match(self.source, self.source.rfind(" ", 0, token.start) + 1):
            fix = f'write "{day[0]}"'
            return Fault("E301", Token(day.start(), "", day[0]), f"{day[0]} is not a number", fix)
        if separated := thousands(piece, token.start, whole.text):
            return separated
        if _DURATION.fullmatch(whole.text):
            cure = "nothing can be added to a time: compare with one that a lookup, a param or opening hours give"
            return Fault("E301", whole, f"{whole.text} is not a number", cure)
        cure = f'write at most 18 digits without a leading 0, or in quotes if it is text: "{whole.text}"'
        return Fault("E301", whole, f"{whole.text} is not a number", cure)

    def _lexer_fault(self, token: Token) -> Fault:
        """A control character after a closing bracket may be the cause."""
        if token.text in ")]" and (control := _CONTROL.search(self.source, token.start, self.end)):
            return _meaningless(Token(control.start(), "", control[0]))
        if token.text in ")]":
            code, message, cure = FOREIGN.misplaced[token.text]
            return Fault(code, token, message, cure)
        if token.text in "\"'":
            message = f"the text that begins here has no closing {token.text}"
            return Fault("E301", token, message, f"close it with {token.text}")
        return _meaningless(token)

    def _sign_fault(self, piece: Piece, at: int) -> Fault | None:
        if braces := _BRACES.match(self.source, at):
            return self._braces_fault(piece, Token(at, "", braces[0]))
        if piece.opener == "{%" and _HALF_CLOSED.match(self.source, at):
            fix = 'write "%}" here'
            return Fault("E320", Token(at, "", "%"), '"{%" is closed by "%"', fix)
        if not _OPERATOR.match(self.source, at) and (foreign := _FOREIGN.match(self.source, at)):
            zones = (each for each in _ZONE.finditer(self.source) if each.start() < at < each.end())
            if zone := next(zones, None):
                fix = f"put quotes around it: '{zone[0]}'"
                return Fault("E301", Token(zone.start(), "", zone[0]), "a text has no quotes", fix)
            code, cure = FOREIGN.operators[foreign[0]]
            cure = (foreign[0] == "~" and self._side_by_side(piece, at)) or cure
            sign = Token(at, "", foreign[0])
            return Fault(code, sign, f'"{sign.text}" does not mean anything here', cure)
        return None

    def _side_by_side(self, piece: Piece, at: int) -> str:
        """What `~` joins, each in its own braces; "" if it is only a part of what is in these."""
        written = self.source[piece.start + 2 : self.source.find("}}", at)].strip("- ")
        parts = [part.strip() for part in written.split("~")]
        if piece.opener != "{{" or self.is_bare or not all(_WHOLE.fullmatch(part) for part in parts):
            return ""
        shown = (part[1:-1] if part.startswith(("'", '"')) else f"{{{{ {part} }}}}" for part in parts)
        return f"write {''.join(shown)}"

    def _braces_fault(self, piece: Piece, at: Token) -> Fault:
        written = at.text
        closer = _CLOSERS[piece.opener]
        bracket = piece.open_bracket()
        if self.is_bare:
            cure = _NO_MAP if written == "{" else "write the names without braces; this is already an expression"
            return Fault("E312", at, f'"{written}" in an expression', cure)
        if written == closer and bracket is not None:
            return bracket_not_closed(bracket)
        if written in ("}", "}}", "%}"):
            fix = f'write "{closer}" here'
            return Fault("E320", at, f'"{piece.opener}" is closed by "{written}"', fix)
        if written == "{" and self.source[at.start - 2 : at.start] != "{{":
            return Fault("E310", at, f'"{written}" within braces', _NO_MAP)
        if written == "{%" and piece.opener == "{{":
            return Fault("E320", Token(piece.start, "", "{{"), '"{{" is not closed', _closing("{{"))
        return Fault("E320", at, f'"{written}" within braces', f'write one pair of braces, closed by "{closer}"')


def _closing(opener: str) -> str:
    return f'close it with "{_CLOSERS[opener]}"'


def _meaningless(at: Token) -> Fault:
    shown = f'"{at.text}"' if at.text.isprintable() else f"the character U+{ord(at.text):04X}"
    return Fault("E301", at, f"{shown} does not mean anything here")


def bracket_not_closed(bracket: Token) -> Fault:
    return Fault("E301", bracket, f'the "{bracket.text}" that opens here is not closed', _closing(bracket.text))


def thousands(piece: Piece, start: int, last: str) -> Fault | None:
    """The error for a number like `1,500`, with `last` after the comma at the offset `start`."""
    before = next((token for token in piece.tokens if token.start + len(token.text) + 1 == start), None)
    if before is None or before.kind != "integer" or not re.fullmatch(r"[0-9]{3}(?:\.[0-9]+)?", last):
        return None
    message = f"{before.text},{last} has a comma, which numbers cannot have here"
    return Fault("E301", before._replace(text=f"{before.text},{last}"), message, f"write {before.text}{last}")
