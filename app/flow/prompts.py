"""The prompts of a `retry` as items of `do`, those that are written by locale among them.

noinput: ["Sorry?", "Please press a key."]
noinput: {en: ["Sorry?"], fr: ["Pardon ?"]}              # as many for each locale
noinput: [{en: "Sorry?", fr: "Pardon ?"}]
"""

from __future__ import annotations

from collections.abc import Mapping

from app.flow.language.locales import split, stands_for_locales
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.reader import Reader

_OPTIONS = ("talk", "stream", "template", "action")


def prompt_items(node: Node, reader: Reader) -> tuple[Node, ...]:
    """The prompts under `noinput` or `nomatch`, each as it is written or with its locales under one action."""
    if isinstance(node, Map) and stands_for_locales(node, reader, _OPTIONS):
        found = split(node, "this list of prompts", reader)
        return _transposed(found, node.place, reader) if found else ()
    items = (_each(item, reader) for item in _items(node))
    return tuple(item for item in items if item is not None)


def as_item(node: Node) -> Map | None:
    """A prompt as an item of `do`; None for a list, which is none."""
    if isinstance(node, Map) and node.get("template") is None:
        return node
    if isinstance(node, Seq):
        return None
    return Map((Entry(Text("talk", node.place), node),), node.place)


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Seq) else (node,)


def _each(node: Node, reader: Reader) -> Node | None:
    """One prompt of a list, which may be a map by locale."""
    if not isinstance(node, Map) or not stands_for_locales(node, reader, _OPTIONS):
        return node
    found = split(node, "this prompt", reader)
    return _joined(found, node.place, reader) if found else None


def _transposed(lists: Mapping[str, Node], place: Place, reader: Reader) -> tuple[Node, ...]:
    """A list of prompts for each locale as one list; E564 when one of them is longer."""
    items = {name: _items(node) for name, node in lists.items()}
    (first, most), *others = ((name, len(each)) for name, each in items.items())
    other = next(((name, count) for name, count in others if count != most), None)
    if other is not None:
        message = f"there are {most} prompts in {first} and {other[1]} in {other[0]}"
        reader.report("E564", place, message)
        return ()
    tries = [{name: each[number] for name, each in items.items()} for number in range(most)]
    found = [_joined(each, place, reader) for each in tries]
    return tuple(item for item in found if item is not None)


def _joined(by_locale: Mapping[str, Node], place: Place, reader: Reader) -> Map | None:
    """The prompts of one try as an item of `do`; E564 unless all are spoken or all are streamed."""
    items = {name: as_item(node) for name, node in by_locale.items()}
    entries = {name: item.entries[0] for name, item in items.items() if item is not None and len(item.entries) == 1}
    kinds = {entry.key.value for entry in entries.values()}
    if len(entries) < len(items) or len(kinds) > 1 or not kinds <= {"talk", "stream"}:
        cure = "write a text for each, or {stream: url} for each; other fields go beside `talk: {en: .., fr: ..}`"
        reader.report("E564", place, "a prompt is not spoken, or not streamed, in every locale alike", cure)
        return None
    inner = tuple(Entry(Text(name, entry.key.place), entry.value) for name, entry in entries.items())
    return Map((Entry(Text(kinds.pop(), place), Map(inner, place)),), place)
