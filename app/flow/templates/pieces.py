"""Cuts a text into literal text and braces with Jinja2's lexer; finds what is wrong with single tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from jinja2 import TemplateSyntaxError

from app.flow.templates.environment import ENVIRONMENT
from app.flow.templates.foreign import FOREIGN
from app.flow.templates.tree import Token

MAX_TOKENS: Final = 150
"""Words and signs that one pair of braces may hold; our choice."""

WORD_OPERATORS: Final = frozenset({"if", "else", "or", "and", "not", "in", "is"})

INFIX: Final = ("==", "!=", "<", "<=", ">", ">=", "+", "-", "and", "or", "in", "if")
"""The operators between two values."""

_BEFORE_OPERANDS: Final = (*INFIX, "not", "else", "(", "[", ",", ":", "=")
_CLOSERS: Final = {"{{": "}}", "{%": "%}", "{#": "#}"}
_BRACKETS: Final = {"(": ")", "[": "]"}
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|\{|\}")
_HALF_CLOSED = re.compile(r"%(?!\s*[\w(])")
_OPERATOR = re.compile(r"==(?!=)|!=(?!=)|<=|>=|<(?!>)|>|\+(?![+=])|-(?!=)|\|(?!\|)|:(?!=)|[()\[\],.]|=(?![=~<>])")
_FOREIGN = re.compile("|".join(map(re.escape, sorted(FOREIGN.operators, key=len, reverse=True))))
_WORD = re.compile(r"\{%[-+]?\s*(\w+)")
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)((?:[^\W\d]\w*)?)")
_HEADS: Final = {"if": 1, "elif": 1, "include": 1, "for": 3, "set": 3}
"""How many tokens of a tag stand in front of its expression."""


class Fault(NamedTuple):
    """Something that cannot be read; without a cure, the rule's own is meant."""

    code: str
    start: int
    length: int
    message: str
    cure: str | None = None


@dataclass(slots=True)
class Piece:
    """Literal text, or a pair of braces with what is in it.

    Attributes:
        opener: `{{`, `{%`, or "" for literal text.
        start: where it begins.
        tokens: without those that open and close it.
        close: where it is closed.
        is_broken: a fault in it is reported already.
    """

    opener: str
    start: int
    tokens: list[Token] = field(default_factory=list)
    close: int = 0
    is_broken: bool = False

    def at(self, index: int) -> Token:
        """A token by its number; behind the last one stands an `end`."""
        return self.tokens[index] if 0 <= index < len(self.tokens) else Token(self.close, "end", "")

    @property
    def expression(self) -> int:
        """The number of the token that its expression begins with."""
        return _HEADS.get(self.at(0).text, len(self.tokens)) if self.opener == "{%" else 0

    def awaits_operand(self, index: int) -> bool:
        """Whether a value is expected at a token."""
        before = self.tokens[index - 1] if index > self.expression else None
        return before is None or before.says(*_BEFORE_OPERANDS)

    def ends_operator(self, index: int) -> bool:
        """Whether a token is the "in" of "not in"."""
        is_negated = self.at(index).says("in") and self.at(index - 1).says("not")
        return is_negated and not self.awaits_operand(index - 1)

    def open_bracket(self, before: int | None = None) -> int | None:
        """The number of the innermost bracket that is open in front of a token; without one, at the end."""
        opened: list[int] = []
        for index, token in enumerate(self.tokens[:before]):
            if token.says("(", "["):
                opened.append(index)
            elif token.says(")", "]") and opened:
                opened.pop()
        return opened[-1] if opened else None

    def is_list(self, index: int) -> bool:
        """Whether a token is in the brackets of a list, or of the values that a filter takes."""
        bracket = self.open_bracket(index)
        return bracket is not None and self.awaits_operand(bracket) == self.tokens[bracket].says("[")

    def harmless(self) -> list[Token]:
        """What stands in for the tokens of a tag that cannot be read: it opens and closes the same block."""
        word = self.at(0)
        match word.text if self.opener == "{%" else "":
            case "if" | "elif":
                return [word, Token(word.end, "integer", "0")]
            case "for":
                heads = self.tokens[1:4:2] if self.at(2).says(",") else self.tokens[1:2]
                names = [token for token in heads if token.kind == "name"] or [Token(word.end, "name", "_")]
                commas = [Token(token.end, "operator", ",") for token in names]
                head = [token for each in zip(names, commas, strict=True) for token in each][:-1]
                signs = [Token(word.end, "operator", sign) for sign in "[]"]
                return [word, *head, Token(word.end, "name", "in"), *signs]
            case "else" | "endif" | "endfor":
                return [word]
        return []

    def fed(self) -> Iterator[Token]:
        """What Jinja2's parser is given of it."""
        if not self.opener:
            yield from self.tokens
        elif self.tokens:
            kind = "variable" if self.opener == "{{" else "block"
            yield Token(self.start, f"{kind}_begin", self.opener)
            yield from self.tokens
            yield Token(self.close, f"{kind}_end", "")


class Scanner:
    """The pieces of one text, and the faults in it.

    Braces that cannot be cut into tokens are a broken piece; the text behind them is read on.
    """

    def __init__(self, source: str, *, is_bare: bool) -> None:
        self.source = source
        self.is_bare = is_bare
        self.pieces: list[Piece] = []
        self.faults: list[Fault] = []
        at = self._scan(0)
        while at < len(source) and not is_bare:
            at = self._scan(at)

    def _scan(self, begin: int) -> int:
        """Find pieces from `begin` to the end, or to the end of the first braces that cannot be read."""
        piece = Piece("{{", -1, close=len(self.source)) if self.is_bare else None
        token = Token(begin, "", "")
        try:
            for token in self._tokens(begin):
                if token.kind in ("variable_begin", "block_begin"):
                    piece = Piece(token.text[:2], token.start)
                elif piece is None:
                    self.pieces += [Piece("", token.start, [token])] if token.kind in ("data", "raw_begin") else []
                elif token.kind in ("variable_end", "block_end") and not self.is_bare:
                    piece.close = token.start
                    self.pieces.append(piece)
                    piece = None
                elif fault := self._token_fault(piece, token):
                    return self._behind(piece, fault)
                elif token.kind != "whitespace":
                    piece.tokens.append(token)
        except TemplateSyntaxError:
            if piece is not None:
                return self._behind(piece, self._stopped_at(piece, token.end))
            return self._unclosed(token)
        return self._ended(piece, token)

    def _ended(self, piece: Piece | None, token: Token) -> int:
        """What the end of the text leaves open."""
        if token.kind in ("raw_begin", "comment_begin"):
            return self._unclosed(token)
        if piece is not None and not self.is_bare:
            return self._behind(piece, _not_closed(piece.opener, piece.start))
        self.pieces += [piece] if piece is not None else []
        return len(self.source)

    def _tokens(self, begin: int, state: str | None = None) -> Iterator[Token]:
        source, at = self.source.replace("\r\n", "\n").replace("\r", "\n"), begin
        state = "variable" if self.is_bare else state
        for _, kind, text in ENVIRONMENT.lexer.tokeniter(source[begin:], None, None, state):
            token = Token(source.index(text, at), kind, text)
            at = token.end
            yield token

    def _unclosed(self, token: Token) -> int:
        """Report a comment or `raw` without an end, which begins at or behind a token."""
        start = self.source.rindex("{", 0, token.end)
        if token.kind == "comment_begin":
            self.faults.append(_not_closed("{#", start))
        else:
            self.faults.append(Fault("E322", start, 2, '"raw" is not closed', "close it with {% endraw %}"))
        return len(self.source)

    def _behind(self, piece: Piece, fault: Fault) -> int:
        """Report braces that cannot be read; gives where the text behind them begins."""
        self.faults.append(fault)
        closer = self.source.find(_CLOSERS[piece.opener], fault.start)
        piece.close = closer + 2 if closer >= 0 else len(self.source)
        if fault.code == "E320" and self.source[fault.start] in "}%":
            piece.close = fault.start + fault.length
        word = _WORD.match(self.source, piece.start) if piece.opener == "{%" and fault.start != piece.start else None
        piece.tokens = [Token(word.start(1), "name", word[1])] if word else []
        piece.is_broken = True
        self.pieces.append(piece)
        return piece.close

    def _token_fault(self, piece: Piece, token: Token) -> Fault | None:
        if len(piece.tokens) >= MAX_TOKENS - 1:
            message = f"an expression of more than {MAX_TOKENS} words and signs"
            return Fault("E311", piece.tokens[0].start, 1, message)
        match token.kind:
            case "operator" | "variable_end":
                return self._sign_fault(piece, token.start)
            case "string":
                return _string_fault(token)
            case "name" if not token.text.isidentifier():
                return _meaningless(token.start, token.text[0])
            case "integer" | "float":
                return self._number_fault(token)
        return None

    def _stopped_at(self, piece: Piece, at: int) -> Fault:
        """What is wrong where Jinja2's lexer stops."""
        sign = self.source[at]
        if fault := self._sign_fault(piece, at):
            return fault
        if sign in "\"'":
            return Fault("E301", at, 1, f"the text that begins here has no closing {sign}", f"close it with {sign}")
        if sign in ")]":
            fault = Fault("E301", at, 1, f'nothing opens this "{sign}"', "leave it out")
            return self._fault_behind(piece, at + 1) or fault
        return _meaningless(at, sign)

    def _fault_behind(self, piece: Piece, at: int) -> Fault | None:
        """The next token that is wrong by itself, behind a bracket at which Jinja2's lexer has stopped."""
        token = Token(at, "", "")
        try:
            for token in self._tokens(at, "variable" if piece.opener == "{{" else "block"):
                if token.kind in ("variable_end", "block_end"):
                    return None
                if fault := self._token_fault(piece, token):
                    return fault
        except TemplateSyntaxError:
            return self._stopped_at(piece, token.end)
        return None

    def _sign_fault(self, piece: Piece, at: int) -> Fault | None:
        if braces := _BRACES.match(self.source, at):
            return self._braces_fault(piece, at, braces.group())
        if piece.opener == "{%" and _HALF_CLOSED.match(self.source, at):
            return Fault("E320", at, 1, '"{%" is closed by "%"', 'write "%}" here')
        if not _OPERATOR.match(self.source, at) and (foreign := _FOREIGN.match(self.source, at)):
            code, cure = FOREIGN.operators[foreign.group()]
            return Fault(code, at, len(foreign.group()), f'"{foreign.group()}" means nothing here', cure)
        return None

    def _braces_fault(self, piece: Piece, at: int, written: str) -> Fault:
        length = len(written)
        if self.is_bare:
            cure = "write the names without braces; this is an expression already"
            if written == "{":
                cure = 'maps cannot be written here; to name an entry of one, write name["key"]'
            return Fault("E312", at, length, f'"{written}" in an expression', cure)
        closer, bracket = _CLOSERS[piece.opener], piece.open_bracket()
        if written == closer and bracket is not None:
            return bracket_not_closed(piece.tokens[bracket])
        if written in ("}", "}}", "%}"):
            return Fault("E320", at, length, f'"{piece.opener}" is closed by "{written}"', f'write "{closer}" here')
        if written == "{" and self.source[at - 2 : at] == "{{":
            return Fault("E320", at, 1, "three braces", "write two: {{ ... }}")
        if written == "{":
            cure = 'to name an entry, write `name["key"]`'
            return Fault("E310", at, 1, '"{" within braces: maps cannot be written here', cure)
        cure = f'write one pair of braces, closed by "{closer}"'
        return Fault("E320", at, length, f'"{written}" within braces', cure)

    def _number_fault(self, token: Token) -> Fault | None:
        found = _NUMBER.match(self.source, token.start)
        number, letters = found.groups() if found else (token.text, "")
        if letters or (len(number) > 1 and number[0] == "0" and "." not in number):
            whole = number + letters
            cure = f'write digits alone, without a leading 0, or in quotes if it is a text: "{whole}"'
            return Fault("E301", token.start, len(whole), f"{whole} is not a number", cure)
        if len(number) > 18:
            cure = f'write "{number}" in quotes if it is digits'
            return Fault("E301", token.start, len(number), "a number of more than 18 digits", cure)
        return None


def _string_fault(token: Token) -> Fault | None:
    """An escape that is not known."""
    for escape in re.finditer(r"\\(.)", token.text, re.DOTALL):
        if escape[1] not in "nt\\\"'":
            cure = f"write \\\\{escape[1]} for a backslash and {escape[1]}; known are \\n, \\t, \\\\, \\\" and \\'"
            return Fault("E301", token.start + escape.start(), 2, f'"\\{escape[1]}" means nothing here', cure)
    return None


def _meaningless(at: int, sign: str) -> Fault:
    shown = f'"{sign}"' if sign.isprintable() else f"the character U+{ord(sign):04X}"
    return Fault("E301", at, 1, f"{shown} means nothing here")


def _not_closed(opener: str, at: int) -> Fault:
    return Fault("E320", at, 2, f'"{opener}" is not closed', f'close it with "{_CLOSERS[opener]}"')


def bracket_not_closed(bracket: Token) -> Fault:
    """The fault of a bracket that nothing closes."""
    message = f'the "{bracket.text}" that opens here is not closed'
    return Fault("E301", bracket.start, 1, message, f'close it with "{_BRACKETS[bracket.text]}"')
