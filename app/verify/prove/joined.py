"""Texts that are made of several pieces: what each piece has to be for the whole to be a certain text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from jinja2 import nodes

from app.flow.actions.values import leaves
from app.flow.model import Value
from app.flow.templates import Computed, Native

Pieces: TypeAlias = tuple[str | None, ...]
"""What a text is made of: texts, and None for what is computed."""

LONGEST: Final = 24
"""Characters of a text that is taken apart."""


def pieces_of(value: Value) -> Iterator[Pieces]:
    """The pieces of each text in a value that is more than one computed piece."""
    for leaf in leaves(value):
        if isinstance(leaf, Native | Computed):
            body = leaf.template.body
            parts = [part for output in body if isinstance(output, nodes.Output) for part in output.nodes]
            pieces = tuple(piece for part in parts for piece in pieces_in(part))
            if len(pieces) > 1 and all(isinstance(each, nodes.Output) for each in body):
                yield pieces


def pieces_in(node: nodes.Node) -> Pieces:
    """The pieces that an expression joins."""
    match node:
        case nodes.Add(left=left, right=right):
            return (*pieces_in(left), *pieces_in(right))
        case nodes.TemplateData(data=text) | nodes.Const(value=str() as text):
            return (text,)
    return (None,)


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
