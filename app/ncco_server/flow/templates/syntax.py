"""Parses texts with Jinja2's lexer and parser, and reports the first place where one cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from ncco_server.flow.issues import meant_word
from ncco_server.flow.templates.environment import ENVIRONMENT
from ncco_server.flow.templates.tree import Located, Template, Token

MAX_TOKENS: Final = 150
"""Words and signs in a pair of braces; our choice."""
MAX_DEPTH: Final = 30
"""Nested brackets, `not` and minus signs; our choice."""
MAX_BLOCKS: Final = 10
"""Nested blocks in a text; our choice."""

_TAGS: Final = ("if", "elif", "else", "endif", "for", "endfor", "set", "include")
_CLOSERS: Final = {"variable": "}}", "block": "%}", "comment": "#}", "raw": "{% endraw %}"}
_BRACES: Final = (
    'values are in {{ }}, tags in {% %}, each with its own closing braces: write `{{ name }}`, or `["key"]`'
)
_NUMBER: Final = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?")
_ESCAPES: Final = re.compile(r"""(?:[^\\]|\\[nt\\"'])*""", re.DOTALL)


class SyntaxFault(Exception):
    """The first error in the syntax of a text. A cure of None means the rule's own."""

    def __init__(self, at: Token, message: str, cure: str | None = None, code: str = "E301") -> None:
        super().__init__(message)
        self.at = at
        self.message = message
        self.cure = cure
        self.code = code


def read_template(template: Template, text: Located) -> list[nodes.Node]:
    """Append a text to `template`; return its nodes. Raises SyntaxFault."""
    return _read(template, text, is_bare=False)


def read_expression(template: Template, text: Located) -> nodes.Expr:
    """Append an expression without braces to `template`. Raises SyntaxFault."""
    template.body = _read(template, text, is_bare=True)
    return next(template.written())


def _read(template: Template, text: Located, *, is_bare: bool) -> list[nodes.Node]:
    begin = template.add(text)
    tokens = [*_tokens(template.source, begin, is_bare=is_bare)]
    for token in tokens:
        template.learn(token)
    _Check(is_bare=is_bare).all(tokens)
    written = (token._replace(kind="data") if token.kind == "raw" else token for token in tokens)
    parser = Parser(ENVIRONMENT, "")
    try:
        parser.stream = TokenStream(ENVIRONMENT.lexer.wrap(written), None, None)
        tree = parser.parse()
    except TemplateSyntaxError as error:
        token = template.token(error.lineno)
        if token.kind.endswith("_end"):
            before = template.token(error.lineno, -1)
            if before.kind.endswith("_begin"):
                raise SyntaxFault(token, "an expression is missing here") from None
            raise SyntaxFault(before, f'something is missing after "{before.text}"') from None
        raise SyntaxFault(token, f'"{token.text}" cannot be here') from None
    _Normaliser(template).visit(tree)
    return tree.body


def _tokens(source: str, begin: int, *, is_bare: bool) -> Iterator[Token]:
    """An `error` token comes last where Jinja2's lexer stops."""
    end = len(source) - 1
    at = begin
    opened = ""
    if is_bare:
        yield Token(begin - 1, "variable_begin", "{{")
    written = source.replace("\r", " ")  # Jinja2 would turn \r\n into one character
    state = "variable" if is_bare else None
    try:
        for _, kind, text in ENVIRONMENT.lexer.tokeniter(written[begin:end], None, None, state):
            start = written.index(text, at)
            at = start + len(text)
            opened = kind if kind.endswith("_begin") else opened
            if kind != "whitespace":
                yield Token(start, "raw" if kind == "data" and opened == "raw_begin" else kind, source[start:at])
    except TemplateSyntaxError:
        yield Token(at, "error", source[at : at + 1])
    if is_bare:
        yield Token(end, "variable_end", "")


class _Check:
    """Refuses what the language does not have, before Jinja2 parses it."""

    def __init__(self, *, is_bare: bool) -> None:
        self.is_bare = is_bare
        self.opener: Token | None = None
        self.blocks: list[Token] = []
        self.before = Token(0, "", "")
        self.count = self.depth = self.prefixes = 0

    def all(self, tokens: list[Token]) -> None:
        for token in tokens:
            if token.kind.endswith("_begin"):
                self.opener = token
                self.count = self.depth = self.prefixes = 0
            elif self.opener is not None and self.opener.kind in ("variable_begin", "block_begin"):
                self._inside(self.opener, token)
            if token.kind.endswith("_end"):
                self.opener = None
            self.before = token
        if self.opener is not None:
            closer = _CLOSERS[self.opener.kind.removesuffix("_begin")]
            raise SyntaxFault(self.opener, f'"{self.opener.text}" is not closed', f'close it with "{closer}"')
        if self.blocks:
            word = self.blocks[-1]
            raise SyntaxFault(word, f'"{word.text}" is not closed', f"close it with {{% end{word.text} %}}")

    def _inside(self, opener: Token, token: Token) -> None:
        self.count += 1
        self.prefixes = self.prefixes + 1 if token.says("not", "-") else 0
        self.depth += token.says("(", "[") - token.says(")", "]")
        if self.count >= MAX_TOKENS and not token.kind.endswith("_end"):
            raise SyntaxFault(token, f"an expression of more than {MAX_TOKENS} words and signs", code="E311")
        if self.depth + self.prefixes >= MAX_DEPTH:
            raise SyntaxFault(token, f"an expression nested more than {MAX_DEPTH} deep", code="E311")
        if opener.kind == "block_begin" and self.count == 1:
            self._tag(opener, token)
        if self.is_bare and token.text in ("{", "}}"):
            message = "braces in an expression"
            raise SyntaxFault(token, message, "write the names without braces; this is already an expression")
        if token.says("{") or (token.kind == "error" and token.text in "{}%"):
            raise SyntaxFault(token, f'"{token.text}" within "{opener.text}"', _BRACES)
        if token.kind == "error":
            raise _meaningless(token)
        if token.says(":") and not self.depth:
            raise SyntaxFault(token, '":" cannot be here')
        if token.kind == "string":
            self._string(token)
        elif token.kind in ("integer", "float") and not (_NUMBER.fullmatch(token.text) and self._is_number(token)):
            cure = f'write at most 18 digits without a leading 0, or in quotes if it is text: "{token.text}"'
            raise SyntaxFault(token, f"{token.text} is not a number", cure)

    def _is_number(self, token: Token) -> bool:
        return self.before.kind not in ("integer", "float") or self.before.end < token.start

    def _string(self, token: Token) -> None:
        if self.before.kind == "string":
            raise SyntaxFault(token, "an operator is missing between two texts")
        if not _ESCAPES.fullmatch(token.text):
            raise SyntaxFault(token, "a backslash in a text", "write \\\\ for a backslash")

    def _tag(self, opener: Token, word: Token) -> None:
        if word.text not in _TAGS:
            cure = meant_word(word.text, _TAGS, f"write one of: {', '.join(_TAGS)}, raw, endraw")
            raise SyntaxFault(word, f'"{word.text}" is not a tag', cure)
        if word.text in ("if", "for"):
            self.blocks.append(word)
            if len(self.blocks) > MAX_BLOCKS:
                raise SyntaxFault(opener, f"tags nested more than {MAX_BLOCKS} deep", code="E311")
        elif word.text.startswith("end"):
            opened = self.blocks.pop().text if self.blocks else "nothing"
            if word.text != f"end{opened}":
                cure = f"write {{% end{opened} %}}" if opened != "nothing" else "leave it out"
                raise SyntaxFault(word, f'"{word.text}" closes {opened}', cure)
        elif word.text in ("elif", "else") and not self.blocks:
            raise SyntaxFault(word, f'nothing opens this "{word.text}"', "open it with {% if test %}")


def _meaningless(token: Token) -> SyntaxFault:
    if token.text in ("'", '"'):
        return SyntaxFault(token, f"the text that begins here has no closing {token.text}", "close the quotes")
    shown = f'"{token.text}"' if token.text.isprintable() else f"the character U+{ord(token.text):04X}"
    return SyntaxFault(token, f"{shown} does not mean anything here")


class _Normaliser(NodeTransformer):
    """Converts equivalent spellings of an entry or a filter to one form, and refuses parts of tags."""

    def __init__(self, template: Template) -> None:
        self.template = template

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        """Keep the line ends of the text."""
        node.data = self.template.token(node.lineno).text
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self._require_name(node, node.target)
        if node.test is not None or node.recursive:
            self._refuse(node, '"if" or "recursive" in the first line of a loop', "write {% if test %} inside the loop")
        return self.generic_visit(node)

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:
        self._require_name(node, node.target)
        return self.generic_visit(node)

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:
        self._refuse(node, '"set" without a value', "write {% set name = value %}")
        return node

    def visit_Include(self, node: nodes.Include) -> nodes.Node:
        is_name = isinstance(node.template, nodes.Const) and isinstance(node.template.value, str)
        if not is_name or node.ignore_missing or not node.with_context:
            cure = 'write only the name of a file, in quotes: {% include "greeting.j2" %}'
            self._refuse(node, '"include" takes one fixed file name', cure)
        return node

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

    def _require_name(self, node: nodes.Node, target: nodes.Node) -> None:
        if not isinstance(target, nodes.Name):
            self._refuse(node, "a tag sets one name", "write one name after the tag's word")

    def _refuse(self, node: nodes.Node, message: str, cure: str) -> None:
        raise SyntaxFault(self.template.token(node.lineno), message, cure)


def _fixed(key: Any) -> Any:
    if isinstance(key, nodes.Neg) and isinstance(key.node, nodes.Const) and isinstance(key.node.value, int | float):
        return nodes.Const(-key.node.value, lineno=key.lineno)
    return key
