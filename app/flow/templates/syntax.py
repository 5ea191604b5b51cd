"""Reads texts with Jinja2's lexer and parser; says where and why one cannot be read.

One text can have several faults: braces that cannot be read are reported, replaced by something harmless, and the rest
is read on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from app.flow.templates.environment import ENVIRONMENT, SIGNS
from app.flow.templates.foreign import FOREIGN
from app.flow.templates.scanner import (
    INFIX,
    TAGS,
    TAGS_ALONE,
    WORD_OPERATORS,
    Fault,
    Piece,
    Scanner,
    Tags,
    bracket_not_closed,
)
from app.flow.templates.tree import Located, Template, Token, shorten

MAX_DEPTH: Final = 30
"""How deep brackets and operators may be nested; our choice."""

_NO_OPERANDS: Final = ("if", "else", "or", "and", "in", "is")
_TIGHT: Final = ("==", "!=", "<", "<=", ">", ">=", "+", "-", "in")
"""Operators that bind tighter than `not`."""

_EQUALS: Final = 'to compare, write "=="'
_MISPLACED: Final = {
    "if": ('"if" within an expression', "for steps, use lines of a `branch`; for texts, write {{ a if test else b }}"),
    ")": ('nothing opens this ")"', "leave it out"),
    "]": ('nothing opens this "]"', "leave it out"),
    "not": ('an operator is missing before "not"', "write `and not`, `or not` or `not in`"),
    "=": ('"=" means nothing here', _EQUALS),
    ":": ('":" does not fit here', _EQUALS),
}


def faults_of_tokens(piece: Piece, *, is_bare: bool) -> Iterator[Fault]:
    """What Jinja2's parser would take for something else than what is meant."""
    if piece.is_broken or not piece.opener:
        return
    first = piece.at(0)
    if piece.opener == "{{" and not is_bare and first.says(*TAGS, *TAGS_ALONE) and piece.at(1).kind != "operator":
        cure = f"write {{% {first.text} ... %}}"
        yield Fault("E320", first.start, len(first.text), f'"{first.text}" in value braces', cure)
    if piece.opener == "{{" and first.kind == "end":
        yield explained(piece, 0, first, is_bare=is_bare)
    yield from _nesting_faults(piece)
    for index, token in enumerate(piece.tokens[piece.expression :], piece.expression):
        is_misplaced = token.says(":") and index == len(piece.tokens) - 1
        is_misplaced |= token.kind == "string" and piece.at(index - 1).kind == "string"
        is_misplaced |= token.says(",") and not piece.is_list(index) and not piece.awaits_operand(index)
        if is_misplaced:
            yield explained(piece, index, token, is_bare=is_bare)
        elif token.kind == "name":
            yield from _word_faults(piece, index, token, is_bare=is_bare)


def _nesting_faults(piece: Piece) -> Iterator[Fault]:
    brackets = prefixes = 0
    for index, token in enumerate(piece.tokens):
        prefixes = prefixes + 1 if token.says("not", "-") else 0
        brackets += token.says("(", "[") - token.says(")", "]")
        if brackets + prefixes >= MAX_DEPTH:
            message = f"an expression nested more than {MAX_DEPTH} deep"
            yield Fault("E311", piece.at(index + 1).start, 1, message)


def _word_faults(piece: Piece, index: int, token: Token, *, is_bare: bool) -> Iterator[Fault]:
    if piece.awaits_operand(index):
        if token.text in FOREIGN.literals:
            message = f'"{token.text}" is not a value'
            yield Fault("E302", token.start, len(token.text), message, FOREIGN.literals[token.text])
        elif token.says(*_NO_OPERANDS) and not piece.ends_operator(index):
            yield explained(piece, index, token, is_bare=is_bare)
        elif token.says("not") and index > piece.expression and piece.at(index - 1).says(*_TIGHT):
            yield Fault("E301", token.start, 3, f'"not" behind "{piece.at(index - 1).text}"', "write (not ...)")
    elif token.says("is"):
        is_negated = piece.at(index + 1).says("not")
        asked = piece.at(index + 2 if is_negated else index + 1).text
        if asked != "defined":
            cure = FOREIGN.literals.get(asked, 'write "!="' if is_negated else 'to compare, write "=="')
            yield Fault("E302", token.start, 2, '"is" asks only whether something `is defined`', cure)


# where Jinja2's parser stops


def explained(piece: Piece, index: int, token: Token, *, is_bare: bool) -> Fault:
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
        return bracket_not_closed(piece.tokens[bracket])
    return _unexpected(piece, index, token, is_bare=is_bare)


def _no_operand(piece: Piece, index: int, token: Token) -> Fault:
    """The fault of a token where a value is expected."""
    before, following = piece.tokens[index - 1] if index > piece.expression else None, piece.at(index + 1)
    is_infix = before is not None and before.says(*INFIX) and not piece.awaits_operand(index - 1)
    if before is not None and is_infix and (token.kind == "end" or token.says(")", "]", ",")):
        message = f'a value is missing behind "{before.text}"'
        cure = "write a name, a text in quotes or a number"
        return Fault("E301", before.start, len(before.text), message, cure)
    if token.kind == "end":
        is_list = before is not None and (before.says("[", ",") or piece.at(index - 2).kind == "name")
        if is_list and (bracket := piece.open_bracket()) is not None:
            return bracket_not_closed(piece.tokens[bracket])
        message = "a value is missing here" if before is not None else "there is no expression"
        return Fault("E301", token.start, 1, message, "write a name, a text in quotes or a number")
    cure = f'before "{token.text}", write a name, a text in quotes or a number'
    if token.says("+"):
        cure = 'leave "+" out; write a phone number in quotes, without +: "447700900123"'
    elif token.says(".") and following.kind == "integer":
        cure = f"write 0.{following.text}"
    elif token.says("if"):
        cure = 'leave "if" out; the test itself is written here'
    elif token.says("|"):
        cure = 'write the value before "|"; "or" is written in letters'
    return Fault("E301", token.start, len(token.text), "a value is missing here", cure)


def _unexpected(piece: Piece, index: int, token: Token, *, is_bare: bool) -> Fault:
    """The fault of a token where an operator or the end is expected."""
    before, length = piece.at(index - 1), len(token.text)
    if token.kind == "operator" or token.text in WORD_OPERATORS:
        message, cure = _MISPLACED.get(token.text, (f'"{token.text}" does not fit here', "leave it out"))
        if token.text == ",":
            message, cure = 'a "," outside a list', _comma_cure(before, piece.at(index + 1))
        code = {"if": "E310", "=": "E302"}.get(token.text, "E301")
        return Fault(code, token.start, length, message, cure)
    if token.kind == "name" and token.text in FOREIGN.words:
        return Fault("E302", token.start, length, f'"{token.text}" means nothing here', FOREIGN.words[token.text])
    message = f"something is missing between {shorten(before.text)} and {shorten(token.text)}"
    cure = "write an operator between them, such as == or and"
    if before.kind == "string":
        cure = "write `and` or `or` between them, or one text in one pair of quotes"
    if token.text in (*TAGS, *TAGS_ALONE) and not is_bare:
        cure = f"write {{% {token.text} ... %}}"
    return Fault("E301", token.start, length, message, cure)


def _comma_cure(before: Token, following: Token) -> str:
    if before.kind == "integer" and following.kind in ("integer", "float"):
        return f"write a decimal point: {before.text}.{following.text}"
    return 'write a list in brackets: ["a", "b"]'


def _no_field(piece: Piece, index: int, token: Token) -> Fault:
    """The fault of what follows a dot and is no name."""
    dot, left = piece.tokens[index - 1], piece.at(index - 2)
    if left.kind in ("string", "integer", "float"):
        cure = "write two comparisons: name >= 1 and name <= 3"
        return Fault("E310", left.start, dot.end - left.start + 1, "a range within an expression", cure)
    message = 'the name of a field is missing behind "."'
    return Fault("E301", dot.start, 1, message, f'such as `call.from`, or {left.text}["any-name"]')


# what Jinja2 reads, and the flow language does not have


def refusal(template: Template, node: nodes.Node, *, is_bare: bool) -> Fault | None:
    """The fault of a node that Jinja2 has and expressions do not have."""
    match node:
        case nodes.Call():
            return _called(template, node)
        case nodes.Tuple(items=[]) if template.token(node.lineno).text != "[":
            return Fault("E301", template.token(node.lineno).start, 1, "a value is missing here")
        case nodes.Pos():
            cure = 'leave "+" out; write a phone number in quotes, without +: "447700900123"'
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
    if isinstance(of, nodes.Getattr) and of.attr in FOREIGN.calls:
        cure = f"write {template.shown(of.node)} | {FOREIGN.calls[of.attr]}"
    elif isinstance(of, nodes.Getattr) and of.attr in FOREIGN.growing:
        cure = f"write {template.shown(of.node)} + [...]"
    elif isinstance(of, nodes.Name) and of.name in FOREIGN.calls:
        cure = f"write `| {FOREIGN.calls[of.name]}` behind the value"
    elif isinstance(of, nodes.Name) and of.name == "defined":
        cure = "write `is defined` behind the name"
    return Fault("E310", start, node.lineno + 1 - start, f"{template.shown(of)}(...) calls a function", cure)


def _key_refusal(template: Template, node: nodes.Getitem) -> Fault | None:
    """The fault of what is in brackets behind a value."""
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
    fixed = fixed_key(key)
    if fixed is None or type(fixed) in (str, int):
        return None
    cure = 'write a text in quotes or a whole number: ["X-Tenant"], [0]'
    start = template.start(key)
    message = "only a text or a whole number can be in brackets"
    return Fault("E310", start, template.end(key) - start, message, cure)


def _slice_refusal(template: Template, key: nodes.Slice) -> Fault | None:
    for bound in (key.start, key.stop):
        if bound is not None and type(fixed_key(bound)) is not int:
            start = template.start(bound)
            message = "a part is cut out by fixed whole numbers"
            return Fault("E301", start, template.end(bound) - start, message, "such as [0:3] or [-4:]")
    if key.step is None:
        return None
    colon = template.before(key.step)
    return Fault("E301", colon.start, 1, '":" does not fit here', "leave it out")


def fixed_key(key: nodes.Node | None) -> Any:
    """What a key is in every call; None when it is computed."""
    if isinstance(key, nodes.Neg) and isinstance(key.node, nodes.Const) and isinstance(key.node.value, int | float):
        return -key.node.value
    return key.value if isinstance(key, nodes.Const) else None


def read_template(template: Template, text: Located) -> tuple[list[nodes.Node], list[Fault]]:
    """Append a text to `template`: its nodes, and everything in it that cannot be read."""
    return _Reading(template, text).read()


def read_expression(template: Template, text: Located) -> tuple[nodes.Expr | None, Fault | None]:
    """Append a bare expression to `template`: it, or why it cannot be read."""
    template.body, faults = _Reading(template, text, is_bare=True).read()
    return (None, faults[0]) if faults else (next(template.written()), None)


class _Reading:
    """The reading of one text."""

    def __init__(self, template: Template, text: Located, *, is_bare: bool = False) -> None:
        scanner = Scanner(text.value, is_bare=is_bare)
        self.template = template
        self.base = template.add(text)
        self.source = text.value
        self.is_bare = is_bare
        self.pieces = scanner.pieces
        self.faults = scanner.faults

    def read(self) -> tuple[list[nodes.Node], list[Fault]]:
        """The nodes of the text, and its faults in their order; those of a block without an end are left out."""
        for piece in self.pieces:
            self._learn(piece)
        tags = Tags(self.pieces, self.source)
        self.faults += tags.faults
        body = self._parsed()
        faults = [fault._replace(start=fault.start + self.base) for fault in self.faults]
        return body[:-1] if tags.is_unclosed else body, sorted(faults, key=lambda fault: fault.start)

    def _parsed(self) -> list[nodes.Node]:
        """The nodes of all braces that can be read; of any others, the first fault is noted."""
        while True:
            found = [(piece, fault) for piece in self.pieces for fault in faults_of_tokens(piece, is_bare=self.is_bare)]
            body: list[nodes.Node] = []
            if not any(fault.code == "E311" for _, fault in found):
                try:
                    body = self._parse()
                except TemplateSyntaxError as error:
                    piece, index = self._where(error.lineno)
                    if piece.is_broken:  # its replacement can always be read; if not, reading ends here
                        return []
                    found.append((piece, explained(piece, index, piece.at(index), is_bare=self.is_bare)))
                found += self._refused(body)
            first: dict[int, tuple[Piece, Fault]] = {}
            for piece, fault in found:
                if piece.start not in first or fault.start < first[piece.start][1].start:
                    first[piece.start] = (piece, fault)
            if not first:
                parts = [part for node in body for part in node.find_all((nodes.Getitem, nodes.Filter))]
                return [_Plain(self.template).visit(node) for node in body] if parts else body
            for piece, fault in first.values():
                self._break(piece, fault)

    def _refused(self, body: Iterable[nodes.Node]) -> Iterator[tuple[Piece, Fault]]:
        """The faults of nodes that expressions do not have."""
        for part in body:
            for node in (part, *part.find_all(nodes.Node)):
                fault = refusal(self.template, node, is_bare=self.is_bare)
                piece = self._where(fault.start)[0] if fault is not None else None
                if fault is not None and piece is not None and not piece.is_broken:
                    yield piece, fault._replace(start=fault.start - self.base)

    def _parse(self) -> list[nodes.Node]:
        tokens = (token for piece in self.pieces for token in piece.fed() if token.kind != "raw_begin")
        parser = Parser(ENVIRONMENT, "")
        fed = ((token.start + self.base, token.kind, token.text) for token in tokens)
        parser.stream = TokenStream(ENVIRONMENT.lexer.wrap(fed), None, None)
        return parser.parse().body

    def _break(self, piece: Piece, fault: Fault) -> None:
        """Note a fault in braces, and put something harmless in their place."""
        self.faults.append(fault)
        piece.is_broken, piece.tokens = True, piece.harmless()

    def _learn(self, piece: Piece) -> None:
        opening = Token(piece.start, "raw" if piece.at(0).kind == "raw_begin" else "begin", piece.opener)
        closing = [Token(piece.close, "end", "")] if piece.opener else []
        for token in (opening, *(piece.tokens if piece.opener else ()), *closing):
            self.template.learn(token._replace(start=token.start + self.base))

    def _where(self, offset: int) -> tuple[Piece, int]:
        """The braces in which an offset is, and the number of its token."""
        at = offset - self.base
        piece = next(piece for piece in reversed(self.pieces) if piece.opener and piece.start <= at)
        return piece, next((index for index, token in enumerate(piece.tokens) if token.start >= at), len(piece.tokens))


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
                node.arg.start, node.arg.stop = (nodes.Const(fixed_key(bound)) for bound in (low, high))
            case nodes.Neg() if (fixed := fixed_key(node.arg)) is not None:
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
