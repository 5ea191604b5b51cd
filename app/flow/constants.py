"""Lists and maps that keep what `vars` gives them: what is written in a file is text, so their entries are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from app.flow.model import Variable
from app.flow.nodes import Map, Node, Seq, Text
from app.flow.signature import Signature
from app.flow.types import TYPES, ValueType


def constant_types(
    variables: Mapping[str, Variable], flow: Map, own: Signature, flows: Iterable[Signature]
) -> Mapping[str, ValueType]:
    """The types of the lists and maps that nothing ever changes, by name, with the type of their entries.

    Left out are those whose entries are not all of one type, and empty ones.

    Args:
        variables: of the flow.
        flow: the whole file, where `set` and `into` may stand in any part.
        own: what the flow is given: its params.
        flows: those of the project; what one gives back fills a variable of the same name.
    """
    changed = {*_changed(flow), *own.params, *(name for each in flows for name in each.returns)}
    kept = {name: variable.default for name, variable in variables.items() if name not in changed}
    types = {name: _type_of(default) for name, default in kept.items()}
    return {name: type_ for name, type_ in types.items() if type_ is not None and type_.item is not None}


def _changed(node: Node) -> Iterator[str]:
    """The names that some `set` or `into` may give another value."""
    for item in node.items if isinstance(node, Seq) else ():
        yield from _changed(item)
    for entry in node.entries if isinstance(node, Map) else ():
        if isinstance(entry.value, Text):
            yield from (entry.value.value,) if entry.key.value == "into" else ()
        elif isinstance(entry.value, Map) and entry.key.value == "set":
            yield from (each.key.value for each in entry.value.entries)
        yield from _changed(entry.value)


def _type_of(default: object) -> ValueType | None:
    match default:
        case str():
            return TYPES["text"]
        case list():
            return _holding("list", default)
        case dict():
            return _holding("map", default.values())
    return None


def _holding(name: str, entries: Iterable[object]) -> ValueType:
    """A list or a map, with the type of its entries when that is one for all."""
    types = [_type_of(entry) for entry in entries]
    is_one = bool(types) and all(type_ == types[0] for type_ in types)
    return replace(TYPES[name], item=types[0] if is_one else None)
