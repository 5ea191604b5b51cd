"""What an expression is made of. `start` and `end` are offsets in the text that it stands in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Const:
    """A text, a number, true or false."""

    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Items:
    """`[a, b]`."""

    items: tuple[Node, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name:
    """A name."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Field:
    """`of.key`, `of["key"]` or `of[0]`; `key_start` is where the key stands."""

    of: Node
    key: str | int
    start: int
    end: int
    key_start: int


@dataclass(frozen=True, slots=True)
class Picked:
    """`of[key]` with a key that is computed; `key_start` is where it stands."""

    of: Node
    key: Node
    start: int
    end: int
    key_start: int


@dataclass(frozen=True, slots=True)
class Cut:
    """`of[low:high]`."""

    of: Node
    low: int | None
    high: int | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Filtered:
    """`of | name(args)`."""

    of: Node
    name: str
    args: tuple[Node, ...]
    start: int
    end: int
    name_start: int


@dataclass(frozen=True, slots=True)
class Defined:
    """`of is defined`, or with `negated` `of is not defined`."""

    of: Node
    negated: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Negative:
    """`-of`."""

    of: Node
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Not:
    """`not of`."""

    of: Node
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sum:
    """`left + right` or `left - right`."""

    left: Node
    op: str
    right: Node
    start: int
    end: int
    op_start: int


@dataclass(frozen=True, slots=True)
class Compared:
    """`left op right`, with one of `== != < <= > >= in` and `not in`."""

    left: Node
    op: str
    right: Node
    start: int
    end: int
    op_start: int


@dataclass(frozen=True, slots=True)
class Logic:
    """`a and b`, `a or b`."""

    op: str
    left: Node
    right: Node
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Either:
    """`then if test else other`, in braces only."""

    then: Node
    test: Node
    other: Node
    start: int
    end: int


Node: TypeAlias = (
    Const | Items | Name | Field | Picked | Cut | Filtered | Defined | Negative | Not | Sum | Compared | Logic | Either
)


def children(node: Node) -> tuple[Node, ...]:
    """The expressions that `node` is made of, from left to right."""
    match node:
        case Const() | Name():
            return ()
        case Items(items=items):
            return items
        case Filtered(of=of, args=args):
            return (of, *args)
        case Sum() | Compared() | Logic():
            return (node.left, node.right)
        case Either(then=then, test=test, other=other):
            return (then, test, other)
        case _:
            return (node.of, node.key) if isinstance(node, Picked) else (node.of,)


def walk(node: Node) -> Iterator[Node]:
    """`node` and everything in it."""
    yield node
    for child in children(node):
        yield from walk(child)


def root_names(node: Node) -> frozenset[str]:
    """The names that it looks up."""
    return frozenset(part.name for part in walk(node) if isinstance(part, Name))


def whole_values(node: Node) -> Iterator[Node]:
    """The expressions whose value `node` may be, unchanged: both arms of a choice, a value and its default."""
    match node:
        case Either(then=then, other=other):
            yield from (*whole_values(then), *whole_values(other))
        case Filtered(name="default", of=of, args=args) if args:
            yield from (*whole_values(of), *whole_values(args[0]))
        case _:
            yield node
