"""Parses texts with Jinja2's lexer and expression parser, and reports where and why one cannot be read.

Each pair of braces is parsed separately and has at most one error, so all pairs' errors come together.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from ncco_server.flow.issues import Fix, did_you_mean
from ncco_server.flow.templates.environment import ENVIRONMENT
from ncco_server.flow.templates.tree import Located, Template, Token, shorten
from ncco_server.suggest import nearest


@dataclass(frozen=True, slots=True)
class ForeignSyntax:
    """Other languages' notations, and their replacements here: the tables in `foreign.yaml`.

    Attributes:
        misplaced: in place of an operator or the end, with the rule, the problem and the fix.
        missing: in place of a value, with the fix.
        words, literals: words in place of an operator, or of a value, with their fixes.
        currencies: names and signs of currencies in lower case, with their codes.
        instead: operators and words, with their spelling here.
    """

    operators: Mapping[str, tuple[str, str]]
    misplaced: Mapping[str, tuple[str, str, str]]
    missing: Mapping[str, str]
    words: Mapping[str, str]
    literals: Mapping[str, str]
    calls: Mapping[str, str]
    methods: Mapping[str, str]
    filters: Mapping[str, str]
    names: Mapping[str, str]
    fields: Mapping[str, str]
    tags: Mapping[str, str]
    instead: Mapping[str, str]
    currencies: Mapping[str, str]

    def fix(self, word: str, cure: str) -> Fix | str:
        return Fix(cure, "characters", self.instead[word]) if word in self.instead else cure

    def operator(self, word: str) -> Fix | str | None:
        """The fix of a word where an operator is expected; None for an unknown one."""
        if word in self.words:
            return self.fix(word, self.words[word])
        meant = self.instead.get(word.lower())
        return Fix(f'write "{meant}"', "characters", meant) if meant else None


FOREIGN: Final = ForeignSyntax(**yaml.load(Path(__file__).with_name("foreign.yaml").read_bytes(), yaml.CSafeLoader))

MAX_TOKENS: Final = 150
"""Words and signs in a pair of braces; our choice."""

MAX_DEPTH: Final = 30
"""Nested brackets, `not` and minus signs; our choice."""

MAX_BLOCKS: Final = 10
"""Nested blocks in a text; our choice."""

_TAGS: Final = ("if", "elif", "for", "set", "include", "else", "endif", "endfor")
_HEADS: Final = {"if": 1, "elif": 1, "include": 1, "for": 3, "set": 3}
"""The tokens before the expression of each tag with one."""
_CLOSERS: Final = {"{{": "}}", "{%": "%}", "{#": "#}", "(": ")", "[": "]"}
_CONSTANTS: Final = ("true", "false", "none", "True", "False", "None")

_WORDS: Final = ("if", "else", "or", "and", "not", "in", "is")
_TIGHT: Final = ("==", "!=", "<", "<=", ">", ">=", "+", "-", "in")
_INFIX: Final = (*_TIGHT, "and", "or", "if")
_BEFORE_OPERANDS: Final = (*_INFIX, "not", "else", "(", "[", ",", ":", "=")

_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|\{|\}")
_HALF_CLOSED = re.compile(r"%(?!\s*[\w(])")
_OPERATOR = re.compile(r"==(?!=)|!=(?!=)|<=|>=|<(?!>)|>|\+(?![+=])|-(?!=)|\|(?!\|)|:(?!=)|[()\[\],.]|=(?![=~<>])")
_ZONE = re.compile(r"[A-Z]\w+(?:/[A-Z]\w+)+")
_FOREIGN = re.compile("|".join(map(re.escape, sorted(FOREIGN.operators, key=len, reverse=True))))
_WORD = re.compile(r"\{%[-+]?\s*(\w+)")
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?(?![\w])")
_DURATION: Final = re.compile(r"[0-9]+(?:ms|s|m|min|h|d|w)")
_SAYING: Final = ("print", "echo", "output", "say")
_LIKE_A_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?\w*")
_WRITTEN_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_UNKNOWN_ESCAPE = re.compile(r"(?:[^\\]|\\[nt\\\"'])*?(\\[^nt\\\"'])", re.DOTALL)

_LEXER: Final = ENVIRONMENT.lexer
_PARSER: Final = Parser(ENVIRONMENT, "")
"""Copied for each expression. Making a parser takes as long as reading a short expression."""

_VALUE: Final = "write a name, text in quotes or a number"
_NO_MAP: Final = 'maps cannot be written here; for an entry of a map, write name["key"]'


class Fault(NamedTuple):
    """An unreadable part of a text. A cure of None means the rule's own fix."""

    code: str
    at: Token
    message: str
    cure: str | Fix | None = None


@dataclass(slots=True)
class Piece:
    """Literal text, or a pair of braces with its content."""

    opener: str
    start: int
    tokens: list[Token] = field(default_factory=list)
    close: int = 0
    fault: Fault | None = None

    def refuse(self, code: str, at: Token, message: str, cure: str | Fix | None = None) -> None:
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


def read_template(template: Template, text: Located) -> tuple[list[nodes.Node], list[Fault]]:
    """Append a text to `template`; return its nodes and errors.

    Unclosed blocks are left out.
    """
    return _TreeBuilder(template, text, is_bare=False).read()


def read_expression(template: Template, text: Located) -> tuple[nodes.Expr | None, Fault | None]:
    """Append an expression without braces to `template`; return the expression or its error."""
    template.body, faults = _TreeBuilder(template, text, is_bare=True).read()
    return (None, faults[0]) if faults else (next(template.written()), None)


class _Scanner:
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
            for _, token_kind, text in _LEXER.tokeniter(source[begin : self.end], None, None, state):
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
        piece.tokens = [Token(word.start(1), "name", word[1])] if word else []
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
            fix = Fix(f'write "{day[0]}"', "characters", f"'{day[0]}'")
            return Fault("E301", Token(day.start(), "", day[0]), f"{day[0]} is not a number", fix)
        if separated := _thousands(piece, token.start, whole.text):
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
            fix = Fix('write "%}" here', "characters", "%}")
            return Fault("E320", Token(at, "", "%"), '"{%" is closed by "%"', fix)
        if not _OPERATOR.match(self.source, at) and (foreign := _FOREIGN.match(self.source, at)):
            zones = (each for each in _ZONE.finditer(self.source) if each.start() < at < each.end())
            if zone := next(zones, None):
                fix = Fix(f"put quotes around it: '{zone[0]}'", "characters", f"'{zone[0]}'")
                return Fault("E301", Token(zone.start(), "", zone[0]), "a text has no quotes", fix)
            code, cure = FOREIGN.operators[foreign[0]]
            return Fault(
                code,
                Token(at, "", foreign[0]),
                f'"{foreign[0]}" does not mean anything here',
                FOREIGN.fix(foreign[0], cure),
            )
        return None

    def _braces_fault(self, piece: Piece, at: Token) -> Fault:
        written = at.text
        closer = _CLOSERS[piece.opener]
        bracket = piece.open_bracket()
        if self.is_bare:
            cure = _NO_MAP if written == "{" else "write the names without braces; this is already an expression"
            return Fault("E312", at, f'"{written}" in an expression', cure)
        if written == closer and bracket is not None:
            return _bracket_not_closed(bracket)
        if written in ("}", "}}", "%}"):
            fix = Fix(f'write "{closer}" here', "characters", closer)
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


def _bracket_not_closed(bracket: Token) -> Fault:
    return Fault("E301", bracket, f'the "{bracket.text}" that opens here is not closed', _closing(bracket.text))


@dataclass(slots=True)
class _Block:
    head: Piece
    node: Any
    body: list[nodes.Node]
    has_else: bool = False

    @property
    def word(self) -> str:
        return "if" if isinstance(self.node, nodes.If) else "for"


class _TreeBuilder:
    def __init__(self, template: Template, text: Located, *, is_bare: bool) -> None:
        self.template = template
        self.begin = template.add(text)
        self.is_bare = is_bare
        self.body: list[nodes.Node] = []
        self.blocks: list[_Block] = []
        self.unclosed: list[_Block] = []
        self.stray_ends = 0
        self.reported_tags: set[str] = set()

    def read(self) -> tuple[list[nodes.Node], list[Fault]]:
        faults: list[Fault] = []
        for piece in _Scanner(self.template.source, self.begin, is_bare=self.is_bare).pieces():
            for token in (Token(piece.start, "begin", piece.opener), *piece.tokens, piece.at(-1)):
                self.template.learn(token)
            if piece.opener == "{%":
                self._tag(piece)
            elif piece.opener and (value := self._expression(piece)) is not None:
                self._write(value)
            elif piece.tokens and not piece.opener:
                self._write(nodes.TemplateData(piece.tokens[0].text, lineno=piece.start))
            faults += [piece.fault] if piece.fault else []
        for block in (*self.unclosed, *self.blocks[self.stray_ends :]):
            head = Token(block.head.start, "", "{%")
            cure = f"close it with {{% end{block.word} %}}"
            faults.append(Fault("E322", head, f'"{block.word}" is not closed', cure))
        return self.body, sorted(faults, key=lambda fault: fault.at)

    def _open_body(self) -> list[nodes.Node]:
        return self.blocks[-1].body if self.blocks else self.body

    def _write(self, part: nodes.Expr) -> None:
        body = self._open_body()
        if body and isinstance(output := body[-1], nodes.Output):
            output.nodes.append(part)
        else:
            body.append(nodes.Output([part], lineno=part.lineno))

    def _tag(self, piece: Piece) -> None:
        """A tag with an error still opens or closes its block."""
        word = piece.at(0)
        match word.text:
            case "if" | "for":
                self._open(piece, word)
            case "elif" | "else":
                self._arm(piece, word)
            case "endif" | "endfor" | "endraw":
                self._finish(piece, word)
            case "set":
                target = self._target(piece, "=", "write {% set name = value %}")
                if (value := self._expression(piece)) is not None:
                    self._open_body().append(nodes.Assign(target, value, lineno=word.start))
            case "include":
                if len(piece.tokens) != 1 and [token.kind for token in piece.tokens[1:]] != ["string"]:
                    cure = 'write only the name of a file, in quotes: {% include "greeting.j2" %}'
                    piece.refuse("E321", word, '"include" takes one fixed file name', cure)
                if (file := self._expression(piece)) is not None:
                    self._open_body().append(nodes.Include(file, True, False, lineno=word.start))
            case _:
                self._unknown(piece, word)

    def _open(self, piece: Piece, word: Token) -> None:
        if len(self.blocks) >= MAX_BLOCKS:
            piece.refuse("E311", Token(piece.start, "begin", "{%"), f"tags nested more than {MAX_BLOCKS} deep")
            return
        node: nodes.If | nodes.For
        if word.text == "if":
            test = self._expression(piece) or nodes.Const(False, lineno=word.start)
            node = nodes.If(test, [], [], [], lineno=word.start)
        else:
            target = self._target(piece, "in", "write {% for item in list %}, with one name")
            if behind := next((token for token in piece.tokens[3:] if token.says("if", "recursive")), None):
                cure = "write {% if test %} inside the loop"
                piece.refuse("E321", behind, f'"{behind.text}" in the first line of a loop', cure)
            items = self._expression(piece) or nodes.List([], lineno=word.start)
            node = nodes.For(target, items, [], [], None, False, lineno=word.start)
        self.blocks.append(_Block(piece, node, node.body))

    def _arm(self, piece: Piece, word: Token) -> None:
        block = self.blocks[-1] if self.blocks else None
        if block is None and not self.reported_tags.isdisjoint(("if", "for")):
            return
        if block is None or (word.text == "elif" and block.word == "for"):
            piece.refuse("E322", word, f'nothing opens this "{word.text}"', "open it with {% if test %}")
        elif block.has_else:
            piece.refuse("E322", word, f'"{word.text}" after "else"', "write else last")
        elif word.text == "elif":
            test = self._expression(piece) or nodes.Const(False, lineno=word.start)
            arm = nodes.If(test, [], [], [], lineno=word.start)
            block.node.elif_.append(arm)
            block.body = arm.body
        elif piece.at(1).says("if"):
            piece.refuse("E320", word, '"else if"', 'write "elif"')
        else:
            _check_alone(piece, word)
            block.has_else = True
            block.body = block.node.else_

    def _finish(self, piece: Piece, word: Token) -> None:
        wanted = word.text.removeprefix("end")
        open_ = [block.word for block in self.blocks]
        is_other = wanted in open_[:-1] and open_[-1] != wanted
        if (
            is_other
            and self._ends_after(piece, open_[-1]) < 1
            and self._ends_after(piece, wanted) >= open_.count(wanted)
        ):
            piece.refuse("E322", word, f'"{word.text}" closes "{open_[-1]}"', f"write {{% end{open_[-1]} %}}")
            self._close()
        elif wanted in open_:
            while self.blocks[-1].word != wanted:
                self.unclosed.append(self.blocks[-1])
                self._close()
            _check_alone(piece, word)
            self._close()
        elif open_:
            message = f'"{word.text}" closes "{open_[-1]}"'
            cure = f"write {{% end{open_[-1]} %}}"
            piece.refuse("E322", word, message, cure)
            self.stray_ends += 1
        elif wanted not in self.reported_tags:
            cure = f"leave it out, or open it with {{% {wanted} ... %}}"
            piece.refuse("E322", word, f'nothing opens this "{word.text}"', cure)

    def _ends_after(self, piece: Piece, word: str) -> int:
        """How many blocks that are open here end after it."""
        rest = self.template.source[piece.close :]
        begun, ended = (len(re.findall(rf"\{{%[-+]?\s*{each}\b", rest)) for each in (word, f"end{word}"))
        return ended - begun

    def _close(self) -> None:
        """A loop with an unreadable head is left out, with its contents."""
        block = self.blocks.pop()
        if block.word == "if" or block.head.fault is None:
            self._open_body().append(block.node)

    def _target(self, piece: Piece, sign: str, cure: str) -> nodes.Name:
        word = piece.at(0)
        name = piece.at(1)
        wrong = piece.at(2)
        after = piece.at(3)
        if name.kind == wrong.kind == after.kind == "name" and not wrong.says(sign):
            self.reported_tags.add(word.text)
            piece.refuse("E320", wrong, f'"{wrong.text}" instead of "{sign}"', f'write "{sign}"')
        elif name.kind != "name" or not wrong.says(sign):
            self.reported_tags.add(word.text)
            piece.refuse("E320", word, f'"{word.text}" that cannot be read', cure)
        elif name.says(*_CONSTANTS):
            piece.refuse("E325", name, f'"{name.text}" cannot be a name')
        return nodes.Name(name.text, "store", lineno=name.start)

    def _unknown(self, piece: Piece, word: Token) -> None:
        """Report an unknown tag and its end tag once; read a misspelt `if`, `for` or end tag as meant."""
        opened = f"end{self.blocks[-1].word}" if self.blocks else ""
        meant = opened if word.text in ("end", "fi") else nearest(word.text.replace("foreach", "for"), _TAGS)
        if word.kind == "end":
            piece.refuse("E320", word._replace(text="%}"), "an empty tag", "write {% if test %}, or leave it out")
        elif word.text.removeprefix("end") not in self.reported_tags:
            self.reported_tags.add(word.text)
            value = "".join(token.text for token in piece.tokens[1:])
            said = value if word.text in _SAYING and value else word.text
            cure = did_you_mean(meant) if meant else f"to say a value, write {{{{ {said} }}}}"
            message = f'"{word.text}" is not a tag'
            piece.refuse("E321", word, message, FOREIGN.tags.get(word.text) or cure)
        if meant in ("if", "for") and word.text not in FOREIGN.tags:
            self._open(piece, word._replace(text=meant))
        elif opened and meant == opened:
            self._close()

    def _expression(self, piece: Piece) -> nodes.Expr | None:
        if piece.fault is not None:
            return None
        faults = list[Fault]()
        first = piece.at(0)
        if piece.opener == "{{" and first.says(*_TAGS) and piece.at(1).kind != "operator" and not self.is_bare:
            self.reported_tags.add(first.text)
            faults = [Fault("E320", first, f'"{first.text}" in value braces', f"write {{% {first.text} ... %}}")]
        faults += _word_faults(piece)
        if not any(fault.code == "E311" for fault in faults):
            tokens = [*piece.tokens[piece.expression_start :], Token(piece.close, "block_end", "")]
            parser = copy.copy(_PARSER)
            parser.stream = TokenStream(_LEXER.wrap(iter(tokens)), None, None)
            try:
                node = parser.parse_expression()
                stopped = parser.stream.current.lineno
                is_read = parser.stream.current.type == "block_end"
            except TemplateSyntaxError as error:
                stopped = error.lineno
                is_read = False
            if not is_read:
                index = next((at for at, token in enumerate(piece.tokens) if token.start >= stopped), len(piece.tokens))
                faults.append(_explain(piece, index))
        piece.fault = min(faults, key=lambda fault: fault.at, default=None)
        if piece.fault is not None:
            return None
        may_vary = any(token.text in ("[", "|") for token in piece.tokens)
        return _Normaliser(self.template).visit(node) if may_vary else node


def _check_alone(piece: Piece, word: Token) -> None:
    if piece.at(1).kind != "end":
        behind = piece.at(1)
        piece.refuse("E320", behind, f'"{behind.text}" after "{word.text}"', f"write {{% {word.text} %}} alone")


def _word_faults(piece: Piece) -> Iterator[Fault]:
    """Jinja2's parser would miss them, because it reads the words differently."""
    depth = prefixes = 0
    for index, token in enumerate(piece.tokens[piece.expression_start :], piece.expression_start):
        prefixes = prefixes + 1 if token.says("not", "-") else 0
        depth += token.says("(", "[") - token.says(")", "]")
        before, behind = piece.before(index), piece.at(index + 1)
        if depth + prefixes >= MAX_DEPTH:
            yield Fault("E311", behind._replace(text=""), f"an expression nested more than {MAX_DEPTH} deep")
        if token.kind == "string" and before is not None and before.kind == "string":
            yield _explain(piece, index)
        elif token.kind == "name" and piece.expects_operand(index):
            yield from _operand_faults(piece, index)
        elif token.says("is"):
            asked = piece.at(index + 2 if behind.says("not") else index + 1)
            if asked.text != "defined":
                yield _misused_is(token, asked, "!=" if behind.says("not") else "==")


def _operand_faults(piece: Piece, index: int) -> Iterator[Fault]:
    token, before, behind = piece.at(index), piece.before(index), piece.at(index + 1)
    is_end_of_not_in = token.says("in") and piece.at(index - 1).says("not") and not piece.expects_operand(index - 1)
    if token.text in FOREIGN.literals:
        cure = FOREIGN.fix(token.text, FOREIGN.literals[token.text])
        if token.says("no") and behind.kind == "name":
            cure = Fix('write "not"', "characters", "not")
        yield Fault("E302", token, f'"{token.text}" is not a value', cure)
    elif token.says("not") and before is not None and before.says(*_TIGHT):
        yield Fault("E301", token, f'"not" after "{before.text}"', "write (not ...)")
    elif token.says("if", "else", "or", "and", "is") or (token.says("in") and not is_end_of_not_in):
        yield _explain(piece, index)


def _misused_is(token: Token, asked: Token, sign: str) -> Fault:
    message = '"is" asks only whether something `is defined`'
    if asked.kind in ("string", "integer", "float"):
        at = token._replace(text="is" if sign == "==" else "is not")
        return Fault("E302", at, message, Fix(f'to compare, write "{sign}"', "characters", sign))
    if asked.says("empty", "blank", "none", "null"):
        return Fault("E302", token, message, f'write {sign} ""')
    if asked.says("open", "ok"):
        dotted = f".{asked.text}"
        return Fault(
            "E302",
            token,
            message,
            f"write {dotted} directly after the name"
            if sign == "=="
            else f"write `not` before the name, and {dotted} directly after it",
        )
    cure = FOREIGN.words.get(asked.text) or FOREIGN.literals.get(asked.text)
    return Fault("E302", token, message, cure or f'to compare, write "{sign}"')


def _thousands(piece: Piece, start: int, last: str) -> Fault | None:
    """The error for a number like `1,500`, with `last` after the comma at the offset `start`."""
    before = next((token for token in piece.tokens if token.start + len(token.text) + 1 == start), None)
    if before is None or before.kind != "integer" or not re.fullmatch(r"[0-9]{3}(?:\.[0-9]+)?", last):
        return None
    message = f"{before.text},{last} has a comma, which numbers cannot have here"
    return Fault("E301", before._replace(text=f"{before.text},{last}"), message, f"write {before.text}{last}")


def _explain(piece: Piece, index: int) -> Fault:
    token = piece.at(index)
    before = piece.before(index)
    bracket = piece.open_bracket()
    if before is not None and before.says("|"):
        message = 'the name of a filter is missing after "|"'
        return Fault("E301", token if token.kind != "end" else before, message, "such as `| upper`")
    if before is not None and before.says("."):
        left = piece.at(index - 2)
        if left.kind in ("string", "integer", "float"):
            cure = "write two comparisons: name >= 1 and name <= 3"
            return Fault("E310", left, "a range in an expression", cure)
        cure = f'such as `call.from`, or {left.text}["any-name"]'
        return Fault("E301", before, 'the name of a field is missing after "."', cure)
    if piece.expects_operand(index):
        is_behind = before is not None and before.says(*_INFIX) and not piece.expects_operand(index - 1)
        if before is not None and is_behind and (token.kind == "end" or token.says(")", "]", ",")):
            return Fault("E301", before, f'a value is missing after "{before.text}"', _VALUE)
        if token.kind == "end" and bracket is not None and before is not None and before.says("[", "(", ","):
            return _bracket_not_closed(bracket)
        return Fault("E301", token, "a value is missing here", FOREIGN.missing.get(token.text, _VALUE))
    if token.kind == "end" and bracket is not None:
        return _bracket_not_closed(bracket)
    if token.kind == "operator" or token.says(*_WORDS):
        filtered = piece.at(index - 2).says("|") if index > 1 else False
        if token.says(":") and filtered and before is not None and before.kind == "name":  # as in Liquid and Django
            cure = FOREIGN.filters.get(before.text, f"write what a filter takes in brackets: {before.text}(...)")
            return Fault("E301", token, '":" is not allowed here', cure)
        known = FOREIGN.misplaced.get(token.text, ("E301", f'"{token.text}" is not allowed here', "leave it out"))
        separated = _thousands(piece, token.start + 1, piece.at(index + 1).text) if token.says(",") else None
        code, message, cure = known
        return separated or Fault(code, token, message, FOREIGN.fix(token.text, cure))
    return _no_operator(piece, index)


def _no_operator(piece: Piece, index: int) -> Fault:
    token, before = piece.at(index), piece.before(index)
    if token.kind == "name" and (cure := FOREIGN.operator(token.text)):
        return Fault("E302", token, f'"{token.text}" does not mean anything here', cure)
    if before is not None and FOREIGN.instead.get(before.text.lower()) == "not":
        return Fault("E302", before, f'"{before.text}" does not mean anything here', FOREIGN.operator(before.text))
    message = f"something is missing between {shorten(piece.at(index - 1).text)} and {shorten(token.text)}"
    return Fault("E301", token, message, "write an operator between them, such as == or and")


class _Normaliser(NodeTransformer):
    """Converts equivalent spellings of an entry or a filter to one form."""

    def __init__(self, template: Template) -> None:
        self.template = template

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        match node.arg:
            case nodes.Const(value=str() as key):
                return nodes.Getattr(node.node, key, "load", lineno=node.lineno)
            case nodes.Slice(start=low, stop=high):
                node.arg.start = _fixed(low)
                node.arg.stop = _fixed(high)
            case key:
                node.arg = _fixed(key)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        """Read `a | first.name` as the field `name` of the filter's result."""
        self.generic_visit(node)
        name, *fields = node.name.split(".") if not node.args else [node.name]
        plain: nodes.Expr = node
        node.name = name
        for at, key in enumerate(fields):
            plain = nodes.Getattr(plain, key, "load", lineno=self.template.token(node.lineno, 1 + 2 * at).start)
        return plain


def _fixed(key: Any) -> Any:
    if isinstance(key, nodes.Neg) and isinstance(key.node, nodes.Const) and isinstance(key.node.value, int | float):
        return nodes.Const(-key.node.value, lineno=key.lineno)
    return key
