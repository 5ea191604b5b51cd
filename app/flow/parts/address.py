"""Where a `connect` leads: which endpoint is meant, and which number or address is dialled."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from app.flow.nodes import Entry, Map, Text
from app.flow.reader import Reader
from app.ncco.hints import ENDPOINT_NAMES

_NUMBER = re.compile(r"[+\d(][\d\s().\-/]*")
_NAME = re.compile(r"[A-Za-z_]\w*")
_BY_SCHEME = {"sip:": "sip", "sips:": "sip", "ws:": "websocket", "wss:": "websocket"}
BY_FIELDS = (
    ("phone", {"number"}),
    ("vbc", {"extension"}),
    ("sip", {"user", "domain"}),
    ("sip", {"domain"}),
    ("app", {"user"}),
)

_MEANT = {
    **dict.fromkeys(("phone", "to", "tel", "pstn", "phonenumber", "phone_number"), "number"),
    **dict.fromkeys(("sip", "websocket", "url", "address"), "uri"),
    **dict.fromkeys(("app", "username", "name"), "user"),
    **dict.fromkeys(("vbc", "ext"), "extension"),
}

ADDRESS_FIELDS = ("number", "uri", "user", "domain")
"""The fields of an endpoint that say what is dialled."""


def endpoint_of(text: Text, reader: Reader) -> tuple[str, Map] | None:
    """The endpoint's type and fields that a text under `connect` stands for; None after E405."""
    kind = _by_scheme(text.value)
    if kind is None and ("{{" in text.value or "{%" in text.value or _NUMBER.fullmatch(text.value)):
        return "phone", _field("number", text)
    if kind is not None:
        return kind, _field("uri", text)
    reader.report("E405", text.place, f'"{text.value}" is neither a number nor an address', _cure(text.value, reader))
    return None


def _cure(text: str, reader: Reader) -> str | None:
    lowered = text.lower()
    if (name := _NAME.match(text)) and name[0] in reader.scope:
        return f'to compute it, write "{{{{ {text} }}}}"'
    if "@" in text and ":" not in text:
        return f'write "sip:{text}"'
    if lowered.startswith("tel:"):
        return "write the number without `tel:`"
    if lowered.startswith(("http://", "https://")):
        return 'write the address of a websocket, which begins with "wss://"'
    return None


def _field(name: str, text: Text) -> Map:
    return Map((Entry(Text(name, text.place), text),), text.place)


def _by_scheme(text: str) -> str | None:
    lowered = text.strip().lower()
    return next((kind for scheme, kind in _BY_SCHEME.items() if lowered.startswith(scheme)), None)


def type_of(target: Map, known: Collection[str], reader: Reader) -> str | None:
    """The type of an endpoint that is written as a map: its `type`, else by its fields; None after E405."""
    written = target.get("type")
    if written is None:
        return _inferred(target, reader)
    text = reader.text(written, "type")
    if text is None:
        return None
    if text.value not in known:
        meant = ENDPOINT_NAMES.get(text.value.lower())
        reader.unknown("E405", text._replace(value=meant or text.value), known, f'there is no endpoint "{text.value}"')
        return None
    return text.value


def _inferred(target: Map, reader: Reader) -> str | None:
    names = set(target.keys())
    uri = target.get("uri")
    kind = _by_scheme(uri.value) if isinstance(uri, Text) else None
    kind = kind or next((kind for kind, fields in BY_FIELDS if fields <= names), None)
    if kind is None:
        named = next((key for key in target.keys() if key.lower() in _MEANT), None)  # noqa: SIM118 - a Map is no dict
        cure = f"write `{_MEANT[named.lower()]}` instead of `{named}`" if named else None
        reader.report("E405", target.place, "this target does not say what it connects to", cure)
    return kind


def address_of(endpoint: Mapping[str, Any]) -> str:
    """The number or URI that an endpoint of an NCCO dials; "" for one inside the account (app, vbc)."""
    if "number" in endpoint:
        return str(endpoint["number"])
    if "uri" in endpoint:
        return str(endpoint["uri"])
    if "domain" in endpoint:
        return f"sip:{endpoint.get('user', '')}@{endpoint['domain']}"
    return ""
