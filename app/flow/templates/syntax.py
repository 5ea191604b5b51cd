"""Reads texts with Jinja2's lexer and parser; says where and why one cannot be read.

The `lineno` of every node is an offset: the parser is given tokens that carry offsets in place of line numbers. What
a pair of braces holds is checked on its own, so that one text can have several faults: braces that cannot be read
are reported, replaced by something harmless, and the rest is read on.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from app.flow.nodes import Place
from app.flow.scope import is_name
from app.flow.templates.environment import ENVIRONMENT, SIGNS
from app.flow.templates.files import Located
from app.flow.templates.foreign import CALLS, EQUALS, GROWING, LITERALS, OPERATORS, REFUSED_TAGS, WORDS
from app.ncco.suggest import nearest

MAX_TOKENS: Final = 150
"""Words and signs that one pair of braces may hold; our choice."""

MAX_DEPTH: Final = 30
"""How deep brackets and operators may be nested; our choice."""

MAX_BLOCKS: Final = 10
"""How deep blocks of one text may be nested; our choice."""

_CLOSERS: Final = {"{{": "}}", "{%": "%}", "{#": "#}"}
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|\{|\}")
_HALF_CLOSED = re.compile(r"%(?!\s*[\w(])")
_OPERATOR = re.compile(r"==(?!=)|!=(?!=)|<=|>=|<(?!>)|>|\+(?![+=])|-(?!=)|\|(?!\|)|:(?!=)|[()\[\],.]|=(?![=~<>])")
_FOREIGN = re.compile("|".join(re.escape(spelling) for spelling in OPERATORS))
_WORD = re.compile(r"\{%[-+]?\s*(\w+)")
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)((?:[^\W\d]\w*)?)")
_WORD_OPERATORS: Final = frozenset({"if", "else", "or", "and", "not", "in", "is"})
_TAGS: Final = ("if", "elif", "for", "set", "include")
_TAGS_ALONE: Final = ("else", "endif", "endfor")
_CONSTANTS: Final = ("true", "false", "none", "True", "False", "None")
_HEADS: Final = {"if": 1, "elif": 1, "include": 1, "for": 3, "set": 3}
_BRACKETS: Final = {"(": ")", "[": "]"}
_NO_OPERANDS: Final = ("if", "else", "or", "and", "in", "is")
_INFIX: Final = ("==", "!=", "<", "<=", ">", ">=", "+", "-", "and", "or", "in", "if")
_BEFORE_OPERANDS: Final = (*_INFIX, "not", "else", "(", "[", ",", ":", "=")
_MISPLACED: Final = {
    "if": ('"if" within an expression', "for steps, use lines of a `branch`; for texts, write {{ a if test else b }}"),
    ")": ('nothing opens this ")"', "leave it out"),
    "]": ('nothing opens this "]"', "leave it out"),
    "not": ('an operator is missing before "not"', "write `and not`, `or not` or `not in`"),
    "=": ('"=" means nothing here', EQUALS),
    ":": ('":" does not fit here', EQUALS),
}


class Fault(NamedTuple):
    """Something that cannot be read; without a cure, the rule's own is meant."""

    code: str
    start: int
    length: int
    message: str
    cure: str | None = None


class Token(NamedTuple):
    """A token of Jinja2's lexer, with its offset."""

    start: int
    kind: str
    text: str

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.start + len(self.text)

    def says(self, *words: str) -> bool:
        """Whether it is one of these operators or words."""
        return self.kind in ("operator", "name") and self.text in words


@dataclass(slots=True)
class _Piece:
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

    def open_bracket(self) -> Token | None:
        """The innermost bracket that is not closed."""
        opened: list[Token] = []
        for token in self.tokens:
            if token.says("(", "["):
                opened.append(token)
            elif token.says(")", "]") and opened:
                opened.pop()
        return opened[-1] if opened else None

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


class Template:
    """A text with everything it includes, as one tree. The offsets of all its texts follow each other.

    Attributes:
        body: Jinja2's nodes. An entry named by a fixed text is a `Getattr`, however it is written.
        files: the template files that it is made of.
    """

    def __init__(self, text: Located) -> None:
        self.text = text
        self.body: list[nodes.Node] = []
        self.files: set[str] = set()
        self.source = ""
        self._texts: list[tuple[int, Located]] = []
        self._tokens: list[Token] = []
        self._index: dict[int, int] = {}

    def add(self, text: Located) -> int:
        """Append a text; gives the offset of its beginning."""
        base = len(self.source)
        self._texts.append((base, text))
        self.source += f"{text.value}\n"
        return base

    def learn(self, token: Token) -> None:
        """Note a token of the text that was added last."""
        self._index[token.start] = len(self._tokens)
        self._tokens.append(token)

    def place_at(self, start: int, length: int = 1) -> Place:
        """The place of some characters."""
        base, text = next(each for each in reversed(self._texts) if each[0] <= start)
        return text.at(start - base, length)

    def beginning(self, offset: int) -> int:
        """Where the text begins that an offset is in."""
        return max(base for base, _ in self._texts if base <= offset)

    def place(self, node: nodes.Node) -> Place:
        """The place of an expression."""
        start = self.start(node)
        return self.place_at(start, self.end(node) - start)

    def shown(self, node: nodes.Node) -> str:
        """An expression as it is written, at most 40 characters on one line."""
        return shorten(self.source[self.start(node) : self.end(node)])

    def start(self, node: nodes.Node) -> int:
        """The offset of an expression."""
        match node:
            case nodes.Getattr() | nodes.Getitem() | nodes.Filter() | nodes.Test() | nodes.Call():
                return self.start(node.node or node)
            case nodes.Not() if self.token(node.lineno).text == "is":
                return self.start(node.node)
            case nodes.Compare():
                return self.start(node.expr)
            case nodes.BinExpr():
                return self.start(node.left)
            case nodes.CondExpr():
                return self.start(node.expr1)
            case nodes.Tuple() if node.items:
                return self.start(node.items[0])
        return node.lineno

    def end(self, node: nodes.Node) -> int:
        """The offset behind an expression."""
        match node:
            case nodes.Getattr() | nodes.Getitem():
                return self._closed(node.lineno) or self.key(node).end
            case nodes.Filter():
                behind = self.token(node.lineno, 1)
                return self._closed(behind.start) if behind.text == "(" else self.token(node.lineno).end
            case nodes.Test():
                return self.token(node.lineno, 2 if self.token(node.lineno, 1).text == "not" else 1).end
            case nodes.Call() | nodes.List():
                return self._closed(node.lineno)
            case nodes.UnaryExpr():
                return self.end(node.node)
            case nodes.Compare():
                return self.end(node.ops[-1].expr)
            case nodes.BinExpr():
                return self.end(node.right)
            case nodes.CondExpr():
                return self.end(node.expr2 or node.test)
            case nodes.Tuple() if node.items:
                return self.end(node.items[-1])
        return self.token(node.lineno).end

    def key(self, node: nodes.Node) -> Token:
        """The token of the key of an entry."""
        return self.token(node.lineno, 1)

    def key_length(self, node: nodes.Node) -> int:
        """How long a key is, without the brackets around it."""
        end = self.end(node)
        return end - self.key(node).start - (self.source[end - 1] == "]")

    def operator(self, left: nodes.Node) -> Token:
        """The token of the operator behind an operand."""
        index = bisect_left(self._tokens, (self.end(left),))
        while self._tokens[index].text == ")":
            index += 1
        return self._tokens[index]

    def token(self, start: int, further: int = 0) -> Token:
        """The token at an offset, or one further on."""
        return self._tokens[self._index[start] + further]

    def written(self) -> Iterator[nodes.Expr]:
        """Every value that is written."""
        for output in nodes.Template(self.body).find_all(nodes.Output):
            yield from (child for child in output.nodes if not isinstance(child, nodes.TemplateData))

    def before(self, node: nodes.Node) -> Token:
        """The token in front of an expression and of the brackets around it."""
        index = self._index[self.start(node)] - 1
        while self._tokens[index].text == "(":
            index -= 1
        return self._tokens[index]

    def _closed(self, start: int) -> int:
        """The offset behind what closes the bracket at `start`; 0 when there is no bracket."""
        depth = 0
        for token in self._tokens[self._index[start] :]:
            depth += token.says("(", "[") - token.says(")", "]")
            if depth == 0:
                return token.end if token.says(")", "]") else 0
        return 0


def shorten(text: str) -> str:
    """At most 40 characters of `text`, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:37]}..."


def read_template(template: Template, text: Located) -> tuple[list[nodes.Node], list[Fault]]:
    """Append a text to `template`: its nodes, and everything in it that cannot be read."""
    reading = _Reading(template, text)
    reading.scan()
    return reading.parsed()


def read_expression(template: Template, text: Located) -> tuple[nodes.Expr | None, Fault | None]:
    """Append a bare expression to `template`: it, or why it cannot be read."""
    reading = _Reading(template, text, is_bare=True)
    reading.scan_from(0)
    template.body, faults = reading.parsed()
    if faults:
        return None, faults[0]
    (output,) = template.body
    return output.nodes[0], None  # type: ignore[attr-defined] # an Output


class _Reading:
    """The reading of one text.

    Attributes:
        pieces: what it is made of, in its order.
        faults: what cannot be read.
    """

    def __init__(self, template: Template, text: Located, *, is_bare: bool = False) -> None:
        self.template = template
        self.base = template.add(text)
        self.source = text.value
        self.is_bare = is_bare
        self.pieces: list[_Piece] = []
        self.faults: list[Fault] = []

    def scan(self) -> None:
        """Find the pieces; reading goes on behind braces that cannot be read."""
        at = 0
        while at < len(self.source):
            at = self.scan_from(at)

    def scan_from(self, begin: int) -> int:
        """Find pieces from `begin` to the end, or to the end of the first braces that cannot be read."""
        source = self.source.replace("\r\n", "\n").replace("\r", "\n")
        state = "variable" if self.is_bare else None
        piece, at, kind = _Piece("{{", -1, close=len(source)) if self.is_bare else None, begin, ""
        try:
            for _, kind, text in ENVIRONMENT.lexer.tokeniter(source[begin:], None, None, state):
                token = Token(source.index(text, at), kind, text)
                at = token.end
                if kind in ("variable_begin", "block_begin"):
                    piece = _Piece(text[:2], token.start)
                elif piece is None:
                    if kind in ("data", "raw_begin"):
                        self.pieces.append(_Piece("", token.start, [token]))
                elif kind in ("variable_end", "block_end") and not self.is_bare:
                    piece.close = token.start
                    self.pieces.append(piece)
                    piece = None
                elif kind != "whitespace":
                    if fault := self._token_fault(piece, token):
                        return self._behind(piece, fault)
                    piece.tokens.append(token)
        except TemplateSyntaxError:
            return self._unclosed(at, kind) if piece is None else self._behind(piece, self._stopped_at(piece, at))
        if kind in ("raw_begin", "comment_begin"):
            return self._unclosed(at, kind)
        if piece is not None and not self.is_bare:
            return self._behind(piece, _not_closed(piece.opener, piece.start))
        self.pieces += [piece] if piece is not None else []
        return len(source)

    def _unclosed(self, at: int, kind: str) -> int:
        """Report a comment or `raw` without an end."""
        start = self.source.rindex("{", 0, at)
        if kind == "comment_begin":
            self.add(_not_closed("{#", start))
        else:
            self.add(Fault("E322", start, 2, '"raw" is not closed', "close it with {% endraw %}"))
        return len(self.source)

    def _behind(self, piece: _Piece, fault: Fault) -> int:
        """Report braces that cannot be read; gives where the text behind them begins."""
        self.add(fault)
        closer = self.source.find(_CLOSERS[piece.opener], fault.start)
        piece.close = closer + 2 if closer >= 0 else len(self.source)
        if fault.code == "E320" and self.source[fault.start] in "}%":
            piece.close = fault.start + fault.length
        word = _WORD.match(self.source, piece.start) if piece.opener == "{%" and fault.start != piece.start else None
        piece.tokens = [Token(word.start(1), "name", word[1])] if word else []
        piece.is_broken = True
        self.pieces.append(piece)
        return piece.close

    def add(self, fault: Fault) -> None:
        """Note a fault."""
        self.faults.append(fault._replace(start=fault.start + self.base))

    def break_off(self, piece: _Piece, fault: Fault) -> None:
        """Note a fault in braces, and put something harmless in their place."""
        self.add(fault)
        piece.is_broken, piece.tokens = True, piece.harmless()

    # what is wrong with a token by itself

    def _token_fault(self, piece: _Piece, token: Token) -> Fault | None:
        if len(piece.tokens) >= MAX_TOKENS - 1:
            message = f"an expression of more than {MAX_TOKENS} words and signs"
            return Fault("E311", piece.tokens[0].start, 1, message)
        match token.kind:
            case "operator" | "variable_end":
                return self._sign_fault(piece, token.start)
            case "string":
                return _string_fault(token)
            case "integer" | "float":
                return self._number_fault(token)
        return None

    def _stopped_at(self, piece: _Piece, at: int) -> Fault:
        """What is wrong where Jinja2's lexer stops."""
        sign = self.source[at]
        if fault := self._sign_fault(piece, at):
            return fault
        if sign in "\"'":
            return Fault("E301", at, 1, f"the text that begins here has no closing {sign}", f"close it with {sign}")
        if sign in ")]":
            return _explained(piece, len(piece.tokens), Token(at, "operator", sign), is_bare=self.is_bare)
        shown = f'"{sign}"' if sign.isprintable() else f"the character U+{ord(sign):04X}"
        return Fault("E301", at, 1, f"{shown} means nothing here")

    def _sign_fault(self, piece: _Piece, at: int) -> Fault | None:
        if braces := _BRACES.match(self.source, at):
            return self._braces_fault(piece, at, braces.group())
        if piece.opener == "{%" and _HALF_CLOSED.match(self.source, at):
            return Fault("E320", at, 1, '"{%" is closed by "%"', 'write "%}" here')
        if not _OPERATOR.match(self.source, at) and (foreign := _FOREIGN.match(self.source, at)):
            code, cure = OPERATORS[foreign.group()]
            return Fault(code, at, len(foreign.group()), f'"{foreign.group()}" means nothing here', cure)
        return None

    def _braces_fault(self, piece: _Piece, at: int, written: str) -> Fault:
        length = len(written)
        if self.is_bare:
            cure = "write the names without braces; this is an expression already"
            if written == "{":
                cure = 'maps cannot be written here; to name an entry of one, write name["key"]'
            return Fault("E312", at, length, f'"{written}" in an expression', cure)
        closer, bracket = _CLOSERS[piece.opener], piece.open_bracket()
        if written == closer and bracket is not None:
            return _bracket_not_closed(bracket)
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

    # what is wrong with how tokens follow each other

    def parsed(self) -> tuple[list[nodes.Node], list[Fault]]:
        """The nodes of the text, and its faults in their order."""
        for piece in self.pieces:
            self._learn(piece)
        unclosed = _Tags(self).read()
        body = self._parsed()
        body = body[:-1] if unclosed else body
        return body, sorted(self.faults, key=lambda fault: fault.start)

    def _parsed(self) -> list[nodes.Node]:
        """The nodes of all braces that can be read; of any others, the first fault is noted."""
        while True:
            found = [
                (piece, fault) for piece in self.pieces for fault in _faults_of_tokens(piece, is_bare=self.is_bare)
            ]
            body: list[nodes.Node] = []
            if not any(fault.code == "E311" for _, fault in found):
                try:
                    body = self._parse()
                except TemplateSyntaxError as error:
                    piece, index = self._where(error.lineno)
                    found.append((piece, _explained(piece, index, piece.at(index), is_bare=self.is_bare)))
                found += self._refused(body)
            first = {
                piece.start: (piece, fault) for piece, fault in sorted(found[::-1], key=lambda each: -each[1].start)
            }
            if not first:
                return [_Plain(self.template).visit(node) for node in body]
            for piece, fault in first.values():
                self.break_off(piece, fault)

    def _refused(self, body: Iterable[nodes.Node]) -> Iterator[tuple[_Piece, Fault]]:
        """The faults of nodes that expressions do not have."""
        for part in body:
            for node in (part, *part.find_all(nodes.Node)):
                fault = _refusal(self.template, node, is_bare=self.is_bare)
                piece = self._where(fault.start)[0] if fault is not None else None
                if fault is not None and piece is not None and not piece.is_broken:
                    yield piece, fault._replace(start=fault.start - self.base)

    def _parse(self) -> list[nodes.Node]:
        tokens = (token for piece in self.pieces for token in piece.fed() if token.kind != "raw_begin")
        parser = Parser(ENVIRONMENT, "")
        fed = ((token.start + self.base, token.kind, token.text) for token in tokens)
        parser.stream = TokenStream(ENVIRONMENT.lexer.wrap(fed), None, None)
        return parser.parse().body

    def _learn(self, piece: _Piece) -> None:
        opening = Token(piece.start, "raw" if piece.at(0).kind == "raw_begin" else "begin", piece.opener)
        closing = [Token(piece.close, "end", "")] if piece.opener else []
        for token in (opening, *(piece.tokens if piece.opener else ()), *closing):
            self.template.learn(token._replace(start=token.start + self.base))

    def _where(self, offset: int) -> tuple[_Piece, int]:
        """The braces in which an offset is, and the number of its token."""
        at = offset - self.base
        piece = next(piece for piece in reversed(self.pieces) if piece.opener and piece.start <= at)
        return piece, next((index for index, token in enumerate(piece.tokens) if token.start >= at), len(piece.tokens))


class _Tags:
    """Checks that the tags of a text are known and belong together, and replaces those that do not."""

    def __init__(self, reading: _Reading) -> None:
        self.reading = reading
        self.open: list[_Block] = []
        self.refused: set[str] = set()

    def read(self) -> bool:
        """Check every tag; gives whether a block is not closed, which is the last one of the text."""
        for piece in self.reading.pieces:
            if piece.opener == "{%":
                fault = self._tag(piece) if not piece.is_broken else self._broken(piece)
                if fault is not None:
                    self.reading.add(fault)
                    piece.is_broken = True
        for block in self.open:
            cure = f"close it with {{% end{block.word} %}}"
            self.reading.add(Fault("E322", block.start, 2, f'"{block.word}" is not closed', cure))
        end = len(self.reading.source)
        for block in reversed(self.open):
            tokens = [Token(end, "name", f"end{block.word}")]
            self.reading.pieces.append(_Piece("{%", end, tokens, end, is_broken=True))
        return bool(self.open)

    @property
    def _top(self) -> str:
        return self.open[-1].word if self.open else ""

    def _broken(self, piece: _Piece) -> Fault | None:
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

    def _tag(self, piece: _Piece) -> Fault | None:
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

    def _begin(self, piece: _Piece, word: str) -> Fault | None:
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

    def _arm(self, piece: _Piece) -> Fault | None:
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

    def _finish(self, piece: _Piece) -> Fault | None:
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

    def _unknown(self, piece: _Piece) -> Fault | None:
        """Refuse a tag; the end of a block whose beginning was refused is passed over."""
        word, length = piece.at(0), max(1, len(piece.at(0).text))
        meant = nearest(word.text, _TAGS_ALONE if len(piece.tokens) == 1 else _TAGS)
        piece.tokens = []
        if word.kind == "end":
            length = 3 if self.reading.source[word.start] in "-+" else 2
            return Fault("E320", word.start, length, "an empty tag", "write {% if test %}, or leave it out")
        if word.text.removeprefix("end") in self.refused:
            self._take_as(meant, piece, word)
            return None
        if word.text == "endraw":
            return Fault("E322", word.start, length, 'nothing opens this "endraw"', "open it with {% raw %}")
        self.refused.add(word.text)
        if word.text in REFUSED_TAGS:
            self._take_as(f"end{self._top}" if word.text in ("end", "fi") else None, piece, word)
            message = f'the tag "{word.text}" is not available'
            return Fault("E321", word.start, length, message, REFUSED_TAGS[word.text])
        self._take_as(meant, piece, word)
        cure = f"to say a value, write {{{{ {word.text} }}}}" if is_name(word.text) else None
        cure = f'did you mean "{meant}"?' if meant is not None else cure
        return Fault("E321", word.start, length, f'"{word.text}" is not a tag', cure)

    def _take_as(self, meant: str | None, piece: _Piece, word: Token) -> None:
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


def _alone(piece: _Piece) -> Fault | None:
    """What stands behind a word that stands alone."""
    word, behind = piece.at(0), piece.at(1)
    if behind.kind == "end":
        return None
    piece.tokens = [word]
    message = f'"{behind.text}" behind "{word.text}"'
    return Fault("E320", behind.start, len(behind.text), message, f"write {{% {word.text} %}} alone")


def _include_fault(piece: _Piece) -> Fault | None:
    word, *rest = piece.tokens
    if len(rest) == 1 and rest[0].kind == "string":
        return None
    piece.tokens = []
    if not rest:
        return Fault("E301", piece.close, 1, "there is no expression", "write the name of a file in quotes")
    cure = 'write the name of a file in quotes and nothing else: {% include "greeting.j2" %}'
    return Fault("E321", word.start, len(word.text), '"include" takes one fixed file name', cure)


def _string_fault(token: Token) -> Fault | None:
    """An escape that is not known."""
    for escape in re.finditer(r"\\(.)", token.text, re.DOTALL):
        if escape[1] not in "nt\\\"'":
            cure = f"write \\\\{escape[1]} for a backslash and {escape[1]}; known are \\n, \\t, \\\\, \\\" and \\'"
            return Fault("E301", token.start + escape.start(), 2, f'"\\{escape[1]}" means nothing here', cure)
    return None


def _faults_of_tokens(piece: _Piece, *, is_bare: bool) -> Iterator[Fault]:
    """What Jinja2's parser would take for something else than what is meant."""
    if piece.is_broken or not piece.opener:
        return
    first, prefixes = piece.at(0), 0
    opened: list[bool] = []  # for each open bracket, whether "," separates what is in it
    if piece.opener == "{{" and not is_bare and first.says(*_TAGS, *_TAGS_ALONE) and piece.at(1).kind != "operator":
        cure = f"write {{% {first.text} ... %}}"
        yield Fault("E320", first.start, len(first.text), f'"{first.text}" in value braces', cure)
    if piece.opener == "{{" and first.kind == "end":
        yield _explained(piece, 0, first, is_bare=is_bare)
    for index, token in enumerate(piece.tokens[piece.expression :], piece.expression):
        before, awaits_operand = piece.at(index - 1), piece.awaits_operand(index)
        prefixes = prefixes + 1 if token.says("not", "-") else 0
        if token.says("(", "["):
            opened.append(awaits_operand == (token.text == "["))
        elif token.says(")", "]") and opened:
            opened.pop()
        if len(opened) + prefixes >= MAX_DEPTH:
            message = f"an expression nested more than {MAX_DEPTH} deep"
            yield Fault("E311", piece.at(index + 1).start, 1, message)
        if token.kind == "name" and token.text in LITERALS and awaits_operand:
            message = f'"{token.text}" is not a value'
            yield Fault("E302", token.start, len(token.text), message, LITERALS[token.text])
        is_misplaced = token.says(":") and index == len(piece.tokens) - 1
        is_misplaced |= token.says(",") and not (opened and opened[-1]) and not awaits_operand
        is_misplaced |= token.kind == "string" and before.kind == "string"
        is_misplaced |= token.says(*_NO_OPERANDS) and awaits_operand and not piece.ends_operator(index)
        if is_misplaced:
            yield _explained(piece, index, token, is_bare=is_bare)
        if token.says("is") and not awaits_operand:
            is_negated = piece.at(index + 1).says("not")
            asked = piece.at(index + 2 if is_negated else index + 1).text
            if asked != "defined":
                cure = LITERALS.get(asked, 'write "!="' if is_negated else 'to compare, write "=="')
                yield Fault("E302", token.start, 2, '"is" asks only whether something `is defined`', cure)


def _not_closed(opener: str, at: int) -> Fault:
    return Fault("E320", at, 2, f'"{opener}" is not closed', f'close it with "{_CLOSERS[opener]}"')


def _bracket_not_closed(bracket: Token) -> Fault:
    message = f'the "{bracket.text}" that opens here is not closed'
    return Fault("E301", bracket.start, 1, message, f'close it with "{_BRACKETS[bracket.text]}"')


# what is wrong where Jinja2's parser stops


def _explained(piece: _Piece, index: int, token: Token, *, is_bare: bool) -> Fault:
    """Why a token does not fit."""
    before = piece.tokens[index - 1] if index > piece.expression else None
    if before is not None and before.says("|"):
        at = token if token.kind != "end" else before
        message = 'the name of a filter is missing behind "|"'
        return Fault("E301", at.start, max(len(at.text), 1), message, "such as `| upper`")
    if before is not None and before.says("."):
        return _no_field(piece, index, token)
    if piece.awaits_operand(index):
        return _no_operand(piece, index, token)
    bracket = piece.open_bracket()
    if token.kind == "end" and bracket is not None:
        return _bracket_not_closed(bracket)
    return _unexpected(piece, index, token, is_bare=is_bare)


def _no_operand(piece: _Piece, index: int, token: Token) -> Fault:
    """The fault of a token that stands where a value is expected."""
    before, following = piece.tokens[index - 1] if index > piece.expression else None, piece.at(index + 1)
    is_infix = before is not None and before.says(*_INFIX) and not piece.awaits_operand(index - 1)
    if before is not None and is_infix and (token.kind == "end" or token.says(")", "]", ",")):
        message = f'a value is missing behind "{before.text}"'
        cure = "write a name, a text in quotes or a number"
        return Fault("E301", before.start, len(before.text), message, cure)
    if token.kind == "end":
        is_list = before is not None and (before.says("[", ",") or piece.at(index - 2).kind == "name")
        if is_list and (bracket := piece.open_bracket()) is not None:
            return _bracket_not_closed(bracket)
        message = "a value is missing here" if before is not None else "there is no expression"
        return Fault("E301", token.start, 1, message, "write a name, a text in quotes or a number")
    cure = f'before "{token.text}", write a name, a text in quotes or a number'
    if token.says("+"):
        cure = 'leave "+" out; a phone number stands in quotes, without +: "447700900123"'
    elif token.says(".") and following.kind == "integer":
        cure = f"write 0.{following.text}"
    elif token.says("if"):
        cure = 'leave "if" out; what stands here is the test already'
    elif token.says("|"):
        cure = 'write the value before "|"; "or" is written in letters'
    return Fault("E301", token.start, len(token.text), "a value is missing here", cure)


def _unexpected(piece: _Piece, index: int, token: Token, *, is_bare: bool) -> Fault:
    """The fault of a token that stands where an operator or the end is expected."""
    before, length = piece.at(index - 1), len(token.text)
    if token.kind == "operator" or token.text in _WORD_OPERATORS:
        message, cure = _MISPLACED.get(token.text, (f'"{token.text}" does not fit here', "leave it out"))
        if token.text == ",":
            message, cure = 'a "," outside a list', _comma_cure(before, piece.at(index + 1))
        code = {"if": "E310", "=": "E302"}.get(token.text, "E301")
        return Fault(code, token.start, length, message, cure)
    if token.kind == "name" and token.text in WORDS:
        return Fault("E302", token.start, length, f'"{token.text}" means nothing here', WORDS[token.text])
    message = f"something is missing between {shorten(before.text)} and {shorten(token.text)}"
    cure = "write an operator between them, such as == or and"
    if before.kind == "string":
        cure = "write `and` or `or` between them, or one text in one pair of quotes"
    if token.text in (*_TAGS, *_TAGS_ALONE) and not is_bare:
        cure = f"write {{% {token.text} ... %}}"
    return Fault("E301", token.start, length, message, cure)


def _comma_cure(before: Token, following: Token) -> str:
    if before.kind == "integer" and following.kind in ("integer", "float"):
        return f"write a decimal point: {before.text}.{following.text}"
    return 'a list stands in brackets: ["a", "b"]'


def _no_field(piece: _Piece, index: int, token: Token) -> Fault:
    """The fault of what stands behind a dot and is no name."""
    dot, left = piece.tokens[index - 1], piece.at(index - 2)
    if left.kind in ("string", "integer", "float"):
        cure = "write two comparisons: name >= 1 and name <= 3"
        return Fault("E310", left.start, dot.end - left.start + 1, "a range within an expression", cure)
    message = 'the name of a field is missing behind "."'
    return Fault("E301", dot.start, 1, message, f'such as `call.from`, or {left.text}["any-name"]')


# what Jinja2 reads, and the flow language does not have


def _refusal(template: Template, node: nodes.Node, *, is_bare: bool) -> Fault | None:
    match node:
        case nodes.Call():
            return _called(template, node)
        case nodes.Tuple(items=[]) if template.token(node.lineno).text != "[":
            return Fault("E301", template.token(node.lineno).start, 1, "a value is missing here")
        case nodes.Pos():
            cure = 'leave "+" out; a phone number stands in quotes, without +: "447700900123"'
            return Fault("E301", node.lineno, 1, "a value is missing here", cure)
        case nodes.Test(args=[first, *_]):
            start = template.start(first)
            return Fault("E301", start, template.end(first) - start, "something is missing here")
        case nodes.CondExpr(expr1=then) if is_bare:
            return Fault("E310", template.operator(then).start, 2, *_MISPLACED["if"])
        case nodes.CondExpr(expr1=then, expr2=None):
            cure = 'write what holds otherwise: ... if ... else ""'
            return Fault("E301", template.operator(then).start, 2, '"if" without "else"', cure)
        case nodes.Compare(ops=[first, _, *_]):
            sign = template.operator(first.expr)
            cure = f"write both: {template.shown(node.expr)} {SIGNS[first.op]} {template.shown(first.expr)} and ..."
            return Fault("E310", sign.start, len(sign.text), "two comparisons in a row", cure)
        case nodes.Filter(kwargs=[first, *_]):
            sign = template.before(first.value)
            return Fault("E302", sign.start, 1, "a filter takes values without names", "write the value alone")
        case nodes.Getitem():
            return _key_refusal(template, node)
    return None


def _called(template: Template, node: nodes.Call) -> Fault:
    """The fault of a function or a method that is called."""
    of, start = node.node, template.start(node)
    cure = "functions are not available; filters are: `| length`, `| upper`, ..."
    if isinstance(of, nodes.Getattr) and of.attr in CALLS:
        cure = f"write {template.shown(of.node)} | {CALLS[of.attr]}"
    elif isinstance(of, nodes.Getattr) and of.attr in GROWING:
        cure = f"write {template.shown(of.node)} + [...]"
    elif isinstance(of, nodes.Name) and of.name in CALLS:
        cure = f"write `| {CALLS[of.name]}` behind the value"
    elif isinstance(of, nodes.Name) and of.name == "defined":
        cure = "write `is defined` behind the name"
    return Fault("E310", start, node.lineno + 1 - start, f"{template.shown(of)}(...) calls a function", cure)


def _key_refusal(template: Template, node: nodes.Getitem) -> Fault | None:
    """The fault of what stands in brackets behind a value."""
    key, shown = node.arg, template.shown(node.node)
    if template.token(node.lineno).text == ".":
        token = template.key(node)
        message = "an entry of a list is named in brackets"
        return Fault("E302", node.lineno, 1 + len(token.text), message, f"write {shown}[{token.text}]")
    if isinstance(key, nodes.Tuple) and not key.items:
        at = template.key(node).start
        return Fault("E301", at, 1, "an entry without a name", f'write {shown}["its name"]')
    if isinstance(key, nodes.Slice):
        return _slice_refusal(template, key)
    fixed = _fixed(key)
    if fixed is None or type(fixed) in (str, int):
        return None
    cure = 'write a text in quotes or a whole number: ["X-Tenant"], [0]'
    start = template.start(key)
    message = "only a text or a whole number can stand in brackets"
    return Fault("E310", start, template.end(key) - start, message, cure)


def _slice_refusal(template: Template, key: nodes.Slice) -> Fault | None:
    for bound in (key.start, key.stop):
        if bound is not None and type(_fixed(bound)) is not int:
            start = template.start(bound)
            message = "a part is cut out by fixed whole numbers"
            return Fault("E301", start, template.end(bound) - start, message, "such as [0:3] or [-4:]")
    if key.step is None:
        return None
    colon = template.before(key.step)
    return Fault("E301", colon.start, 1, '":" does not fit here', "leave it out")


def _fixed(key: nodes.Node | None) -> Any:
    """What a key is in every call; None when it is computed."""
    if isinstance(key, nodes.Neg) and isinstance(key.node, nodes.Const) and isinstance(key.node.value, int | float):
        return -key.node.value
    return key.value if isinstance(key, nodes.Const) else None


class _Plain(NodeTransformer):
    """One form for what can be written in several."""

    def __init__(self, template: Template) -> None:
        self.template = template

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        """`a["key"]` is `a.key`; a fixed number is one literal."""
        self.generic_visit(node)
        match node.arg:
            case nodes.Const(value=str() as key):
                return nodes.Getattr(node.node, key, "load", lineno=node.lineno)
            case nodes.Slice(start=low, stop=high):
                node.arg.start, node.arg.stop = (nodes.Const(_fixed(bound)) for bound in (low, high))
            case nodes.Neg() if (fixed := _fixed(node.arg)) is not None:
                node.arg = nodes.Const(fixed, lineno=node.arg.lineno)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        """`a | first.name` is a field of what the filter gives."""
        self.generic_visit(node)
        name, *fields = node.name.split(".") if not node.args else [node.name]
        plain: nodes.Expr = node
        node.name = name
        for at, key in enumerate(fields):
            plain = nodes.Getattr(plain, key, "load", lineno=self.template.token(node.lineno, 1 + 2 * at).start)
        return plain
