"""The files of a project as their authors wrote them: in which part of which file a value stands, and what it hides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.flow.language.shared import is_shared
from app.flow.model import Flow
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.source import read_yaml

SHORT = 50
"""Characters of a list that is shown as one value."""


@dataclass(frozen=True, slots=True)
class Layers:
    """The files of one flow, and the step of it that is asked about.

    Attributes:
        texts: path → text.
        own: the flow's file. shared: the files of shared parts.
        step: the step as it is written.
    """

    texts: Mapping[str, str]
    own: Map
    shared: tuple[Map, ...]
    step: Entry

    @property
    def defaults(self) -> tuple[Map, ...]:
        """What steps inherit, the innermost first."""
        found = (root.get("defaults") for root in (self.own, *self.shared))
        return tuple(node for node in found if isinstance(node, Map))

    def inherited(self, *path: str) -> Iterator[Node]:
        """What stands at a path of `defaults`, the innermost first."""
        for layer in self.defaults:
            node = within(layer, *path)
            if node is not None:
                yield node

    def origin(self, place: Place) -> str:
        """Which part of which file a place is in, in words."""
        if place.file != self.own.place.file:
            root = next((root for root in self.shared if root.place.file == place.file), self.own)
            return f"shared {_part(root, place)}"
        part = _part(self.own, place)
        if part != "steps":
            return f"{part} of the flow"
        steps = self.own.get("steps")
        name = _part(steps, place) if isinstance(steps, Map) else ""
        return "this step" if name == self.step.key.value else f"step {name}"

    def source(self, place: Place) -> str:
        """What stands at a place, in the words of the file."""
        lines = self.texts[place.file].splitlines()
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        return line[place.column - 1 :][: place.length]


def layers_of(flow: Flow, step: str) -> Layers:
    """The files of a flow that has been loaded, and one of its steps."""
    texts = {path: text for path, text in flow.sources.items() if path.startswith("flows/")}
    roots = {path: node for path, text in texts.items() if isinstance(node := read_yaml(path, text)[0], Map)}
    own = roots[flow.place.file]
    shared = tuple(node for node in roots.values() if is_shared(node))
    steps = own.get("steps")
    entries = steps.entries if isinstance(steps, Map) else ()
    return Layers(texts, own, shared, next(entry for entry in entries if entry.key.value == step))


def within(node: Node, *path: str) -> Node | None:
    """What stands at a path of keys below a node."""
    for key in path:
        inner = node.get(key) if isinstance(node, Map) else None
        if inner is None:
            return None
        node = inner
    return node


def _part(root: Map, place: Place) -> str:
    """The key of a map behind which a place is, and before the next; "" for one before the first."""
    keys = [entry.key for entry in root.entries]
    before = [key.value for key in keys if (key.place.line, key.place.column) <= (place.line, place.column)]
    return before[-1] if before else ""


def leaves(node: Node, name: str) -> Iterator[tuple[str, Node]]:
    """What stands below a node, each with its dotted name; a short list of words is one."""
    if isinstance(node, Map) and node.entries:
        for entry in node.entries:
            yield from leaves(entry.value, f"{name}.{entry.key.value}")
    elif isinstance(node, Seq) and not _is_short(node):
        for number, item in enumerate(node.items, 1):
            yield from leaves(item, f"{name}.{number}")
    else:
        yield name, node


def _is_short(node: Seq) -> bool:
    words = [item.value for item in node.items if isinstance(item, Text)]
    return len(words) == len(node.items) and len(", ".join(words)) <= SHORT
