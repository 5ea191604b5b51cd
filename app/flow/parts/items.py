"""`do`: the items that a step plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from app.flow.model import Part
from app.flow.nodes import Map, Node, Text
from app.flow.parts.checkpoint import CheckpointKind
from app.flow.parts.connect import ConnectKind
from app.flow.parts.document import DocumentKind
from app.flow.parts.inheritance import drop_repeats
from app.flow.parts.kinds import PLAIN_KINDS
from app.flow.parts.spelling import Item, spell
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
