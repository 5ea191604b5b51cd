"""What is written for a webhook, a session and a turn. Whatever is sensitive leaves here as a token."""

from __future__ import annotations

import hashlib
import hmac
import random
import secrets
from collections.abc import Iterable
from time import perf_counter
from typing import Any, Final

import orjson

from app.engine import Session, Turn, WaitRef
from app.engine.session import to_json
from app.flow.language.hooks import Hook
from app.ncco.webhooks import InputWebhook, LegWebhook, StatusWebhook, Webhook
from app.service.delivery import TRACED, Delivery
from app.store import HookRow, SessionRow, TurnRow, WebhookRow

ID_LIMIT: Final = 64
"""Characters of a leg uuid that are kept as they are; a longer one is kept by its SHA-256."""

_GIVEN: Final = frozenset({"dtmf", "speech", "digits", "timed_out", "results", "text", "confidence", "timeout_reason"})
"""Fields of an input webhook, whose names are kept and whose values are not."""

_OPEN: Final = frozenset(
    {"from", "from_user", "to", "uuid", "call_uuid", "conversation_uuid", "timestamp", "status", "type", "direction"}
)
"""Fields that hold no secret of a caller."""

_ids: Final = random.Random(secrets.token_bytes(32))  # noqa: S311 - keys of rows, which nobody must guess or trust


def _new_id() -> str:
    """A random key: 128 bits, without a call of the system for each."""
    return f"{_ids.getrandbits(128):032x}"


REFUSED: Final = "refused"
"""The status of a delivery that says that Vonage refused the NCCO it had been sent."""


def session_id(leg: str, flow: str | None) -> str:
    """The key of the session that an answer webhook opens: its leg, or the leg in the flow that its URL names.

    The same leg may be answered by two flows when a running call is transferred to another answer URL. A random key
    stands for a webhook without a leg.
    """
    if not leg:
        return secrets.token_hex(16)
    kept = leg if len(leg) <= ID_LIMIT else hashlib.sha256(leg.encode()).hexdigest()
    return f"{kept}/{flow}" if flow else kept


def transfer_id(id_: str, conversation: str) -> str:
    """The key of the session of a leg that was transferred again into the flow of session `id_`."""
    return f"{id_}/{hashlib.sha256(conversation.encode()).hexdigest()[:16]}"


def mask(key: bytes, session: str, secret: str) -> str:
    """The token that is written in place of a secret: the same secret in the same call has the same token."""
    digest = hmac.digest(key, f"{session}\0{secret}".encode(), "sha256")
    return f"secret:{digest[:8].hex()}"


def status_of(webhook: Webhook) -> str:
    """What tells two deliveries of one wait apart: the call status with its sub state; "" for input and notify."""
    if not isinstance(webhook, StatusWebhook):
        return "" if isinstance(webhook, InputWebhook) else webhook.kind
    return f"{webhook.status or ''}:{webhook.sub_state}" if webhook.sub_state else webhook.status or ""


def webhook_row(
    delivery: Delivery,
    kind: str,
    session: str,
    ref: WaitRef | None = None,
    *,
    status: str = "",
    key: bytes,
    hides: bool | None = None,
) -> WebhookRow:
    """The webhook as it came, or with tokens in it; see `body_of` for `key` and `hides`."""
    webhook = delivery.webhook
    return WebhookRow(
        _new_id(),
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


def answer_row(delivery: Delivery, session: str, key: bytes, kind: str = "answer") -> WebhookRow:
    """An answer webhook as it came, "" for the session when it opened none."""
    call, body = delivery.call, body_of(delivery, session, key)
    leg, conversation, at = call.uuid, call.conversation_uuid, delivery.received_ms
    return WebhookRow(_new_id(), kind, session, -1, -1, "", leg, conversation, delivery.method, body, at)


def body_of(delivery: Delivery, session: str, key: bytes, *, hides: bool | None = None) -> bytes:
    """What is kept of a body or a query.

    Args:
        delivery: the webhook.
        session: of the call.
        key: makes the tokens that stand for digits and words.
        hides: whether it may hold a secret. None: nobody asked for any, so that it may when keys or words of a caller
            are in it, or when nobody can read it.
    """
    is_hidden = may_hold_input(delivery) if hides is None else hides
    return _masked(delivery, session, key) if is_hidden else delivery.raw


def may_hold_input(delivery: Delivery) -> bool:
    """Whether what a caller pressed or said may be in a webhook: wherever in it, however it is escaped."""
    raw = delivery.raw
    if delivery.problem or _names_input(raw.lower()):
        return True
    return (b"%" in raw or b"\\u" in raw) and _names_input(repr(delivery.fields).lower().encode("ascii", "replace"))


def _names_input(text: bytes) -> bool:
    return b"dtmf" in text or b"speech" in text or b"digits" in text


def session_row(session: Session, version: int, opened_at: int, now: int, leg: str = "") -> SessionRow:
    """The session as the store keeps it. `is_over` there means that its leg has ended.

    `leg` is the one of a called party; otherwise it is that of the call.
    """
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


def turn_row(turn: Turn, ncco: bytes, webhook: WebhookRow, delivery: Delivery) -> TurnRow:
    """The turn, with what is needed to play it again: its time, what lookups answered, its webhook.

    `us` is how many microseconds it took from the whole webhook to the turn, before it was written.
    """
    inputs: dict[str, Any] = {"now": delivery.received_at, "base_url": delivery.base_url, "outcome": turn.outcome}
    if turn.lookups:
        inputs["lookups"] = turn.lookups
    if delivery.came_at:
        inputs["us"] = int((perf_counter() - delivery.came_at) * 1_000_000)
    return TurnRow(
        turn.session.id,
        turn.session.turn,
        ncco,
        orjson.dumps([line._asdict() for line in turn.trace]),
        orjson.dumps(inputs),
        webhook.id,
        webhook.turn,
        webhook.wait,
        webhook.status,
        webhook.received_at,
    )


def hook_rows(hooks: Iterable[Hook], session: str, now: int) -> tuple[HookRow, ...]:
    """The hooks that a turn or an event of a call sends, in their order; `now` is in milliseconds since 1970.

    Each has a random id, by which its receiver knows a second delivery. One that could not be rendered is parked.
    """
    return tuple([_hook_row(hook, session, now) for hook in hooks])


def _hook_row(hook: Hook, session: str, now: int) -> HookRow:
    problem, body, headers = hook.problem, b"", b"{}"
    try:
        body, headers = orjson.dumps(hook.json), orjson.dumps(_headers_of(hook))
    except TypeError:  # half a character, which JSON cannot hold
        problem = problem or "its body or its headers hold what JSON cannot"
    return HookRow(
        id=f"msg_{_new_id()}",
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


def _headers_of(hook: Hook) -> dict[str, str]:
    """Its own headers, and the trace context of the webhook that causes it."""
    traced = TRACED.get()
    if traced is None:
        return dict(hook.headers)
    traced.hooks += 1
    return {**traced.headers, **hook.headers}


def _masked(delivery: Delivery, session: str, key: bytes) -> bytes:
    """The fields with every digit and every recognised word replaced; an unreadable body is not kept at all."""
    if delivery.problem:
        return orjson.dumps({"not_kept": delivery.problem, "bytes": len(delivery.raw)})
    kept = dict(_kept(name, value, session, key) for name, value in delivery.fields.items())
    if delivery.reason:
        kept["reason"] = delivery.reason
    return orjson.dumps(kept, default=str)


def _kept(name: str, value: Any, session: str, key: bytes) -> tuple[str, Any]:
    """A field of which only what is known to hold no secret stays: its name, whether it is there, truth values."""
    if name in _OPEN:
        return name, value
    return (name if name in _GIVEN else mask(key, session, name)), _hidden(value, session, key)


def _hidden(value: Any, session: str, key: bytes) -> Any:
    if isinstance(value, dict):
        return dict(_kept(str(name), inner, session, key) for name, inner in value.items())
    if isinstance(value, list):
        return [_hidden(inner, session, key) for inner in value]
    return value if value is None or value == "" or isinstance(value, bool) else mask(key, session, str(value))
