"""Parses texts with Jinja2's lexer and expression parser, and reports where and why one cannot be read.

Each pair of braces is parsed separately and has at most one error, so all pairs' errors come together.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from ncco_server.flow.issues import did_you_mean
from ncco_server.flow.templates.environment import ENVIRONMENT
from ncco_server.flow.templates.foreign import FOREIGN
from ncco_server.flow.templates.pieces import INFIX, LEXER, TIGHT, Fault, Piece, Scanner, bracket_not_closed, thousands
from ncco_server.flow.templates.tree import Located, Template, Token, shorten
from ncco_server.suggest import nearest

MAX_DEPTH: Final = 30
"""Nested brackets, `not` and minus signs; our choice."""
MAX_BLOCKS: Final = 10
"""Nested blocks in a text; our choice."""
_TAGS: Final = ("if", "elif", "for", "set", "include", "else", "endif", "endfor")
_CONSTANTS: Final = ("true", "false", "none", "True", "False", "None")
_OPPOSITES: Final = {"==": "!=", "!=": "==", ">": "<=", "<=": ">", "<": ">=", ">=": "<"}
_COMPARED: Final = re.compile('"(==|!=|<=|>=|<|>)"')
_WORDS: Final = ("if", "else", "or", "and", "not", "in", "is")
_SAYING: Final = ("print", "echo", "output", "say")
_PARSER: Final = Parser(ENVIRONMENT, "")
"""Copied for each expression. Making a parser takes as long as reading a short expression."""
_VALUE: Final = "write a name, text in quotes or a number"


def read_template(template: Template, text: Located) -> tuple[list[nodes.Node], list[Fault]]:
    """Append a text to `template`; return its nodes and errors.

    Unclosed blocks are left out.
    """
    return _TreeBuilder(template, text, is_bare=False).read()


def read_expression(template: Template, text: Located) -> tuple[nodes.Expr | None, Fault | None]:
    """Append an expression without braces to `template`; return the expression or its error."""
    template.body, faults = _TreeBuilder(template, text, is_bare=True).read()
    return (None, faults[0]) if faults else (next(template.written()), None)


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
        self.unread: set[str] = set()
        """Names in tags with an error, which may declare them: what uses one is left out."""

    def read(self) -> tuple[list[nodes.Node], list[Fault]]:
        faults: list[Fault] = []
        for piece in Scanner(self.template.source, self.begin, is_bare=self.is_bare).pieces():
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
                else:
                    self.unread.add(target.name)
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
            foreign = FOREIGN.tags.get(word.text, "").replace("NAME", piece.at(1).text or "NAME")
            piece.refuse("E321", word, message, foreign or cure)
            self.unread |= {each.text for each in piece.tokens[1:] if each.kind == "name" and not meant}
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
            parser.stream = TokenStream(LEXER.wrap(iter(tokens)), None, None)
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
        if piece.fault is not None or not self.unread.isdisjoint(token.text for token in piece.tokens):
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
        cure = FOREIGN.literals[token.text]
        if token.says("no") and behind.kind == "name":
            cure = 'write "not"'
        yield Fault("E302", token, f'"{token.text}" is not a value', cure)
    elif token.says("not") and before is not None and before.says(*TIGHT):
        yield Fault("E301", token, f'"not" after "{before.text}"', "write (not ...)")
    elif token.says("if", "else", "or", "and", "is") or (token.says("in") and not is_end_of_not_in):
        yield _explain(piece, index)


def _misused_is(token: Token, asked: Token, sign: str) -> Fault:
    message = '"is" asks only whether something `is defined`'
    if asked.kind in ("string", "integer", "float"):
        at = token._replace(text="is" if sign == "==" else "is not")
        return Fault("E302", at, message, f'to compare, write "{sign}"')
    cure = FOREIGN.words.get(asked.text) or FOREIGN.literals.get(asked.text)
    if asked.text.lower() in ("empty", "blank", "none", "null"):
        cure = f'write {sign} "", or {sign} 0 for a number'
    elif asked.says("open", "ok"):
        negation = "" if sign == "==" else "`not` before the name, and "
        cure = f"write {negation}.{asked.text} directly after the name"
    elif cure and sign == "!=":
        cure = _COMPARED.sub(lambda found: f'"{_OPPOSITES[found[1]]}"', cure)
    return Fault("E302", token, message, cure or f'to compare, write "{sign}"')


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
        is_behind = before is not None and before.says(*INFIX) and not piece.expects_operand(index - 1)
        if before is not None and is_behind and (token.kind == "end" or token.says(")", "]", ",")):
            return Fault("E301", before, f'a value is missing after "{before.text}"', _VALUE)
        if token.kind == "end" and bracket is not None and before is not None and before.says("[", "(", ","):
            return bracket_not_closed(bracket)
        return Fault("E301", token, "a value is missing here", FOREIGN.missing.get(token.text, _VALUE))
    if token.kind == "end" and bracket is not None:
        return bracket_not_closed(bracket)
    is_misplaced = token.kind == "operator" or token.says(*_WORDS)
    return _misplaced(piece, index) if is_misplaced else _no_operator(piece, index)


def _misplaced(piece: Piece, index: int) -> Fault:
    token, before = piece.at(index), piece.before(index)
    filtered = piece.at(index - 2).says("|") if index > 1 else False
    if token.says(":") and filtered and before is not None and before.kind == "name":  # as in Liquid and Django
        cure = FOREIGN.filters.get(before.text, f"write what a filter takes in brackets: {before.text}(...)")
        return Fault("E301", token, '":" is not allowed here', cure)
    if token.says("not") and (fault := _not_equal(token, piece.at(index + 1))) is not None:
        return fault
    known = FOREIGN.misplaced.get(token.text, ("E301", f'"{token.text}" is not allowed here', "leave it out"))
    separated = thousands(piece, token.start + 1, piece.at(index + 1).text) if token.says(",") else None
    code, message, cure = known
    return separated or Fault(code, token, message, cure)


def _not_equal(token: Token, behind: Token) -> Fault | None:
    if behind.kind in ("string", "integer", "float"):
        return Fault("E302", token, '"not" alone compares nothing', 'write "!="')
    if FOREIGN.instead.get(behind.text) == "==":
        return Fault("E302", token, f'"not {behind.text}" does not mean anything here', 'to compare, write "!="')
    return None


def _no_operator(piece: Piece, index: int) -> Fault:
    token, before = piece.at(index), piece.before(index)
    behind = piece.at(index + 1).text
    if FOREIGN.instead.get(token.text) == "==" and (second := FOREIGN.instead.get(behind)) in ("==", "!=", "not"):
        compared = f'to compare, write "{"==" if second == "==" else "!="}"'
        return Fault("E302", token, f'"{token.text} {behind}" does not mean anything here', compared)
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
