"""What a template is made of, and how its pieces become that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from app.flow.expressions.fault import Fault
from app.flow.expressions.parser import parse
from app.flow.expressions.syntax import Const, Node
from app.flow.expressions.tokens import Token
from app.flow.scope import is_name
from app.flow.templates.scanner import Braces, Data, Piece, Scanner, Tag
from app.ncco.suggest import nearest

MAX_BLOCKS = 10
"""How deep blocks may be nested; our choice."""

_REFUSED = {
    "elseif": 'write "elif"',
    "elsif": 'write "elif"',
    "end": "write endif or endfor",
    "fi": "write endif",
    "switch": "use if, elif, else",
    "macro": "use include, or a step of its own",
    "call": "use include, or a step of its own",
    "import": "use include",
    "from": "use include",
    "extends": "use include",
    "block": "use include",
    "autoescape": "leave it out; every value is escaped for its place by itself",
    "filter": "write the filter behind the value: {{ name | upper }}",
    "with": "use set",
    "do": "use `set` of a step",
    "break": "use if within the loop",
    "continue": "use if within the loop",
    "endset": "write the value in the tag: {% set name = value %}",
}

_ENDS = frozenset({"end", "fi"})
_TAGS_ALONE = ("else", "endif", "endfor")
_TAGS = ("if", "elif", "for", "set", "include")


@dataclass(frozen=True, slots=True)
class Output:
    """`{{ node }}`."""

    node: Node
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class If:
    """`if`, `elif` and `else` (whose test is None)."""

    arms: tuple[tuple[Node | None, tuple[Part, ...]], ...]
    start: int


@dataclass(frozen=True, slots=True)
class For:
    """`for name in of`, with what stands in its `else`; `of` is None when the head could not be read."""

    names: tuple[Token, ...]
    of: Node | None
    body: tuple[Part, ...]
    other: tuple[Part, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Set:
    """`set name = node`."""

    name: Token
    node: Node


@dataclass(frozen=True, slots=True)
class Include:
    """`include "name"`."""

    name: str
    start: int
    length: int


Part: TypeAlias = Data | Output | If | For | Set | Include


@dataclass(slots=True)
class _Block:
    """A block that is still open."""

    word: str
    start: int
    test: Node | None = None
    names: tuple[Token, ...] = ()
    parts: list[Part] = field(default_factory=list)
    arms: list[tuple[Node | None, tuple[Part, ...]]] = field(default_factory=list)
    has_else: bool = False

    def end_arm(self, test: Node | None) -> None:
        """What was read so far is one arm; another begins."""
        self.arms.append((self.test, tuple(self.parts)))
        self.test, self.parts = test, []


@dataclass(slots=True)
class TreeReader:
    """Makes a tree of a template's text. What cannot be read is in `faults`; the rest is read on."""

    source: str
    faults: list[Fault] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)
    _open: list[_Block] = field(default_factory=lambda: [_Block("", 0)])

    def read(self) -> tuple[Part, ...]:
        """The parts of the template."""
        for piece in Scanner(self.source, self.faults).pieces():
            try:
                self._add(piece)
            except Fault as fault:
                self.faults.append(fault)
        for block in self._open[1:]:
            cure = f"close it with {{% end{block.word} %}}"
            self.faults.append(Fault("E322", block.start, 2, f'"{block.word}" is not closed', cure))
        return tuple(self._open[0].parts)

    def _add(self, piece: Piece) -> None:
        if isinstance(piece, Data):
            self._top.parts.append(piece)
        elif isinstance(piece, Braces):
            self._top.parts.append(Output(self._parsed(piece.tokens), piece.start, piece.end))
        elif piece.is_broken:
            self._broken(piece)
        else:
            self._tag(piece)

    @property
    def _top(self) -> _Block:
        return self._open[-1]

    def _parsed(self, tokens: list[Token]) -> Node:
        return parse(tokens, self.source, braces=True)

    def _tag(self, tag: Tag) -> None:
        word, rest = tag.tokens[0], tag.tokens[1:]
        match word.text:
            case "if":
                self._begin(_Block("if", tag.start), rest)
            case "for":
                self._for(tag, rest)
            case "elif" | "else":
                self._arm(word, rest)
            case "endif" | "endfor":
                self._finish(word)
                self._nothing_behind(word, rest)
            case "set":
                self._set(word, rest)
            case "include":
                self._include(word, rest)
            case _:
                self._unknown(word, rest)

    def _broken(self, tag: Tag) -> None:
        """Open and close blocks by broken tags too, so that no end is left over."""
        word = tag.tokens[0]
        if word.text in ("if", "for"):
            self._open.append(_Block(word.text, tag.start))
        elif word.text in ("endif", "endfor") and word.text == f"end{self._top.word}":
            self._finish(word)

    def _begin(self, block: _Block, tokens: list[Token]) -> None:
        """Open a block even when its test cannot be read, so that its end finds it."""
        if len(self._open) > MAX_BLOCKS:
            raise Fault("E311", block.start, 2, f"tags nested more than {MAX_BLOCKS} deep")
        self._open.append(block)
        if block.word == "for":
            _refuse_filter(tokens)
        block.test = self._parsed(tokens)

    def _for(self, tag: Tag, tokens: list[Token]) -> None:
        heads = tokens[:3:2] if len(tokens) > 2 and tokens[1].says(",") else tokens[:1]
        names = tuple(token for token in heads if token.kind == "name")
        block = _Block("for", tag.start, names=names)
        if len(names) == 1 and len(tokens) > 2 and tokens[1].says("in"):
            self._begin(block, tokens[2:])
            return
        self._open.append(block)
        cure = "write {% for item in list %}"
        if any(token.says(",") for token in tokens):
            cure = "a loop has one name and goes over a list: {% for item in list %}"
        raise Fault("E320", tag.tokens[0].start, 3, "a loop that cannot be read", cure)

    def _arm(self, word: Token, tokens: list[Token]) -> None:
        block = self._top
        if not block.word or (word.text == "elif" and block.word == "for"):
            raise Fault(
                "E322", word.start, len(word.text), f'nothing opens this "{word.text}"', "open it with {% if test %}"
            )
        if block.has_else:
            raise Fault("E322", word.start, len(word.text), f'"{word.text}" behind "else"', "write else last")
        if word.text == "else" and tokens[0].says("if"):
            raise Fault("E320", word.start, len(word.text), '"else if"', 'write "elif"')
        block.has_else = word.text == "else"
        block.end_arm(None)
        if word.text == "elif":
            block.test = self._parsed(tokens)
        else:
            self._nothing_behind(word, tokens)

    def _finish(self, word: Token) -> None:
        opened, wanted = self._top.word, word.text.removeprefix("end")
        if opened != wanted:
            message = f'"{word.text}" closes "{opened}"' if opened else f'nothing opens this "{word.text}"'
            cure = f"write {{% end{opened} %}}" if opened else f"leave it out, or open it with {{% {wanted} ... %}}"
            raise Fault("E322", word.start, len(word.text), message, cure)
        block = self._open.pop()
        if block.word == "for":
            self._top.parts.append(_loop(block))
        else:
            block.end_arm(None)
            self._top.parts.append(If(tuple(block.arms), block.start))

    def _set(self, word: Token, tokens: list[Token]) -> None:
        if tokens[0].kind != "name" or not tokens[1].says("="):
            self._refused.add("set")
            cure = "write {% set name = value %}"
            raise Fault("E320", word.start, len(word.text), '"set" that cannot be read', cure)
        self._top.parts.append(Set(tokens[0], self._parsed(tokens[2:])))

    def _include(self, word: Token, tokens: list[Token]) -> None:
        node = self._parsed(tokens[:1] + tokens[-1:])
        if not isinstance(node, Const) or not isinstance(node.value, str) or len(tokens) > 2:
            cure = 'write the name of a file in quotes and nothing else: {% include "greeting.j2" %}'
            raise Fault("E321", word.start, len(word.text), '"include" takes one fixed file name', cure)
        self._top.parts.append(Include(node.value, node.start, node.end - node.start))

    def _unknown(self, word: Token, behind: list[Token]) -> None:
        """Refuse a tag; the end of a block whose beginning was refused is passed over."""
        length = max(1, len(word.text))
        if word.kind == "end":
            raise Fault("E320", word.start, length, "an empty tag", "write {% if test %}, or leave it out")
        meant = nearest(word.text, _TAGS_ALONE if behind[0].kind == "end" else _TAGS)
        if word.text.removeprefix("end") in self._refused:
            self._take_as(meant, word)
            return
        if word.text == "endraw":
            raise Fault("E322", word.start, length, 'nothing opens this "endraw"', "open it with {% raw %}")
        self._refused.add(word.text)
        if word.text in _REFUSED:
            self._take_as(f"end{self._top.word}" if word.text in _ENDS else None, word)
            raise Fault("E321", word.start, length, f'the tag "{word.text}" is not available', _REFUSED[word.text])
        self._take_as(meant, word)
        cure = f"to say a value, write {{{{ {word.text} }}}}" if is_name(word.text) else None
        cure = f'did you mean "{meant}"?' if meant is not None else cure
        raise Fault("E321", word.start, length, f'"{word.text}" is not a tag', cure)

    def _take_as(self, meant: str | None, word: Token) -> None:
        """Open or close the block that a misspelt tag is likely to mean, so that it is one fault."""
        if meant in ("if", "for"):
            self._open.append(_Block(meant, word.start))
        elif self._top.word and meant == f"end{self._top.word}":
            self._finish(replace(word, text=meant))

    def _nothing_behind(self, word: Token, tokens: list[Token]) -> None:
        if tokens[0].kind != "end":
            message = f'"{tokens[0].text}" behind "{word.text}"'
            raise Fault("E320", tokens[0].start, len(tokens[0].text), message, f"write {{% {word.text} %}} alone")


def _loop(block: _Block) -> Part:
    """A finished `for`."""
    other = tuple(block.parts) if block.has_else else ()
    of, body = block.arms[0] if block.has_else else (block.test, tuple(block.parts))
    return For(block.names, of, body, other, block.start)


def _refuse_filter(tokens: list[Token]) -> None:
    for token in tokens:
        if token.says("if") or token.text == "recursive":
            cure = "write {% if test %} within the loop"
            raise Fault("E321", token.start, len(token.text), f'"{token.text}" in the head of a loop', cure)
