"""Reads texts with Jinja2's lexer and parser; says where and why one cannot be read.

One text can have several faults: braces that cannot be read are reported, replaced by something harmless, and the rest
is read on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from app.flow.templates.environment import ENVIRONMENT
from app.flow.templates.files import Located
from app.flow.templates.mistakes import explained, faults_of_tokens, fixed_key, refusal
from app.flow.templates.pieces import Fault, Piece, Scanner
from app.flow.templates.tags import Tags
from app.flow.templates.tree import Template, Token


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
                    if piece.is_broken:  # what stands in for it can always be read; if not, reading ends here
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
