"""Every value that a step has in the end: its own, what it inherits, and what the server adds; with what it hides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from app.cli.jobs.layers import Layers, leaves, within
from app.flow.actions.action import Action
from app.flow.actions.connect import Connect, Party
from app.flow.actions.document import Document
from app.flow.actions.values import Array, Given, Localised, Object, OfCall, OurNumber
from app.flow.model import Flow, Part, Step, Value
from app.flow.nodes import Map, Node, Place, Text

SERVER: Final = "the server"
BEFORE: Final = ("lookup", "set", "send")
"""Words of a step that come before what it plays."""
INHERITED: Final = {"retry": ("choices", "collect"), "choices": ("choices",), "min_confidence": ("choices",)}
"""Words of a step that `defaults` may hold too, and the exits that they belong to."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value.

    Attributes:
        name: dotted, from the step down: `do.1.talk.language`.
        value: as it is written, or in JSON; what a call computes, in words.
        place: where it comes from; None for what the server fills in for each call.
        origin: this step, defaults of the flow, shared defaults, locales, the server.
        hides: what it stands before, the inner one first.
    """

    name: str
    value: str
    place: Place | None
    origin: str
    hides: tuple[Row, ...] = ()


def rows_of(flow: Flow, step: Step, layers: Layers) -> Iterator[Row]:
    """The values in the order in which a step is written: what it asks and sets, what it plays, how it ends."""
    written = layers.step.value
    entries = written.entries if isinstance(written, Map) else ()
    for entry in entries:
        if entry.key.value in BEFORE:
            yield from _as_written(entry.value, entry.key.value, layers)
    for number, part in enumerate(step.parts, 1):
        yield from _part(part, f"do.{number}", layers)
    for word, exits in INHERITED.items():
        if step.exit.word in exits:
            yield from _layered(word, layers)
    for entry in entries:
        if entry.key.value not in ("do", *BEFORE, *INHERITED):
            yield from _as_written(entry.value, entry.key.value, layers)
    if step.error is None and flow.error is not None:
        yield from _error(layers)


def _as_written(node: Node, name: str, layers: Layers) -> Iterator[Row]:
    for path, leaf in leaves(node, name):
        yield Row(path, _flat(leaf), leaf.place, layers.origin(leaf.place))


def _error(layers: Layers) -> Iterator[Row]:
    found = [row for node in layers.inherited("on", "error") for row in _as_written(node, "on.error", layers)]
    for row in found[:1]:
        yield replace(row, hides=tuple(found[1:]))


def _layered(word: str, layers: Layers) -> Iterator[Row]:
    """A word that is inherited key by key: the innermost counts, the others are hidden."""
    own = within(layers.step.value, word)
    found: dict[str, list[Node]] = {}
    for node in (*([own] if own is not None else []), *layers.inherited(word)):
        entries = node.entries if isinstance(node, Map) else ()
        for key, inner in [(f"{word}.{entry.key.value}", entry.value) for entry in entries] or [(word, node)]:
            found.setdefault(key, []).append(inner)
    for key, (winner, *others) in found.items():
        first, *more = _as_written(winner, key, layers)
        hidden = (Row(key, _flat(other), other.place, layers.origin(other.place)) for other in others)
        yield replace(first, hides=tuple(hidden))
        yield from more


def _part(part: Part, name: str, layers: Layers) -> Iterator[Row]:
    if isinstance(part, Connect):
        for number, target in enumerate(part.targets, 1):
            several = f".{number}" if len(part.targets) > 1 else ""
            for row in _action(target, f"{name}.connect{several}", layers):
                yield _naming_flow(row, target)
    elif isinstance(part, Action):
        yield from _action(part, f"{name}.{part.word}", layers)
    elif isinstance(part, Document):
        place = part.value.place
        yield Row(f"{name}.ncco", layers.source(place), place, layers.origin(place))


def _naming_flow(row: Row, target: Party) -> Row:
    """The flow that the called party hears, where the NCCO has an address of this server."""
    if target.heard is None or not row.name.endswith(".onAnswer.url"):
        return row
    return replace(row, name=f"{row.name.removesuffix('url')}run", value=target.heard.flow)


def _action(action: Action, name: str, layers: Layers) -> Iterator[Row]:
    for word, value in action.fields.items():
        hidden = [
            Row(f"{name}.{word}", _flat(node), node.place, layers.origin(node.place))
            for node in layers.inherited(action.word, word)
        ]
        for path, leaf in _flattened(value, f"{name}.{word}"):
            row = _value(leaf, path, layers)
            yield Row(path, row.value, row.place, row.origin, tuple(_others(row, hidden, value)))
    if action.callback is not None:
        yield Row(f"{name}.eventUrl", "a callback of this server, in each call another", None, SERVER)


def _others(row: Row, hidden: list[Row], value: Value) -> Iterator[Row]:
    if isinstance(value, Object | Array) or row.place is None:
        return
    for other in hidden:
        if other.place != row.place:
            yield other


def _flat(node: Node) -> str:
    """A node on one line, as it would be written in braces."""
    if isinstance(node, Text):
        return json.dumps(node.value, ensure_ascii=False) if node.quoted else " ".join(node.value.split())
    if isinstance(node, Map):
        return f"{{{', '.join(f'{entry.key.value}: {_flat(entry.value)}' for entry in node.entries)}}}"
    return f"[{', '.join(map(_flat, node.items))}]"


def _flattened(value: Value, name: str) -> Iterator[tuple[str, Value]]:
    """The values that are not made of others, with their dotted names; `[fr]` behind the name is a locale."""
    if isinstance(value, Object):
        for key, member in value.members.items():
            yield from _flattened(member, f"{name}.{key}")
    elif isinstance(value, Array) and all(isinstance(item, Given) for item in value.items):
        content = [item.render({}) for item in value.items]
        yield name, Given(content[0] if len(content) == 1 else content, value.place)
    elif isinstance(value, Array):
        for number, item in enumerate(value.items, 1):
            yield from _flattened(item, name if len(value.items) == 1 else f"{name}.{number}")
    elif isinstance(value, Localised):
        for locale, each in value.by_locale.items():
            yield from _flattened(each, f"{name}[{locale}]")
    else:
        yield name, value


def _value(value: Value, name: str, layers: Layers) -> Row:
    if isinstance(value, OurNumber):
        return Row(name, "the number that was called", None, SERVER)
    if isinstance(value, OfCall):
        return Row(name, f"call.{value.name}", None, SERVER)
    origin = layers.origin(value.place)
    if isinstance(value, Given):
        content = json.dumps(value.content, ensure_ascii=False)
        is_written = layers.source(value.place).strip("\"'") == content.strip('"')
        is_option = "locales" in origin
        return Row(name, content, value.place, origin if is_written or is_option else SERVER)
    shown = json.dumps(value.render({}), ensure_ascii=False) if value.is_literal else layers.source(value.place)
    return Row(name, shown, value.place, origin)
