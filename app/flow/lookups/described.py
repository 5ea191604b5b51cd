"""Fields of `returns` that are described: `{type: text, sensitive: true}`, `{type: url, hosts: [..]}`, and near misses.

pin: {type: text, sensitive: true}
cards: [{name: text, number: {type: text, sensitive: true}}]
greeting: {type: url, hosts: [cdn.example.com]}
address: {type: {street: text, city: text}, sensitive: true}      # all of it
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.paths import Path
from app.flow.reader import Reader
from app.flow.variables import DECLARABLE
from app.ncco.suggest import nearest

_SENSITIVE: Final = "sensitive"
_DESCRIPTION: Final = frozenset({"type", _SENSITIVE})
HOSTS: Final = "hosts"
"""The word for the hosts that a URL may have."""

_OF_VARIABLES: Final = _DESCRIPTION | {"default", "required", "optional", "description"}
_FLAGS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "True", "False", "TRUE", "FALSE", "Yes", "No"})


def is_described(node: Node) -> bool:
    """Whether it says the type of a field, and whether that is sensitive or which hosts a URL may have.

    `{type: text, sensitive: bool}` is none: an answer with two fields that are called so. Nor is
    `{type: url, hosts: [text]}`.
    """
    if not isinstance(node, Map) or not {"type"} < set(node.keys()) <= {*_DESCRIPTION, HOSTS}:
        return False
    flag, hosts, type_ = node.get(_SENSITIVE), node.get(HOSTS), node.get("type")
    if hosts is not None and not (isinstance(type_, Text) and type_.value == "url"):
        return False
    first = hosts.items[0] if isinstance(hosts, Seq) and len(hosts.items) == 1 else hosts
    return not any(isinstance(each, Text) and each.value in DECLARABLE for each in (flag, first))


def described(node: Node, word: str) -> Node:
    """What a description has under a word."""
    found = node.get(word) if isinstance(node, Map) else None
    return node if found is None else found


def say_of_each(node: Map) -> str:
    """The cure for a `sensitive` that is said of a map of fields."""
    name = next((key for key in node.keys() if key != _SENSITIVE), "pin")  # noqa: SIM118 - a Map is no dict
    return f"say it of each field that is: `{name}: {{type: text, sensitive: true}}`"


def flag_of(node: Map) -> Entry | None:
    """`sensitive: true` among the fields of a map, where it is said of none of them."""
    return next((entry for entry in node.entries if entry.key.value == _SENSITIVE and _is_flag(entry.value)), None)


def _is_flag(node: Node | None) -> bool:
    return isinstance(node, Text) and node.value in _FLAGS


def outermost(ways: Iterable[Path]) -> frozenset[Path]:
    """The ways without those that lead into another. A list of sensitive entries is sensitive as a whole."""
    whole = {_up_to_list(way) for way in ways}
    return frozenset(way for way in whole if not any(way[:end] in whole for end in range(1, len(way))))


def _up_to_list(way: Path) -> Path:
    return _up_to_list(way[:-1]) if way[-1] is None else way


def report_misdescribed(node: Map, what: str, reader: Reader) -> bool:
    """Whether a map is none of fields: E532, where something else was meant."""
    found = _almost_described(node, what, reader) or _like_a_variable(node, what, reader)
    return found or _flagged(node, what, reader) or _without_fields(node, what, reader)


def _almost_described(node: Map, what: str, reader: Reader) -> bool:
    """A `type` or a `sensitive` that is misspelt."""
    keys = [entry.key for entry in node.entries]
    flagged = [entry.key for entry in node.entries if _is_flag(entry.value)]
    strange = [key for key in keys if key.value not in _DESCRIPTION]
    missing = _DESCRIPTION.difference(node.keys())
    if len(keys) != 2 or len(strange) != 1 or len(flagged) != 1 or nearest(strange[0].value, missing) is None:
        return False
    if (strange[0] in flagged) != (_SENSITIVE in missing):
        return False
    reader.unknown("E532", strange[0], missing, f'{what} is described by an unknown "{strange[0].value}"')
    return True


def _like_a_variable(node: Map, what: str, reader: Reader) -> bool:
    keys, written, flag = set(node.keys()), node.get("type"), node.get(_SENSITIVE)
    is_field = isinstance(flag, Text) and flag.value in DECLARABLE
    if is_field or not keys <= _OF_VARIABLES or not isinstance(written, Text | Seq):
        return False
    shown = written.value if isinstance(written, Text) else "[first, second]"
    alone = f"the type alone: `{shown}`" if flag is None else f"no more than `{{type: {shown}, sensitive: true}}`"
    cure = f"write {alone}; what holds without an answer stands under `default` of the look-up"
    reader.report("E532", node.place, f"{what} is described like a variable", cure)
    return True


def _flagged(node: Map, what: str, reader: Reader) -> bool:
    """`sensitive: true` beside the fields of a map, or without a type."""
    flag = flag_of(node)
    if flag is None:
        return False
    others = [key for key in node.keys() if key != _SENSITIVE]  # noqa: SIM118 - a Map is no dict
    if others:
        message = f"`sensitive` stands among the fields of {what}"
        cure = f"{say_of_each(node)}; or of all of it: `{{type: {{{others[0]}: ..}}, sensitive: true}}`"
    else:
        message, cure = f"{what} does not say its type", "write `{type: text, sensitive: true}`"
    reader.report("E532", flag.key.place, message, cure)
    return True


def _without_fields(node: Map, what: str, reader: Reader) -> bool:
    if not node.entries:
        reader.report("E532", node.place, f"{what} is a map without fields", "write `map`, or name its fields")
        return True
    allowed = node.get("enum") if len(node.entries) == 1 else None
    if isinstance(allowed, Seq) and all(isinstance(item, Text) for item in allowed.items):
        shown = ", ".join(item.value for item in allowed.items if isinstance(item, Text))
        reader.report("E532", node.place, f"{what} is described by `enum`", f"write the list alone: [{shown}]")
        return True
    return False
