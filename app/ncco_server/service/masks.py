"""What callers said or pressed, in stored rows: tokens replace sensitive values."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from ncco_server.engine.session import ENCRYPTED, Cipher
from ncco_server.ncco.webhooks import (
    decode_json_fields,
)
from ncco_server.service.delivery import Delivery
from ncco_server.store import WebhookRow

_INPUT_FIELDS: Final = frozenset(
    {"dtmf", "speech", "digits", "timed_out", "results", "text", "confidence", "timeout_reason"}
)
"""Input webhooks are stored with these names, without the values."""
_PUBLIC_FIELDS: Final = frozenset(
    {"from", "from_user", "to", "uuid", "call_uuid", "conversation_uuid", "timestamp", "status", "type", "direction"}
)
"""They never contain callers' secrets."""
MASKED: Final = "secret:"
MARK: Final = MASKED.encode()
_LIKE_TOKEN: Final = re.compile(rf"(?:text:)*{MASKED}")
_TEXT: Final = "text:"
"""Begins stored texts that would otherwise look like a token, or like such a text."""


class MaskedText(str):
    """Replaces a sensitive value. A text that begins in the same way is none."""

    __slots__ = ()


_HAND_BACK: Final = re.compile(rb'("hand_back":"[^"\\]*/webhooks/agent/)(?:turn-(\d+)|[\w-]+)"')
"""In an NCCO of ours. No text inside one has a quote that is not escaped."""
_REPEATED: Final = re.compile(rb"((?:/|%2f|\\u002f)agent\\?(?:/|%2f|\\u002f))[\w-]{40,}", re.IGNORECASE)
"""In the body of an event: Vonage repeats the headers of a websocket. Source: WebSocket guide, event webhook."""


def without_hand_back(ncco: bytes, turn: int) -> bytes:
    """The NCCO of a turn as it is stored: nobody who reads it can hand the caller back."""
    if b"/webhooks/agent/" not in ncco:
        return ncco
    return _HAND_BACK.sub(b'\\1turn-%d"' % turn, ncco)


def with_hand_back(stored: bytes, token: Callable[[int], str]) -> bytes:
    """`token` makes that of a turn's agent."""
    if b"/webhooks/agent/turn-" not in stored:
        return stored
    return _HAND_BACK.sub(lambda url: url[1] + token(int(url[2])).encode() + b'"' if url[2] else url[0], stored)


def mask(key: bytes, session: str, secret: str) -> MaskedText:
    """Equal secrets of a call get the same token."""
    digest = hmac.digest(key, f"{session}\0{secret}".encode(), "sha256")
    return MaskedText(f"{MASKED}{digest[:8].hex()}")


def with_marks(value: Any) -> Any:
    """The value to store: only its tokens begin like one."""
    if isinstance(value, str):
        return value if isinstance(value, MaskedText) or not _LIKE_TOKEN.match(value) else _TEXT + value
    if isinstance(value, Mapping):
        return {str(name): with_marks(each) for name, each in value.items()}
    return [with_marks(each) for each in value] if isinstance(value, list | tuple) else value


def without_marks(value: Any) -> Any:
    """The stored value, with tokens as `MaskedText`: what looks like one, since others have a mark."""
    if isinstance(value, str):
        if not _LIKE_TOKEN.match(value):
            return value
        return MaskedText(value) if value.startswith(MASKED) else value.removeprefix(_TEXT)
    if isinstance(value, dict):
        return {name: without_marks(each) for name, each in value.items()}
    return [without_marks(each) for each in value] if isinstance(value, list) else value


def has_token(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(has_token, value.values()))
    return any(map(has_token, value)) if isinstance(value, list) else isinstance(value, MaskedText)


def decrypted(ncco: bytes, cipher: Cipher | None) -> bytes | None:
    """Return None if a token cannot be decrypted."""
    actions: list[dict[str, Any]] = orjson.loads(ncco)
    for action in actions:
        for name in action.pop(ENCRYPTED, ()):
            text = cipher.decrypt(action[name]) if cipher is not None else None
            if text is None:
                return None
            action[name] = orjson.loads(text)
    return orjson.dumps(actions)


def encrypted_options(action: Mapping[str, Any]) -> Collection[str]:
    return tuple(action.get(ENCRYPTED, ()))


def body_of(delivery: Delivery, session: str, key: bytes, *, hides: bool | None = None) -> bytes:
    """Replace digits and words with tokens, which `key` makes.

    `hides` says whether the body may contain a secret. With None, no question was asked: it is hidden only if it
    contains a caller's keys or words, or cannot be read.
    """
    is_hidden = may_hold_input(delivery) if hides is None else hides
    if is_hidden:
        return _masked(delivery, session, key)
    raw = delivery.raw
    return _unmasked(_REPEATED.sub(rb"\1hidden", raw) if b"agent" in raw else raw)


def _unmasked(raw: bytes) -> bytes:
    text = raw.decode("latin-1")
    if "secret" not in text and "\\u" not in text and "%" not in text:
        return raw
    document = body_document(raw)
    marked = with_marks(document)
    return raw if marked == document else orjson.dumps(marked)


def may_hold_input(delivery: Delivery) -> bool:
    """Look in any place, escaped or not."""
    raw = delivery.raw.decode("latin-1").lower()
    if delivery.problem or _names_input(raw):
        return True
    return ("%" in raw or "\\u" in raw) and _names_input(repr(delivery.fields).lower())


def _names_input(text: str) -> bool:
    return "dtmf" in text or "speech" in text or "digits" in text


def _masked(delivery: Delivery, session: str, key: bytes) -> bytes:
    """Drop a body that cannot be read."""
    if delivery.problem:
        return orjson.dumps({"not_kept": delivery.problem, "bytes": len(delivery.raw)})
    kept = dict(_kept(name, value, session, key) for name, value in delivery.fields.items())
    if delivery.reason:
        kept["reason"] = delivery.reason
    return orjson.dumps(with_marks(kept), default=str)


def _kept(name: str, value: Any, session: str, key: bytes) -> tuple[str, Any]:
    """Keep known names, public fields, empty values and booleans; mask the rest."""
    if name in _PUBLIC_FIELDS:
        return name, value
    return (name if name in _INPUT_FIELDS else str(mask(key, session, name))), _hidden(value, session, key)


def _hidden(value: Any, session: str, key: bytes) -> Any:
    if isinstance(value, dict):
        return dict(_kept(str(name), inner, session, key) for name, inner in value.items())
    if isinstance(value, list):
        return [_hidden(inner, session, key) for inner in value]
    return value if value is None or value == "" or isinstance(value, bool) else mask(key, session, str(value))


def fields_of(webhook: WebhookRow) -> Mapping[str, Any]:
    document = without_marks(body_document(webhook.body))
    return document if isinstance(document, dict) else {}


def json_object(text: bytes) -> Mapping[str, Any]:
    """{} for anything else, so that damaged rows can still be shown."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def body_document(body: bytes) -> Any:
    """Read JSON, a query string or a form."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return decode_json_fields(dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))
