"""The headers that a look-up sends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from app.flow.drafts import Value
from app.flow.nodes import Entry, Node, Text
from app.flow.parts.values import Object
from app.flow.reader import Reader
from app.flow.types import TYPES

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Source: RFC 9110, 5.6.2 (token)."""

_OURS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("host", "content-length"), "delete it: it follows from the URL and the body"),
    **dict.fromkeys(
        ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "accept-encoding"),
        "delete it: the server looks after its connections by itself",
    ),
    "idempotency-key": "delete it: every look-up and hook sends one by itself",
    **dict.fromkeys(("proxy-authorization", "proxy-connection"), "delete it: look-ups go through no proxy"),
}
_SECRET: Final = re.compile(r"authorization|cookie|api-?key|token|secret|password", re.IGNORECASE)


def read_headers(node: Node, what: str, reader: Reader) -> Object | None:
    """The map under `headers`; E535 for a name that no header has or that is not the author's to send."""
    found = reader.map(node, f"`headers` of {what}", 'write `headers: {Authorization: "Bearer {{ env.TOKEN }}"}`')
    if found is None:
        return None
    entries = [entry for entry in found.entries if _is_sendable(entry.key, found.keys(), reader)]
    values = {entry.key.value: _read_value(entry, reader) for entry in entries}
    return Object({name: value for name, value in values.items() if value is not None}, found.place)


def _is_sendable(key: Text, names: tuple[str, ...], reader: Reader) -> bool:
    name = key.value
    first = next(other for other in names if other.lower() == name.lower())
    if not _NAME.fullmatch(name):
        reader.report("E535", key.place, f'a header cannot be named "{name}"', "use letters, digits and -")
    elif name.lower() in _OURS:
        reader.report("E535", key.place, f'the header "{name}" cannot be set', _OURS[name.lower()])
    elif first != name:
        reader.report("E535", key.place, f'"{first}" and "{name}" are the same header', "delete one of the two")
    else:
        return True
    return False


def _read_value(entry: Entry, reader: Reader) -> Value | None:
    value = reader.value(entry.value, TYPES["text"], "header", f"the header {entry.key.value}")
    if value is not None and value.is_literal and _SECRET.search(entry.key.value):
        reader.report("W530", entry.value.place, f"the header {entry.key.value} holds a secret in the flow file")
    return value
