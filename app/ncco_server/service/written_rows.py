"""The rows to store for webhooks, turns and hooks. Tokens replace sensitive values."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from time import perf_counter
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from ncco_server.engine import EventEffects, Session, Turn, WaitRef
from ncco_server.engine.session import ENCRYPTED, NOTHING, Cipher, to_json
from ncco_server.flow.language.hooks import Hook
from ncco_server.flow.model import Flow
from ncco_server.ncco.webhooks import (
    InputWebhook,
    LegWebhook,
    RecordWebhook,
    StatusWebhook,
    TranscriptionWebhook,
    Webhook,
    decode_json_fields,
)
from ncco_server.service.delivery import Delivery
from ncco_server.store import Caused, HookRow, SessionRow, TurnRow, WebhookRow

_INPUT_FIELDS: Final = frozenset(
    {"dtmf", "speech", "digits", "timed_out", "results", "text", "confidence", "timeout_reason"}
)
"""Input webhooks are stored with these names, without the values."""

_PUBLIC_FIELDS: Final = frozenset(
    {"from", "from_user", "to", "uuid", "call_uuid", "conversation_uuid", "timestamp", "status", "type", "direction"}
)
"""They never contain callers' secrets."""

MASKED: Final = "secret:"
_LIKE_TOKEN: Final = re.compile(rf"(?:text:)*{MASKED}")
_TEXT: Final = "text:"
"""Begins stored texts that would otherwise look like a token, or like such a text."""
REFUSED: Final = "refused"
CALLER_NAME: Final = "caller_name"
NAME_LIMIT: Final = 200
_URL_LIMIT: Final = 2_000


class MaskedText(str):
    """Replaces a sensitive value. A text that begins in the same way is none."""

    __slots__ = ()


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


def stored_ncco(turn: Turn, ncco: bytes) -> bytes:
    """It says which options are tokens."""
    return ncco if turn.stored_ncco is None else orjson.dumps(turn.stored_ncco)


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


def status_of(webhook: Webhook) -> str:
    """Distinguishes a wait's webhooks: a status with its sub-state, "" for an input, or the kind."""
    if not isinstance(webhook, StatusWebhook):
        return "" if isinstance(webhook, InputWebhook) else webhook.kind
    return f"{webhook.status or ''}:{webhook.sub_state}" if webhook.sub_state else webhook.status or ""


def webhook_row(
    key: bytes,
    delivery: Delivery,
    kind: str,
    session: str,
    ref: WaitRef | None = None,
    *,
    status: str = "",
    hides: bool | None = None,
) -> WebhookRow:
    """See `body_of` for `key` and `hides`."""
    webhook = delivery.webhook
    return WebhookRow(
        secrets.token_hex(16),
        kind,
        session,
        ref.turn if ref else -1,
        ref.index if ref else -1,
        status,
        (webhook.uuid or "") if isinstance(webhook, LegWebhook) else "",
        webhook.conversation_uuid or "",
        delivery.method,
        body_of(delivery, session, key, hides=hides),
        delivery.received_ms,
    )


def answer_row(
    delivery: Delivery, session: str, key: bytes, kind: str = "answer", secret: Collection[str] = ()
) -> WebhookRow:
    """The session is "" if the webhook opened none.

    `secret` are the flow's sensitive params; the query may contain them.
    """
    call = delivery.call
    body = body_of(delivery, session, key)
    if secret and not may_hold_input(delivery):
        kept = {
            name: mask(key, session, str(value)) if name in secret else value for name, value in delivery.fields.items()
        }
        kept |= {"reason": delivery.reason} if delivery.reason else {}
        body = orjson.dumps(with_marks(kept), default=str)
    leg = call.uuid
    conversation = call.conversation_uuid
    at = delivery.received_ms
    return WebhookRow(secrets.token_hex(16), kind, session, -1, -1, "", leg, conversation, delivery.method, body, at)


def body_of(delivery: Delivery, session: str, key: bytes, *, hides: bool | None = None) -> bytes:
    """Replace digits and words with tokens, which `key` makes.

    `hides` says whether the body may contain a secret. With None, no question was asked: it is hidden only if it
    contains a caller's keys or words, or cannot be read.
    """
    is_hidden = may_hold_input(delivery) if hides is None else hides
    return _masked(delivery, session, key) if is_hidden else _unmasked(delivery.raw)


def _unmasked(raw: bytes) -> bytes:
    if b"secret" not in raw and b"\\u" not in raw and b"%" not in raw:
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


def session_row(session: Session, version: int, opened_at: int, now: int, leg: str = "") -> SessionRow:
    """The leg has not ended yet; `leg` is that of a called party."""
    call = session.call
    return SessionRow(
        session.id,
        leg or call.uuid,
        call.conversation_uuid,
        session.flow,
        session.revision,
        version,
        to_json(session),
        False,
        opened_at,
        now,
    )


def turn_row(
    turn: Turn,
    ncco: bytes,
    received: WebhookRow,
    delivery: Delivery,
    hooks: Sequence[HookRow] = (),
    *,
    params: Mapping[str, str] = NOTHING,
) -> TurnRow:
    """Store what a replay needs: the time, webhook, results of lookups and functions, URL params, hours by hand.

    Also the turn's hooks by ID, because they are deleted once sent, and its microseconds since the webhook (`us`).
    """
    inputs: dict[str, Any] = {"now": delivery.received_at, "base_url": delivery.base_url, "outcome": turn.outcome}
    if params:
        inputs["params"] = params
    if turn.answers:
        inputs["lookups"] = lookups = turn.lookups
        if len(turn.answers) > len(lookups):
            inputs["answers"] = [tuple(answer) for answer in turn.answers]
    if turn.called:
        inputs["functions"] = [tuple(each) for each in turn.called]
    if turn.by_hand:
        inputs["by_hand"] = [(key, [each[:4] for each in decided]) for key, decided in turn.by_hand.items()]
    if hooks:
        inputs["hooks"] = {hook.id: hook.name for hook in hooks}
    if delivery.came_at:
        inputs["us"] = int((perf_counter() - delivery.came_at) * 1_000_000)
    stored = orjson.dumps(inputs)
    if MASKED.encode() in stored:
        stored = orjson.dumps(with_marks(inputs))
    return TurnRow(
        turn.session.id,
        turn.session.turn,
        ncco,
        turn.trace_json or orjson.dumps(turn.trace),
        stored,
        received.id,
        received.turn,
        received.wait,
        received.status,
        received.received_at,
        turn.has_fault and any(line.did == "failed" for line in turn.trace),
        *turn.facts,
    )


def hook_rows(hooks: Iterable[Hook], session: str, now: int) -> tuple[HookRow, ...]:
    """`now` is in milliseconds since 1970.

    Random IDs let receivers recognise repeats. A hook that cannot be rendered is parked.
    """
    return tuple([_hook_row(hook, session, now) for hook in hooks])


def caused_by_turn(turn: Turn, now: int) -> Caused:
    session = turn.session
    return Caused(
        hook_rows(turn.hooks, session.id, now), turn.saves, parent=session.parent, has_called=bool(turn.called)
    )


def caused_by(effects: EventEffects, session: str, now: int) -> Caused:
    return Caused(hook_rows(effects.hooks, session, now), effects.saves)


def caused_by_end(effects: EventEffects, call: SessionRow, now: int) -> Caused:
    """IDs follow from the leg alone, so that receivers recognise repeats."""
    rows = enumerate(hook_rows(effects.hooks, call.id, now))
    hooks = tuple([row._replace(id=f"msg_{_digest(call.leg, 'ended', number)}") for number, row in rows])
    return Caused(hooks, effects.saves)


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:32]


def _hook_row(hook: Hook, session: str, now: int) -> HookRow:
    problem = hook.problem
    body = b""
    headers = b"{}"
    try:
        body = orjson.dumps(hook.json)
        headers = orjson.dumps(dict(hook.headers))
    except TypeError:  # a lone surrogate, which is not valid in JSON
        problem = problem or "its body or headers contain something that JSON cannot express"
    return HookRow(
        id=f"msg_{secrets.token_hex(16)}",
        session=session,
        name=hook.name,
        url="" if problem else hook.url,
        headers=headers,
        body=body,
        created_at=now,
        due_at=now,
        problem=problem,
        is_parked=bool(problem),
    )


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


def name_of_caller(flow: Flow, session: Session) -> str:
    """Return "" if it is sensitive, or after a handover."""
    variable = flow.variables.get(CALLER_NAME)
    value = session.variables.get(CALLER_NAME)
    is_known = flow.name == (session.at or session.flow) and variable is not None and not variable.sensitive
    return " ".join(value.split())[:NAME_LIMIT] if is_known and isinstance(value, str) else ""


def recording_url(webhook: Webhook) -> str:
    """Return "" if the webhook announces nothing."""
    match webhook:
        case TranscriptionWebhook():
            url = webhook.transcription_url
        case RecordWebhook() | InputWebhook():
            url = webhook.recording_url
        case _:
            url = None
    return url if url and len(url) <= _URL_LIMIT else ""
