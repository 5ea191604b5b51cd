"""Cuts a text into literal text and braces with Jinja2's lexer, and checks its tags.

It finds what is wrong with single tokens, which tags there are, and whether they belong together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from jinja2 import TemplateSyntaxError

from app.flow.scope import is_name
from app.flow.templates.environment import ENVIRONMENT
from app.flow.templates.foreign import FOREIGN
from app.flow.templates.tree import Token
from app.ncco.suggest import nearest

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
"""How many tokens of a tag come before its expression."""


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
        """A token by its number; behind the last one is an `end`."""
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
        """The replacement for the tokens of a tag that cannot be read: it opens and closes the same block."""
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


MAX_BLOCKS: Final = 10
"""How deep blocks of one text may be nested; our choice."""

TAGS: Final = ("if", "elif", "for", "set", "include")
"""The tags with something behind their word."""

TAGS_ALONE: Final = ("else", "endif", "endfor")

_CONSTANTS: Final = ("true", "false", "none", "True", "False", "None")


class Tags:
    """Checks that the tags of a text are known and belong together, and replaces those that do not.

    Attributes:
        faults: what is wrong with them.
        is_unclosed: whether a block is not closed, which is the last one of the text; it gets an end.
    """

    def __init__(self, pieces: list[Piece], source: str) -> None:
        self.faults: list[Fault] = []
        self.open: list[_Block] = []
        self.refused: set[str] = set()
        self.source = source
        for piece in (each for each in pieces if each.opener == "{%"):
            fault = self._tag(piece) if not piece.is_broken else self._broken(piece)
            if fault is not None:
                self.faults.append(fault)
                piece.is_broken = True
        self.is_unclosed = bool(self.open)
        for block in self.open:
            cure = f"close it with {{% end{block.word} %}}"
            self.faults.append(Fault("E322", block.start, 2, f'"{block.word}" is not closed', cure))
        for block in reversed(self.open):
            tokens = [Token(len(source), "name", f"end{block.word}")]
            pieces.append(Piece("{%", len(source), tokens, len(source), is_broken=True))

    @property
    def _top(self) -> str:
        return self.open[-1].word if self.open else ""

    def _broken(self, piece: Piece) -> Fault | None:
        """Open and close blocks by broken tags too, so that no end is left over."""
        word = piece.at(0).text
        piece.tokens = piece.harmless()
        if word in ("if", "for"):
            self.open.append(_Block(word, piece.start))
        elif word in ("endif", "endfor") and word == f"end{self._top}":
            self.open.pop()
        elif word != "elif" or self._top != "if":
            piece.tokens = []
        return None

    def _tag(self, piece: Piece) -> Fault | None:
        word, name = piece.at(0), piece.at(1)
        match word.text:
            case "if" | "for":
                return self._begin(piece, word.text)
            case "elif" | "else":
                return self._arm(piece)
            case "endif" | "endfor":
                return self._finish(piece)
            case "set" if name.says(*_CONSTANTS) and piece.at(2).says("="):
                piece.tokens = []
                return Fault("E325", name.start, len(name.text), f'"{name.text}" cannot be a name')
            case "set" if name.kind != "name" or not piece.at(2).says("="):
                self.refused.add("set")
                piece.tokens = []
                cure = "write {% set name = value %}"
                return Fault("E320", word.start, 3, '"set" that cannot be read', cure)
            case "include":
                return _include_fault(piece)
            case "set":
                return None
        return self._unknown(piece)

    def _begin(self, piece: Piece, word: str) -> Fault | None:
        if len(self.open) >= MAX_BLOCKS:
            piece.tokens = []
            return Fault("E311", piece.start, 2, f"tags nested more than {MAX_BLOCKS} deep")
        self.open.append(_Block(word, piece.start))
        if word == "if":
            return None
        tokens, name, is_read = piece.tokens, piece.at(1), piece.at(1).kind == "name" and piece.at(2).says("in")
        piece.tokens = piece.harmless()
        if is_read and name.says(*_CONSTANTS):
            piece.tokens[1] = name._replace(text="_")
            return Fault("E325", name.start, len(name.text), f'"{name.text}" cannot be a name')
        if not is_read:
            cure = "write {% for item in list %}"
            if any(token.says(",") for token in tokens):
                cure = "a loop has one name and goes over a list: {% for item in list %}"
            return Fault("E320", tokens[0].start, 3, "a loop that cannot be read", cure)
        for token in tokens[3:]:
            if token.says("if", "recursive"):
                cure = "write {% if test %} within the loop"
                return Fault("E321", token.start, len(token.text), f'"{token.text}" in the head of a loop', cure)
        piece.tokens = tokens
        return None

    def _arm(self, piece: Piece) -> Fault | None:
        """`elif` or `else`."""
        word, tokens = piece.at(0), piece.tokens
        piece.tokens = []
        if not self.open or (word.text == "elif" and self._top == "for"):
            cure = "open it with {% if test %}"
            return Fault("E322", word.start, len(word.text), f'nothing opens this "{word.text}"', cure)
        if self.open[-1].has_else:
            return Fault("E322", word.start, len(word.text), f'"{word.text}" behind "else"', "write else last")
        if word.text == "else" and tokens[1:] and tokens[1].says("if"):
            return Fault("E320", word.start, len(word.text), '"else if"', 'write "elif"')
        piece.tokens = tokens
        if word.text == "elif":
            return None
        self.open[-1].has_else = True
        return _alone(piece)

    def _finish(self, piece: Piece) -> Fault | None:
        """`endif` or `endfor`."""
        word, opened = piece.at(0), self._top
        wanted = word.text.removeprefix("end")
        if opened == wanted:
            self.open.pop()
            return _alone(piece)
        piece.tokens = []
        message = f'"{word.text}" closes "{opened}"' if opened else f'nothing opens this "{word.text}"'
        cure = f"write {{% end{opened} %}}" if opened else f"leave it out, or open it with {{% {wanted} ... %}}"
        return Fault("E322", word.start, len(word.text), message, cure)

    def _unknown(self, piece: Piece) -> Fault | None:
        """Refuse a tag; the end of a block whose beginning was refused is passed over."""
        word, length = piece.at(0), max(1, len(piece.at(0).text))
        meant = nearest(word.text, TAGS_ALONE if len(piece.tokens) == 1 else TAGS)
        piece.tokens = []
        if word.kind == "end":
            length = 3 if self.source[word.start] in "-+" else 2
            return Fault("E320", word.start, length, "an empty tag", "write {% if test %}, or leave it out")
        if word.text.removeprefix("end") in self.refused:
            self._take_as(meant, piece, word)
            return None
        if word.text == "endraw":
            return Fault("E322", word.start, length, 'nothing opens this "endraw"', "open it with {% raw %}")
        self.refused.add(word.text)
        if word.text in FOREIGN.tags:
            self._take_as(f"end{self._top}" if word.text in ("end", "fi") else None, piece, word)
            message = f'the tag "{word.text}" is not available'
            return Fault("E321", word.start, length, message, FOREIGN.tags[word.text])
        self._take_as(meant, piece, word)
        cure = f"to say a value, write {{{{ {word.text} }}}}" if is_name(word.text) else None
        cure = f'did you mean "{meant}"?' if meant is not None else cure
        return Fault("E321", word.start, length, f'"{word.text}" is not a tag', cure)

    def _take_as(self, meant: str | None, piece: Piece, word: Token) -> None:
        """Open or close the block that a misspelt tag is likely to mean, so that it is one fault."""
        if meant in ("if", "for"):
            piece.tokens = [word._replace(text=str(meant))]
            self.open.append(_Block(str(meant), word.start))
            piece.tokens = piece.harmless()
        elif self._top and meant == f"end{self._top}":
            self.open.pop()
            piece.tokens = [word._replace(text=meant)]


@dataclass(slots=True)
class _Block:
    """A block that is open."""

    word: str
    start: int
    has_else: bool = False


def _alone(piece: Piece) -> Fault | None:
    """What follows a word that must be alone."""
    word, behind = piece.at(0), piece.at(1)
    if behind.kind == "end":
        return None
    piece.tokens = [word]
    message = f'"{behind.text}" behind "{word.text}"'
    return Fault("E320", behind.start, len(behind.text), message, f"write {{% {word.text} %}} alone")


def _include_fault(piece: Piece) -> Fault | None:
    word, *rest = piece.tokens
    if len(rest) == 1 and rest[0].kind == "string":
        return None
    piece.tokens = []
    if not rest:
        return Fault("E301", piece.close, 1, "there is no expression", "write the name of a file in quotes")
    cure = 'write the name of a file in quotes and nothing else: {% include "greeting.j2" %}'
    return Fault("E321", word.start, len(word.text), '"include" takes one fixed file name', cure)
