"""`do`: the items that a step plays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from app.flow.actions.action import Action
from app.flow.actions.checkpoint import CheckpointKind
from app.flow.actions.connect import Connect, ConnectKind, Party
from app.flow.actions.document import Document, DocumentKind
from app.flow.actions.item import Item, drop_repeats, spell
from app.flow.actions.ncco_action import PLAIN_KINDS
from app.flow.model import Part, Value
from app.flow.nodes import Map, Node, Text
from app.flow.reader import Reader


class PartKind(Protocol):
    """One kind of item: a word, and how an item with that word is read."""

    @property
    def word(self) -> str:
        """What the item begins with."""

    def read(self, item: Item, reader: Reader) -> Part | None:
        """The part, or None once its faults are reported."""


KINDS: tuple[PartKind, ...] = (*PLAIN_KINDS, ConnectKind(), CheckpointKind(), DocumentKind())
"""Every kind of item; the only place where they are listed."""

_BY_WORD = {kind.word: kind for kind in KINDS}


def read_do(node: Node, reader: Reader, defaults: Mapping[str, Map]) -> tuple[Part, ...]:
    """The parts of a `do`; faults are reported, and faulty items left out.

    Args:
        node: the list under `do`.
        reader: what values are compiled with; gets the reports.
        defaults: the flow's default fields by action; an item's own fields win.
    """
    if isinstance(node, Map | Text):
        shown = "a map" if isinstance(node, Map) else "a text"
        reader.report(
            "E201", node.place, f"`do` is {shown}", 'write a list: begin each action with a dash, `- talk: "…"`'
        )
        return ()
    before = len(reader.issues)
    parts = [_read_item(item, reader, defaults) for item in node.items]
    drop_repeats(reader, before)
    return tuple(part for part in parts if part is not None)


def _read_item(node: Node, reader: Reader, defaults: Mapping[str, Map]) -> Part | None:
    item = spell(node, _BY_WORD, reader)
    return None if item is None else _BY_WORD[item.word].read(item.inherit(defaults), reader)


def actions_of(part: Part) -> tuple[Action, ...]:
    """The actions that a part is known to be: none for a document, one for each party of a connect."""
    if isinstance(part, Connect):
        return part.targets
    return (part,) if isinstance(part, Action) else ()


def values_in(part: Part) -> Iterator[Value]:
    """What each call computes of a part."""
    if isinstance(part, Document):
        yield part.value
    for action in actions_of(part):
        yield from (value for value in action.fields.values() if not value.is_literal)
        if isinstance(action, Party):
            yield from _of_party(action)


def _of_party(party: Party) -> Iterator[Value]:
    if party.numbers is not None:
        yield party.numbers
    if party.heard is not None:
        yield from (given.value for given in party.heard.given)
