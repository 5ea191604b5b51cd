"""Texts that are made of several pieces: what each piece has to be for the whole to be a certain text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from app.flow.expressions.syntax import Const, Node, Sum
from app.flow.model import Value
from app.flow.parts.values import leaves
from app.flow.templates import Computed, Native
from app.flow.templates.scanner import Data
from app.flow.templates.tree import Output

Pieces: TypeAlias = tuple[str | None, ...]
"""What a text is made of: texts, and None for what is computed."""

LONGEST: Final = 24
"""Characters of a text that is taken apart."""


def pieces_of(value: Value) -> Iterator[Pieces]:
    """The pieces of each text in a value that is more than one computed piece."""
    for leaf in leaves(value):
        if isinstance(leaf, Native | Computed):
            parts = leaf.unit.parts
            if all(isinstance(part, Data | Output) for part in parts):
                pieces = [piece for part in parts for piece in _of_part(part)]
                if len(pieces) > 1:
                    yield tuple(pieces)


def _of_part(part: object) -> Pieces:
    return (part.text,) if isinstance(part, Data) else pieces_in(part.node) if isinstance(part, Output) else ()


def pieces_in(node: Node) -> Pieces:
    """The pieces that an expression joins."""
    if isinstance(node, Sum) and node.op == "+":
        return (*pieces_in(node.left), *pieces_in(node.right))
    return (node.value,) if isinstance(node, Const) and isinstance(node.value, str) else (None,)


def fillings(pieces: Pieces, text: str) -> Iterator[str]:
    """What the computed pieces may be when the whole is `text`, in every way that it can be taken apart."""
    if len(text) > LONGEST or not pieces:
        return
    first, rest = pieces[0], pieces[1:]
    if first is not None:
        if text.startswith(first):
            yield from fillings(rest, text[len(first) :])
        return
    for length in range(len(text) + 1):
        if _fits(rest, text[length:]):
            yield text[:length]
            yield from fillings(rest, text[length:])


def _fits(pieces: Pieces, text: str) -> bool:
    """Whether a text can be made of the pieces."""
    if not pieces:
        return not text
    if pieces[0] is not None:
        return text.startswith(pieces[0]) and _fits(pieces[1:], text[len(pieces[0]) :])
    return any(_fits(pieces[1:], text[length:]) for length in range(len(text) + 1))
