"""What look-ups and hooks send: a URL, headers, and JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

from app.flow.actions.fields import JsonField
from app.flow.actions.values import Array, Object
from app.flow.drafts import Value
from app.flow.language.addresses import ADDRESS, without_urls
from app.flow.language.base import ReadWith
from app.flow.language.json_schema import ANYTHING, TEXT, named
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.reader import Reader
from app.flow.templates.filters import MAX_TEXT
from app.flow.types import TYPES, ValueType

MAX_DEPTH: Final = 20
"""How deep lists and maps may be nested; our choice."""

_LARGE: Final = 2**63
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
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
_WRITTEN: Final = JsonField("kept")


def read_url(node: Node, what: str, reader: Reader) -> Value | None:
    """An absolute URL; only the flow file and `env` may say which server it leads to."""
    return replace(reader, scope=without_urls(reader.scope)).value(node, ADDRESS, "url", what)


def read_headers(node: Node, what: str, reader: Reader) -> Object | None:
    """The map under `headers`; E535 for a name that no header has or that is not the author's to send."""
    found = reader.map(node, what, 'write `headers: {Authorization: "Bearer {{ env.TOKEN }}"}`')
    if found is None:
        return None
    entries = [entry for entry in found.entries if _is_sendable(entry.key, found.keys(), reader)]
    values = {entry.key.value: _read_header(entry, reader) for entry in entries}
    return Object({name: value for name, value in values.items() if value is not None}, found.place)


def _is_sendable(key: Text, names: tuple[str, ...], reader: Reader) -> bool:
    name = key.value
    first = next(other for other in names if other.lower() == name.lower())
    if not _HEADER.fullmatch(name):
        reader.report("E535", key.place, f'a header cannot be named "{name}"', "use letters, digits and -")
    elif name.lower() in _OURS:
        reader.report("E535", key.place, f'the header "{name}" cannot be set', _OURS[name.lower()])
    elif first != name:
        reader.report("E535", key.place, f'"{first}" and "{name}" are the same header', "delete one of the two")
    else:
        return True
    return False


def _read_header(entry: Entry, reader: Reader) -> Value | None:
    value = reader.value(entry.value, TYPES["text"], "header", f"the header {entry.key.value}")
    if value is not None and value.is_literal and _SECRET.search(entry.key.value):
        reader.report("W530", entry.value.place, f"the header {entry.key.value} holds a secret in the flow file")
    return value


def read_json(node: Node, what: str, reader: Reader) -> Value | None:
    """Anything JSON can say, with values in braces.

    Unquoted numbers, `true` and `false` stay what they are. `"{{ answers }}"` alone keeps the type of the value: a
    list stays a list, a number a number; braces within a text make text. Sensitive values may be in it: it is sent
    and not written anywhere.
    """
    if isinstance(node, Map):
        return read_json_map(node, what, reader)
    if isinstance(node, Seq):
        items = [read_json(item, what, reader) for item in node.items]
        return Array(tuple(item for item in items if item is not None), node.place)
    return reader.value(node, JSON, "kept", what) if has_braces(node) else _WRITTEN.read(node, reader, what)


def read_json_map(node: Map, what: str, reader: Reader) -> Object:
    """A map of such values; a key with braces is reported (E411) and left out."""
    values: dict[str, Value | None] = {}
    for key, inner in node.entries:
        if has_braces(key):
            reader.report("E411", key.place, f'the key "{key.value}" has braces')
        else:
            values[key.value] = read_json(inner, f"`{key.value}` of {what}", reader)
    return Object({name: value for name, value in values.items() if value is not None}, node.place)


def has_braces(text: Text) -> bool:
    """Whether something in it is computed."""
    return "{{" in text.value or "{%" in text.value


Url: TypeAlias = Annotated[Value, ReadWith(read_url, TEXT)]
Headers: TypeAlias = Annotated[Object, ReadWith(read_headers, named(TEXT))]
Body: TypeAlias = Annotated[Value, ReadWith(read_json, ANYTHING)]


def plain_json(value: object, depth: int = 0) -> Any:
    """`value` as JSON has it: a copy in which a point in time is its ISO 8601 text.

    Raises ValueError with a sentence without the value.
    """
    if isinstance(value, str):
        return plain_text(value)
    if value is None or isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < _LARGE):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if depth < MAX_DEPTH and isinstance(value, list | tuple):
        return [plain_json(item, depth + 1) for item in value]
    if depth < MAX_DEPTH and isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {plain_text(key): plain_json(item, depth + 1) for key, item in value.items()}
    raise ValueError(f"a value that JSON has is needed, at most {MAX_DEPTH} levels deep")


def plain_text(text: str) -> str:
    """`text`, when it can be written and is not too long. Raises ValueError."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"text of at most {MAX_TEXT:,} characters is needed")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text of whole characters is needed") from None
    return text


JSON: Final = ValueType("any", "any", "sample", plain_json)
"""Any JSON value; what is computed keeps its own type."""
