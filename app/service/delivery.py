"""A webhook as `app.web` hands it over, and the reply to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from typing import Final, NamedTuple

import orjson

from app.engine import JOINED, Call, Session, Turn
from app.ncco.webhooks import FALLBACK_REASONS, Webhook, as_text, decode_json_fields, recognise, webhook_type

JOIN_SILENTLY: Final = orjson.dumps([JOINED])
"""The reply to a called party that has nothing to hear: it is joined."""

END_OF_INPUT: Final = orjson.dumps([{"action": "wait", "timeout": 0.1}])
"""The reply to an input behind which the call ends: the shortest wait. An empty reply would play what stands behind
the input, and whether an empty list does is not documented.

Source: NCCO reference, Wait (timeout); webhook reference, what the codes mean per kind.
"""

_SIP_HEADER: Final = "SipHeader_"
"""Prefix of a custom SIP header. Source: webhook reference, Answer."""
_TEXT_FIELDS: Final = ("to", "from", "from_user", "uuid", "conversation_uuid", "region_url", "endpoint_type")
_CALL_TEXTS: Final = itemgetter(*_TEXT_FIELDS)
_NO_TEXTS: Final = dict.fromkeys(_TEXT_FIELDS, "")
_ANSWER_FIELDS: Final = frozenset({*_TEXT_FIELDS, "call_uuid", "custom_data"})
_DIRECTIONS: Final = frozenset({"inbound", "outbound"})


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
        came_at: when it was received whole, in monotonic seconds (`time.perf_counter`); 0 when nobody measures.
        reason: why it came by the fallback URL, one of Vonage's; "" for none or another.
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
        self.received_ms = milliseconds(self.received_at)

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
        to, number, user, uuid, conversation, region, endpoint = map(as_text, _CALL_TEXTS({**_NO_TEXTS, **fields}))
        if fields.get("uuid") is None:
            uuid = as_text(fields.get("call_uuid"))
        custom_data = fields.get("custom_data", query.get("custom_data"))
        if isinstance(custom_data, str):
            custom_data = decode_json_fields({"custom_data": custom_data})["custom_data"]
        direction = as_text(fields.get("direction", query.get("direction")))
        return Call(
            _digits(to),
            _digits(number),
            user,
            uuid,
            conversation,
            region,
            endpoint,
            direction if direction in _DIRECTIONS else "inbound",
            {
                name.removeprefix(_SIP_HEADER): value
                for name, value in fields.items()
                if name.startswith(_SIP_HEADER) and isinstance(value, str)
            },
            custom_data if isinstance(custom_data, dict) else {},
        )

    def params(self, names: Collection[str]) -> dict[str, str]:
        """What the query of the answer URL gives for these params; Vonage's own fields are none."""
        query = self.fields if self.method == "GET" else self.query
        return {name: as_text(query[name]) for name in names if name in query and name not in _ANSWER_FIELDS}

    @property
    def original(self) -> Delivery:
        """The delivery that failed, as a fallback webhook repeats it."""
        fields = {name: value for name, value in self.fields.items() if name not in ("reason", "original_request")}
        reason = next((reason for reason in FALLBACK_REASONS if reason == self.fields.get("reason")), "")
        return replace(self, fields=fields, reason=reason)


@dataclass(slots=True)
class TracedWebhook:
    """The webhook that is being answered, while traces are on.

    Attributes:
        headers: the W3C trace context, which the hooks that it causes carry.
        hooks, lookups: how many it has caused so far.
    """

    headers: Mapping[str, str]
    hooks: int = 0
    lookups: int = 0


TRACED: Final[ContextVar[TracedWebhook | None]] = ContextVar("traced", default=None)
"""None while traces are off."""


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return int(moment.timestamp() * 1000)


def _digits(number: str) -> str:
    """A number without the `+` or the blank that a `+` in a query becomes; anything else as it is."""
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

    @classmethod
    def of_turn(cls, turn: Turn, ncco: bytes | None, kind: str) -> Reply:
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
        )

    @classmethod
    def repeat(cls, stored: bytes, kind: str, call: Call, session: Session | None = None) -> Reply:
        """The bytes that the first delivery got."""
        flow, step = (session.flow, session.step) if session else ("", "")
        return cls(stored or None, kind, "repeat", flow, step, call.uuid, call.conversation_uuid, is_repeat=True)

    @classmethod
    def recorded(cls, session: Session, kind: str) -> Reply:
        """An empty reply: the webhook is stored and steers nothing."""
        call = session.call
        return cls(None, kind, "recorded", session.flow, session.step, call.uuid, call.conversation_uuid)

    @classmethod
    def failsafe(cls, ncco: bytes, kind: str, problem: str, call: Call) -> Reply:
        """What a caller hears for whom no flow can be played; `problem` says why."""
        conversation = call.conversation_uuid
        return cls(ncco, kind, "failsafe", "", "", call.uuid, conversation, is_failsafe=True, problem=problem)


def _problem_of(turn: Turn) -> str:
    """Which step could not be played, by code and place: the sentence in the trace may hold what a caller gave."""
    refused = ""
    for line in turn.trace:
        if line.did == "failed" and line.step:
            return f'step "{line.step}" could not be played: {line.what} ({line.where})'
        if line.did == "refused":
            refused = refused or f'step "{line.step}" passed over a number: {line.what} ({line.where})'
    return refused
