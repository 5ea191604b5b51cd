"""What a step's `do` holds, seen from outside: enough for the exits to know what they can decide on."""

from __future__ import annotations

from dataclasses import dataclass

from app.flow.nodes import Map, Node, Place, Seq, Text
from app.ncco.actions import SHAPES

ACTIONS = tuple(SHAPES)
"""The NCCO's actions."""

COMMON_WORDS = ("lookup", "set", "send", "do", "events")
"""The words that every step may have, whatever its exit."""

KINDS = (*ACTIONS, "ncco", "checkpoint")
"""The words that an item of `do` may begin with."""


@dataclass(frozen=True, slots=True)
class Played:
    """One item of `do`.

    Attributes:
        kind: one of KINDS.
        place: where its kind is named.
        name: of a checkpoint.
        targets: how many a connect rings one after another; 0 for everything else.
        has_websocket: whether a connect leads to a websocket.
        event_url: where an `eventUrl` of its own is written; None when this server is told.
        is_asynchronous: whether an input only reports keys as they are pressed.
    """

    kind: str
    place: Place
    name: str = ""
    targets: int = 0
    has_websocket: bool = False
    event_url: Place | None = None
    is_asynchronous: bool = False


def scan(do: Node | None) -> tuple[Played, ...]:
    """The items of `do` by kind; what is none is left out (reading the parts reports it)."""
    items = do.items if isinstance(do, Seq) else ()
    found = [_scan_item(item) for item in items if isinstance(item, Map)]
    return tuple(item for item in found if item is not None)


def _scan_item(item: Map) -> Played | None:
    action = item.get("action")
    if isinstance(action, Text):
        return _played(action.value, action.place, item, item) if action.value in KINDS else None
    entry = next((entry for entry in item.entries if entry.key.value in KINDS), None)
    return _played(entry.key.value, entry.key.place, entry.value, item) if entry else None


def _played(kind: str, place: Place, node: Node, item: Map) -> Played:
    name = node.value if kind == "checkpoint" and isinstance(node, Text) else ""
    if kind == "input":
        url, mode = _written("eventUrl", node, item), _written("mode", node, item)
        is_asynchronous = isinstance(mode, Text) and mode.value == "asynchronous"
        return Played(kind, place, event_url=url.place if url else None, is_asynchronous=is_asynchronous)
    if kind != "connect":
        return Played(kind, place, name)
    endpoint = node.get("endpoint") if isinstance(node, Map) else None
    target = endpoint or node
    count = len(target.items) if isinstance(target, Seq) else 1
    return Played(kind, place, name, count, _has_websocket(target))


def _written(name: str, node: Node, item: Map) -> Node | None:
    """A field of an action, in the map under its name or beside it."""
    return (node.get(name) if isinstance(node, Map) else None) or item.get(name)


def _has_websocket(node: Node) -> bool:
    if isinstance(node, Text):
        return node.value.startswith(("ws:", "wss:")) or node.value == "websocket"
    inner = node.items if isinstance(node, Seq) else tuple(entry.value for entry in node.entries)
    return any(_has_websocket(child) for child in inner)
