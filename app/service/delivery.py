"""A webhook as `app.web` hands it over, the reply to it, and what is written for it.

Whatever is sensitive is written as a token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from time import perf_counter
from typing import Any, Final, NamedTuple

import orjson

from app.engine import JOINED, Call, Session, Turn, WaitRef
from app.engine.session import to_json
from app.flow.language.hooks import Hook
from app.ncco.webhooks import (
    FALLBACK_REASONS,
    InputWebhook,
    LegWebhook,
    StatusWebhook,
    Webhook,
    as_text,
    decode_json_fields,
    recognise,
    webhook_type,
)
from app.store import HookRow, SessionRow, TurnRow, WebhookRow

JOIN_SILENTLY: Final = orjson.dumps([JOINED])
"""The reply to a called party that has nothing to hear: it is joined."""

END_OF_INPUT: Final = JOIN_SILENTLY
"""The reply to an input after which the call ends: the shortest wait. After an empty reply Vonage would play the tail
of the input; what it does after an empty list is not documented.

Source: NCCO reference, Wait (timeout); webhook reference, what the codes mean per kind.
"""

_SIP_HEADER: Final = "SipHeader_"
"""Prefix of a custom SIP header. Source: webhook reference, Answer."""
_TEXT_FIELDS: Final = ("to", "from", "from_user", "uuid", "conversation_uuid", "region_url", "endpoint_type")
_BLANKS: Final = ("",) * len(_TEXT_FIELDS)
ANSWER_FIELDS: Final = frozenset({*_TEXT_FIELDS, "call_uuid", "custom_data"})
"""Fields of an answer webhook, which fill no params."""

ID_LIMIT: Final = 64
"""Characters of a leg uuid that are kept as they are; a longer one is kept by its SHA-256."""

_INPUT_FIELDS: Final = frozenset(
    {"dtmf", "speech", "digits", "timed_out", "results", "text", "confidence", "timeout_reason"}
)
"""Fields of an input webhook, whose names are kept and whose values are not."""

_PUBLIC_FIELDS: Final = frozenset(
    {"from", "from_user", "to", "uuid", "call_uuid", "conversation_uuid", "timestamp", "status", "type", "direction"}
)
"""Fields that hold no secret of a caller."""

REFUSED: Final = "refused"
"""The status of a webhook by which Vonage reports that it refused an NCCO."""


@dataclass
class Delivery:
    """One delivery of a webhook, verified and parsed. It does not change.

    Attributes:
        method: `GET` or `POST`.
        raw: the body of a POST, the query string of a GET, as it came.
        fields: top-level fields as parsed ({} when nothing could be read).
        base_url: start of callback URLs, without a trailing slash (`https://calls.example.com`).
        received_at: aware, UTC.
        problem: why the body could not be read, "" when it could.
        came_at: when it was received completely, in monotonic seconds (`time.perf_counter`); 0 when not measured.
        reason: why it came to the fallback URL, one of Vonage's reasons; "" for none or an unknown one.
        query: the query of a POST, which its author wrote into the URL; {} for a GET.
        received_ms: `received_at` in milliseconds since 1970.
    """

    method: str
    raw: bytes = field(repr=False)
    fields: Mapping[str, object] = field(repr=False)
    base_url: str
    received_at: datetime
    problem: str = ""
    came_at: float = 0.0
    reason: str = ""
    query: Mapping[str, object] = field(default_factory=dict, repr=False)
    received_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self.received_ms = int(self.received_at.timestamp() * 1000)

    @cached_property
    def webhook(self) -> Webhook:
        """What `fields` are recognised as."""
        return recognise(self.fields)

    @cached_property
    def kind(self) -> str:
        """One word for logs and metrics: `answer`, `input-dtmf`, `event-busy`, ..."""
        return "unreadable" if self.problem else webhook_type(self.webhook)

    @cached_property
    def call(self) -> Call:
        """The facts of an answer webhook, as flows see them: "" or {} for what is missing or cannot be read."""
        fields, query = self.fields, self.query
        found = [
            value if isinstance(value, str) else as_text(value) for value in map(fields.get, _TEXT_FIELDS, _BLANKS)
        ]
        to, from_number, user, uuid, conversation, region, endpoint = found
        custom_data = fields.get("custom_data", query.get("custom_data"))
        if isinstance(custom_data, str):
            custom_data = decode_json_fields({"custom_data": custom_data})["custom_data"]
        sip = [name for name in fields if name.startswith(_SIP_HEADER)]
        return Call(
            _digits(to),
            _digits(from_number),
            user,
            uuid if fields.get("uuid") is not None else as_text(fields.get("call_uuid")),
            conversation,
            region,
            endpoint,
            "outbound" if fields.get("direction", query.get("direction")) == "outbound" else "inbound",
            {name.removeprefix(_SIP_HEADER): value for name in sip if isinstance(value := fields[name], str)},
            custom_data if isinstance(custom_data, dict) else {},
        )

    def params(self, names: Collection[str]) -> dict[str, str]:
        """What the query of the answer URL gives for these params; Vonage's own fields are none."""
        query = self.fields if self.method == "GET" else self.query
        return {name: as_text(query[name]) for name in names if name in query and name not in ANSWER_FIELDS}

    @property
    def original(self) -> Delivery:
        """The delivery that failed, as a fallback webhook repeats it."""
        fields = {name: value for name, value in self.fields.items() if name not in ("reason", "original_request")}
        reason = next((reason for reason in FALLBACK_REASONS if reason == self.fields.get("reason")), "")
        return replace(self, fields=fields, reason=reason)


def _digits(number: str) -> str:
    """A number without the `+` or the blank that a `+` in a query becomes; anything else as it is."""
    if number.isdecimal() and number.isascii():
        return number
    digits = number.strip().removeprefix("+")
    return digits if digits.isascii() and digits.isdecimal() else number


class Reply(NamedTuple):
    """The reply to Vonage, and what the log and the metrics say about it.

    Attributes:
        ncco: the JSON bytes to send; None: an empty 200.
        kind: what the webhook was (`answer`, `input-dtmf`, `event-busy`, ...).
        outcome: what it was taken for (`answer`, `sales`, `noinput`, `busy`, `repeat`, `recorded`, `failsafe`, ...).
        flow, step: where the call is after it; "" when no call is known.
        uuid, conversation_uuid: of the call.
        is_failsafe: nothing of a flow could be played.
        is_repeat: a second delivery; the bytes are those of the first.
        problem: what went wrong, in one sentence for the log and the `ncco-problem` response header.
        heard_in: the step whose wait the webhook was for; "" when it moved nothing.
        revision: of the flow, when the webhook moved the call.
        caller: the number or the user of the call, "" when no call is known.
        row: the webhook as it is stored, with what is sensitive masked; None when it is not known or a repeat.
    """

    ncco: bytes | None
    kind: str
    outcome: str
    flow: str = ""
    step: str = ""
    uuid: str = ""
    conversation_uuid: str = ""
    is_failsafe: bool = False
    is_repeat: bool = False
    problem: str = ""
    heard_in: str = ""
    revision: str = ""
    caller: str = ""
    row: WebhookRow | None = None

    @classmethod
    def of_turn(cls, turn: Turn, ncco: bytes | None, kind: str, row: WebhookRow) -> Reply:
        """The NCCO of a new turn; None for an empty reply."""
        session, call = turn.session, turn.session.call
        first = turn.trace[0] if turn.trace else None
        return cls(
            ncco,
            kind,
            turn.outcome,
            session.flow,
            session.step,
            call.uuid,
            call.conversation_uuid,
            turn.is_failsafe,
            problem=_problem_of(turn),
            heard_in=first.step if first is not None and first.did == "heard" else "",
            revision=session.revision,
            caller=call.from_number or call.from_user,
            row=row,
        )

    @classmethod
    def repeat(cls, stored: bytes, kind: str, call: Call, session: Session | None = None) -> Reply:
        """The bytes that the first delivery got."""
        flow, step = (session.flow, session.step) if session else ("", "")
        place = (flow, step, call.uuid, call.conversation_uuid)
        return cls(stored or None, kind, "repeat", *place, is_repeat=True, caller=call.from_number or call.from_user)

    @classmethod
    def recorded(cls, session: Session, kind: str, row: WebhookRow) -> Reply:
        """An empty reply: the webhook is stored and steers nothing."""
        call = session.call
        caller = session.call.from_number or session.call.from_user
        place = (session.flow, session.step, call.uuid, call.conversation_uuid)
        return cls(None, kind, "recorded", *place, caller=caller, row=row)

    @classmethod
    def failsafe(cls, ncco: bytes, kind: str, problem: str, call: Call) -> Reply:
        """A failsafe NCCO; `problem` says why no flow can be played."""
        conversation = call.conversation_uuid
        place = ("", "", call.uuid, conversation)
        caller = call.from_number or call.from_user
        return cls(ncco, kind, "failsafe", *place, is_failsafe=True, problem=problem, caller=caller)


def _problem_of(turn: Turn) -> str:
    """Which step could not be played, by code and place: the sentence in the trace may hold what a caller gave."""
    refused = ""
    for line in turn.trace if turn.has_fault else ():
        if line.did == "failed" and line.step:
            return f'step "{line.step}" could not be played: {line.what} ({line.where})'
        if line.did == "refused":
            refused = refused or f'step "{line.step}" passed over a number: {line.what} ({line.where})'
    return refused


def session_id(leg: str, flow: str | None) -> str:
    """The key of the session that an answer webhook opens: its leg, or the leg in the flow that its URL names.

    Two flows may answer the same leg, when a running call is transferred to another answer URL. A webhook without a leg
    gets a random key.
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
    """Distinguishes the webhooks of one wait: the call status with its sub state; "" for an input."""
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
    """The webhook as it came, or with tokens in it; see `body_of` for `key` and `hides`."""
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


def answer_row(delivery: Delivery, session: str, key: bytes, kind: str = "answer") -> WebhookRow:
    """An answer webhook as it came, "" for the session when it opened none."""
    call = delivery.call
    body = body_of(delivery, session, key)
    leg = call.uuid
    conversation = call.conversation_uuid
    at = delivery.received_ms
    return WebhookRow(secrets.token_hex(16), kind, session, -1, -1, "", leg, conversation, delivery.method, body, at)


def body_of(delivery: Delivery, session: str, key: bytes, *, hides: bool | None = None) -> bytes:
    """What is kept of a body or a query.

    Args:
        delivery: the webhook.
        session: of the call.
        key: makes the tokens that stand for digits and words.
        hides: whether it may hold a secret. None: the caller was asked for nothing, so a webhook is secret only if it
            contains keys or words of a caller, or cannot be read.
    """
    is_hidden = may_hold_input(delivery) if hides is None else hides
    return _masked(delivery, session, key) if is_hidden else delivery.raw


def may_hold_input(delivery: Delivery) -> bool:
    """Whether a webhook may contain what a caller pressed or said, in any place and with any escaping."""
    raw = delivery.raw.decode("latin-1").lower()
    if delivery.problem or _names_input(raw):
        return True
    return ("%" in raw or "\\u" in raw) and _names_input(repr(delivery.fields).lower())


def _names_input(text: str) -> bool:
    return "dtmf" in text or "speech" in text or "digits" in text


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


def turn_row(
    turn: Turn, ncco: bytes, webhook: WebhookRow, delivery: Delivery, hooks: Sequence[HookRow] = ()
) -> TurnRow:
    """The turn, with what is needed to play it again: its time, what lookups answered, its webhook.

    The names of the hooks that are written with it are kept by their ids, since a hook that is sent is deleted.

    `us` is how many microseconds it took from the whole webhook to the turn, before it was written.
    """
    inputs: dict[str, Any] = {"now": delivery.received_at, "base_url": delivery.base_url, "outcome": turn.outcome}
    if turn.lookups:
        inputs["lookups"] = turn.lookups
    if hooks:
        inputs["hooks"] = {hook.id: hook.name for hook in hooks}
    if delivery.came_at:
        inputs["us"] = int((perf_counter() - delivery.came_at) * 1_000_000)
    return TurnRow(
        turn.session.id,
        turn.session.turn,
        ncco,
        turn.trace_json or orjson.dumps(turn.trace),
        orjson.dumps(inputs),
        webhook.id,
        webhook.turn,
        webhook.wait,
        webhook.status,
        webhook.received_at,
        has_failed=turn.has_fault and any(line.did == "failed" for line in turn.trace),
    )


def hook_rows(hooks: Iterable[Hook], session: str, now: int) -> tuple[HookRow, ...]:
    """The hooks that a turn or an event of a call sends, in their order; `now` is in milliseconds since 1970.

    Each has a random id, by which its receiver recognises a second delivery. One that cannot be rendered is parked.
    """
    return tuple([_hook_row(hook, session, now) for hook in hooks])


def _hook_row(hook: Hook, session: str, now: int) -> HookRow:
    problem = hook.problem
    body = b""
    headers = b"{}"
    try:
        body, headers = orjson.dumps(hook.json), orjson.dumps(dict(hook.headers))
    except TypeError:  # a lone surrogate, which JSON cannot hold
        problem = problem or "its body or its headers hold what JSON cannot"
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
    """The fields with every digit and every recognised word replaced; an unreadable body is not kept at all."""
    if delivery.problem:
        return orjson.dumps({"not_kept": delivery.problem, "bytes": len(delivery.raw)})
    kept = dict(_kept(name, value, session, key) for name, value in delivery.fields.items())
    if delivery.reason:
        kept["reason"] = delivery.reason
    return orjson.dumps(kept, default=str)


def _kept(name: str, value: Any, session: str, key: bytes) -> tuple[str, Any]:
    """A field with all that may be secret masked: only known names, public fields, empty values and booleans stay."""
    if name in _PUBLIC_FIELDS:
        return name, value
    return (name if name in _INPUT_FIELDS else mask(key, session, name)), _hidden(value, session, key)


def _hidden(value: Any, session: str, key: bytes) -> Any:
    if isinstance(value, dict):
        return dict(_kept(str(name), inner, session, key) for name, inner in value.items())
    if isinstance(value, list):
        return [_hidden(inner, session, key) for inner in value]
    return value if value is None or value == "" or isinstance(value, bool) else mask(key, session, str(value))
