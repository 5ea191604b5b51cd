"""What a value is compared with, and how one expression says so.

A value that is compared only with 3 and with 5 makes a difference below 3, at 3, between them, at 5 and above 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise, product
from math import ceil, floor
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from jinja2 import nodes

from app.flow.model import Value
from app.flow.templates.references import Occurrence, walk
from app.verify.prove.uses import Path, is_plain, is_test, path_of, templates_in

Where = Literal["begins", "ends", "holds", "at"]
Pieces: TypeAlias = tuple[str | None, ...]
"""What a joined text is made of: texts, and None for each computed piece."""

MOST_NUMBERS: Final = 24
"""Numbers of one value that others are counted from."""
MOST_PAIRS: Final = 6
"""Parts of one text that are combined two by two."""
LONGEST_JOINED: Final = 24
"""Characters of a text that is taken apart into pieces."""
_FILLERS: Final = "2345678901"
_PARTS_BY_FILTER: Final[dict[str, Where]] = {
    "starts_with": "begins",
    "ends_with": "ends",
    "contains": "holds",
    "first": "begins",
    "last": "ends",
}
_KEEPS_PARTS: Final = frozenset({"lower", "upper", "title", "capitalize", "trim", "text"})
"""Filters that leave the parts of a text where they are."""
_KEEPS_NUMBER: Final = frozenset({"int", "number", "round", "default", "length"})
"""Filters after which a number is what it was, or no larger than an input."""


class TextPart(NamedTuple):
    """A part of a text that is compared: its beginning, its end, any part of it, or the text at position `low`."""

    where: Where
    text: str = ""
    low: int = 0

    def is_in(self, text: str) -> bool:
        """Whether a text has it."""
        match self.where:
            case "begins":
                return text.startswith(self.text)
            case "ends":
                return text.endswith(self.text)
            case "holds":
                return self.text in text
        return text[self.low : self.low + len(self.text)] == self.text

    def written_into(self, text: str) -> str:
        """A text of the same length that has it."""
        at = len(text) - len(self.text) if self.where == "ends" else self.low
        return text[:at] + self.text + text[at + len(self.text) :]


@dataclass(slots=True)
class Compared:
    """What a value is compared with; everything in the order in which it is written.

    Attributes:
        literals: texts and numbers.
        form: the form that the value must have: `datetime`, `number`, `phone`, `url`, `websocket`, `language`, `zone`,
            `user`, `sip`, or "" for any.
        names: every path that shares these literals, the flow first ("" for names of all flows).
        parts: what parts of the text are compared with. lengths: what its length is compared with.
        offsets: numbers that are added or subtracted in a comparison. steps: the same in an assignment.
        joins: the texts that the value is joined into.
        keys: the paths whose values are keys of this map.
        marks: what else is known of the value.
            truth: it is asked whether there is anything: "", 0 or an empty list.
            related: it is compared with another value. changed: it is not only compared as it is, with literals.
            rises, sinks: an assignment adds a literal, or subtracts one. free: an assignment computes it otherwise.
            joined: it is a text made of others. decides: it is not only spoken, sent or kept.
            bounded: it is a number in an option of an action. headed: it is in a header, which takes no line end.
    """

    literals: dict[Any, None] = field(default_factory=dict)
    form: str = ""
    names: tuple[Path, ...] = ()
    parts: dict[TextPart, None] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()
    offsets: dict[float, None] = field(default_factory=dict)
    steps: dict[float, None] = field(default_factory=dict)
    joins: dict[Pieces, None] = field(default_factory=dict)
    keys: dict[Path, None] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)

    def add(self, literal: object) -> None:
        """Add a literal that is a text or a number."""
        if isinstance(literal, str | int | float) and not isinstance(literal, bool):
            self.literals[literal] = None

    def update(self, other: Compared) -> None:
        """Add all that another value is compared with, which is compared with this one."""
        for name in ("literals", "parts", "offsets", "steps", "joins", "keys", "marks"):
            getattr(self, name).update(getattr(other, name))
        self.form = self.form or other.form

    def has(self, mark: str) -> bool:
        """Whether a mark is set."""
        return mark in self.marks

    @property
    def is_exact(self) -> bool:
        """Whether it is compared with literals as it is and in no other way: the values tried represent all others."""
        return "changed" not in self.marks

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers among the literals, and those that reach one by addition; a text of digits is a number too."""
        return self._moved((*self.offsets, *self.steps))

    @property
    def borders(self) -> tuple[float, ...]:
        """The numbers at which a comparison changes its result."""
        return self._moved(self.offsets)

    def _moved(self, offsets: Iterable[float]) -> tuple[float, ...]:
        found = [number for each in self.literals if (number := _number(each)) is not None]
        moved = [each + step for each in found for offset in offsets for step in (-offset, offset)]
        return tuple(dict.fromkeys([*found, *moved[: max(0, MOST_NUMBERS - len(found))]]))

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts among the literals."""
        return tuple(each for each in self.literals if isinstance(each, str))

    def excludes(self, text: str) -> bool:
        """Whether a text is none of the literals, has none of the parts and none of the lengths."""
        parts = any(part.text and part.is_in(text) for part in self.parts)
        return not parts and text not in self.literals and len(text) not in self.lengths

    def made(self, low: int, high: int) -> Iterator[str]:
        """Texts of `low` to `high` characters with each part, with each two parts, and of each length."""
        for part in self.parts:
            length = max(low, part.low + len(part.text))
            if length <= high:
                yield part.written_into(self._filler(part.text) * length)
        for first, second in product(islice(self.parts, MOST_PAIRS), repeat=2):
            length = max(low, first.low + len(first.text) + second.low + len(second.text))
            if first.where != second.where and length <= high:
                yield second.written_into(first.written_into(self._filler() * length))
        for number in self.lengths:
            yield from (self._filler() * each for each in (number - 1, number, number + 1) if low <= each <= high)

    def _filler(self, beside: str = "") -> str:
        """A digit that is in none of the parts, if there is one."""
        known = beside + "".join(part.text for part in self.parts)
        return next((digit for digit in _FILLERS if digit not in known), _FILLERS[0])


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def around(numbers: Iterable[float], *, is_whole: bool) -> list[Any]:
    """Each number and its neighbours; for numbers that are not whole also the middle between two of them."""
    found = list(dict.fromkeys(numbers))
    if is_whole:
        whole = ((ceil(each) - 1, floor(each), ceil(each), floor(each) + 1) for each in found)
        return list(dict.fromkeys(number for numbers in whole for number in numbers))
    near = [each for number in found for each in (number - 1, number, number + 1)]
    half = [(low + high) / 2 for low, high in pairwise(sorted(found))]
    return list(dict.fromkeys(int(each) if float(each).is_integer() else each for each in (*near, *half)))


def different(values: Iterable[Any]) -> list[Any]:
    """The values without repetitions; they may be lists."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


# how an expression compares


def part_of(node: nodes.Node) -> TextPart | None:
    """The part of a text that an expression reads, without its text; None for the whole, or a computed value."""
    match node:
        case nodes.Getitem(arg=nodes.Slice(start=nodes.Const(value=low), stop=nodes.Const(value=high))):
            if (low or 0) < 0:  # `[-2:]` is the end; a slice that stops before the end may be anywhere in the text
                return TextPart("ends") if high is None else TextPart("holds")
            return TextPart("at", low=low) if low else TextPart("begins")
        case nodes.Filter(node=nodes.Expr() as of, name=name) if name in _KEEPS_PARTS:
            return part_of(of)
        case nodes.Filter(name=name) if name in _PARTS_BY_FILTER:
            return TextPart(_PARTS_BY_FILTER[name])
    return None


def texts_in(node: nodes.Node) -> Iterator[str]:
    """Every literal text in an expression."""
    yield from (part.value for part in walk(node) if isinstance(part, nodes.Const) and isinstance(part.value, str))


def offsets_in(node: nodes.Node) -> Iterator[float]:
    """The numbers that an expression adds or subtracts."""
    for part in walk(node):
        if isinstance(part, nodes.Add | nodes.Sub):
            sides = (each.value for each in (part.left, part.right) if isinstance(each, nodes.Const))
            yield from (each for each in sides if isinstance(each, int | float) and not isinstance(each, bool))


def growth_of(node: nodes.Node) -> set[str]:
    """How an assigned value changes: `rises`, `sinks`, or `free` of what it was."""
    match node:
        case nodes.Const():
            return set()
        case (
            nodes.Add(left=of, right=nodes.Const(value=int() | float() as step))
            | nodes.Add(left=nodes.Const(value=int() | float() as step), right=of)
        ) if path_of(of) is not None:
            return {"rises" if step > 0 else "sinks"} if step else set()
        case nodes.Sub(left=of, right=nodes.Const(value=int() | float() as step)) if path_of(of) is not None:
            return {"sinks" if step > 0 else "rises"} if step else set()
        case nodes.CondExpr(expr1=then, expr2=nodes.Expr() as other):
            return growth_of(then) | growth_of(other)
        case nodes.Filter(node=nodes.Expr() as of, name=name) if name in _KEEPS_NUMBER:
            return growth_of(of)
    return set() if path_of(node) is not None else {"free"}


def tested_for_truth(occurrence: Occurrence) -> Iterator[nodes.Node]:
    """The operands of which a test only asks whether they are there."""
    if is_test(occurrence):
        yield from _operands(occurrence.node)
    for part in walk(occurrence.node):
        match part:
            case nodes.CondExpr(test=test):
                yield from _operands(test)
            case nodes.Test(node=of) | nodes.Filter(node=nodes.Expr() as of, name="default", args=[_, _]):
                yield of


def _operands(node: nodes.Node) -> Iterator[nodes.Node]:
    match node:
        case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
            yield from _operands(left)
            yield from _operands(right)
        case nodes.Not(node=of) if not isinstance(of, nodes.Test):
            yield from _operands(of)
        case nodes.Compare() | nodes.Add() | nodes.Sub():
            return
        case _:
            yield node


def is_literal_comparison(node: nodes.Compare) -> bool:
    """Whether a name itself is compared with a literal."""
    sides = (node.expr, node.ops[0].expr)
    return any(is_plain(side) for side in sides) and any(_is_literal(side) for side in sides)


def _is_literal(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) or (isinstance(node, nodes.List) and all(map(_is_literal, node.items)))


# joined texts


def joined_in(value: Value) -> Iterator[Pieces]:
    """The pieces of each text in a value that is more than one computed piece."""
    for leaf in templates_in(value):
        outputs = [each for each in leaf.template.body if isinstance(each, nodes.Output)]
        pieces = tuple(piece for output in outputs for part in output.nodes for piece in pieces_of(part))
        if len(pieces) > 1 and len(outputs) == len(leaf.template.body):
            yield pieces


def pieces_of(node: nodes.Node) -> Pieces:
    """The pieces that an expression joins."""
    match node:
        case nodes.Add(left=left, right=right):
            return (*pieces_of(left), *pieces_of(right))
        case nodes.TemplateData(data=text) | nodes.Const(value=str() as text):
            return (text,)
    return (None,)


def fillings(pieces: Pieces, text: str) -> Iterator[str]:
    """What the computed pieces may be when the whole is `text`."""
    if pieces and len(text) <= LONGEST_JOINED:
        yield from dict.fromkeys(each for row in _splits(pieces, text) for each in row)


def _splits(pieces: Pieces, text: str) -> Iterator[tuple[str, ...]]:
    """Every way to split a text into the pieces: what each computed one is."""
    if not pieces:
        yield from [()] if not text else []
    elif (first := pieces[0]) is not None:
        yield from _splits(pieces[1:], text.removeprefix(first)) if text.startswith(first) else ()
    else:
        for length in range(len(text) + 1):
            yield from ((text[:length], *rest) for rest in _splits(pieces[1:], text[length:]))
