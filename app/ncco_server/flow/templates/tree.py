"""A template as a tree of Jinja2 nodes, each with its place.

A node's `lineno` is an offset, because the parser gets tokens with offsets instead of line numbers.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from jinja2 import nodes

from ncco_server.flow.issues import did_you_mean
from ncco_server.flow.nodes import Place
from ncco_server.suggest import nearest

FOLDER = "templates/"

HOLE: Final = "ª"
"""Is in the names of the values that a handler computes. No name of a flow file has it."""
_HOLES: Final = re.compile(rf"(secret)?\w*{HOLE}\d+")
MAX_FILE = 100_000
"""Characters of a template file; our choice."""


class Located(Protocol):
    """Text with a known place for each character: a scalar of a flow file, or a template file."""

    @property
    def value(self) -> str: ...

    def at(self, offset: int, length: int = 1) -> Place: ...


@dataclass(frozen=True)
class TemplateFile:
    """The text of `templates/<name>`."""

    name: str
    value: str

    @cached_property
    def _line_starts(self) -> tuple[int, ...]:
        return (0, *(at + 1 for at, sign in enumerate(self.value) if sign == "\n"))

    def at(self, offset: int, length: int = 1) -> Place:
        offset = min(max(offset, 0), len(self.value))
        line = bisect_right(self._line_starts, offset)
        return Place(f"{FOLDER}{self.name}", line, offset - self._line_starts[line - 1] + 1, max(1, length))


def missing_file(name: str, templates: Mapping[str, str]) -> tuple[str, str]:
    message = f'there is no file "{name}" in {FOLDER}'
    bare = name.removeprefix(FOLDER)
    meant = next((known for known in templates if known == bare or known.startswith(f"{bare}.")), None)
    if near := meant or nearest(bare, templates):
        return message, did_you_mean(near)
    known = ", ".join(sorted(templates)[:20])
    return message, f"files are: {known}" if known else f"put the file into {FOLDER}"


class Token(NamedTuple):
    """A token of Jinja2's lexer, with its offset."""

    start: int
    kind: str
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def says(self, *words: str) -> bool:
        return self.kind in ("operator", "name") and self.text in words


class Template:
    """A text with everything that it includes, as one tree. Offsets count on from one text to the next.

    Attributes:
        body: Jinja2's nodes. An entry with a fixed name is a `Getattr`, however it is written.
        zone: of literals without a UTC offset (an IANA name), or "".
    """

    def __init__(self, text: Located, zone: str = "") -> None:
        self.text = text
        self.zone = zone
        self.body: list[nodes.Node] = []
        self.files: set[str] = set()
        self.source = ""
        self._texts: list[tuple[int, Located]] = []
        self._tokens: list[Token] = []
        self._index: dict[int, int] = {}

    def add(self, text: Located) -> int:
        """Return the offset of the text's start."""
        base = len(self.source)
        self._texts.append((base, text))
        self.source += f"{text.value}\n"
        return base

    def learn(self, token: Token) -> None:
        self._index[token.start] = len(self._tokens)
        self._tokens.append(token)

    def place_at(self, start: int, length: int = 1) -> Place:
        base, text = next(each for each in reversed(self._texts) if each[0] <= start)
        return text.at(start - base, length)

    def beginning(self, offset: int) -> int:
        return max(base for base, _ in self._texts if base <= offset)

    def between(self, start: int, end: int) -> Token:
        return Token(start, "", self.source[start:end])

    def written_as(self, node: nodes.Node) -> Token:
        return self.between(self.start(node), self.end(node))

    def place(self, where: nodes.Node | Token) -> Place:
        token = where if isinstance(where, Token) else self.written_as(where)
        return self.place_at(token.start, max(1, len(token.text)))

    def shown(self, node: nodes.Node) -> str:
        return shorten(self.written_as(node).text)

    def start(self, node: nodes.Node) -> int:
        """Brackets around the expression do not count."""
        return min(_offsets(node))

    def end(self, node: nodes.Node) -> int:
        """Include the closing brackets of all brackets that the expression opens."""
        index = self._index[max(_offsets(node))]
        if self._tokens[index].text in (".", "is"):
            index += 2 if self._tokens[index + 1].text == "not" else 1
        if self._tokens[index - 1].text == "|" and self._tokens[index + 1].text == "(":
            index += 1
        depth = 0
        for token in self._tokens[self._index[self.start(node)] : index + 1]:
            depth = max(0, depth + token.says("(", "[") - token.says(")", "]"))
        while depth > 0:
            index += 1
            depth += self._tokens[index].says("(", "[") - self._tokens[index].says(")", "]")
        return self._tokens[index].end

    def key(self, node: nodes.Node) -> Token:
        return self.token(node.lineno, 1)

    def whole_key(self, node: nodes.Node) -> Token:
        end = self.end(node)
        return self.between(self.key(node).start, end - (self.source[end - 1] == "]"))

    def operator(self, left: nodes.Node) -> Token:
        index = bisect_left(self._tokens, (self.end(left),))
        while self._tokens[index].text == ")":
            index += 1
        return self._tokens[index]

    def token(self, start: int, further: int = 0) -> Token:
        """The token `further` tokens after the one at `start` (before it if negative)."""
        return self._tokens[self._index[start] + further]

    def written(self) -> Iterator[nodes.Expr]:
        for output in nodes.Template(self.body).find_all(nodes.Output):
            yield from (child for child in output.nodes if not isinstance(child, nodes.TemplateData))

    def before(self, node: nodes.Node) -> Token:
        index = self._index[self.start(node)] - 1
        while self._tokens[index].text == "(":
            index -= 1
        return self._tokens[index]


def _offsets(node: nodes.Node) -> Iterator[int]:
    """Leave out comparisons, where Jinja2 records the next token's offset."""
    for each in (node, *node.find_all(nodes.Node)):
        if not isinstance(each, nodes.Compare | nodes.Operand):
            yield each.lineno


def shorten(text: str) -> str:
    """The text as messages quote it. What a handler has computed has no name there."""
    line = " ".join(_HOLES.sub(lambda hole: "a Secret" if hole[1] else "a computed text", text).split())
    return line if len(line) <= 40 else f"{line[:37]}..."
