"""A webhook from `ncco_server.web`, and the reply to it."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from ncco_server.engine import JOINED, CallData, Session, Turn
from ncco_server.engine.waits import OF_WORD
from ncco_server.engine.waits.called_party import CalledPartyWait
from ncco_server.ncco.value_types import read_number
from ncco_server.ncco.webhooks import (
    FALLBACK_REASONS,
    FallbackWebhook,
    Webhook,
    as_text,
    decode_json_fields,
    recognise,
    webhook_type,
    without_failure,
)
from ncco_server.store import WebhookRow

CALL_LOG: Final = logging.getLogger("ncco_server.calls")
"""Gets what handlers log."""
JOIN_SILENTLY: Final = orjson.dumps([JOINED])
"""Connects a called party, who hears nothing first."""

END_OF_INPUT: Final = JOIN_SILENTLY
"""The shortest wait, after the last input of a call.

An empty reply would continue with the actions after the input; what an empty list does is not documented.

Source: NCCO reference, Wait (timeout); webhook reference, what the codes mean per kind.
"""

_SIP_HEADER: Final = "SipHeader_"
"""Source: webhook reference, Answer."""
ANSWER_FIELDS: Final = frozenset(
    {"to", "from", "from_user", "uuid", "call_uuid", "conversation_uuid", "region_url", "endpoint_type", "custom_data"}
)
"""Params that an answer URL's query cannot set."""

ID_LIMIT: Final = 64
"""A longer leg UUID is replaced with its SHA-256."""

FIELD_LIMIT: Final = 1000
"""The fields of a query or a form. Our choice."""

_NAMED: Final = frozenset({"answer", *OF_WORD})


def query_fields(text: str) -> dict[str, str]:
    """The last of repeated names counts, because Vonage appends its parameters to those of the URL.

    Raises ValueError for more than FIELD_LIMIT fields.
    """
    return dict(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=FIELD_LIMIT))


class FailedUrl(NamedTuple):
    """The URL of a webhook that failed, which its fallback names.

    Attributes:
        kind: `answer`, `event`, `input`, `notify`, `onanswer`, `placed`, `placed-event`; "" if the URL is not ours.
        name: the flow or the token; "" if the URL has none.
        query: what the operator added to the URL.
    """

    kind: str
    name: str
    query: Mapping[str, object]

    @property
    def is_called(self) -> bool:
        """Whether a called party waits for the reply, who must not hear the failsafe NCCO."""
        return self.kind == CalledPartyWait.word

    @classmethod
    def read(cls, url: str) -> FailedUrl:
        query: Mapping[str, object] = {}
        path = ""
        with suppress(ValueError):
            path = urlsplit(url).path
            query = query_fields(urlsplit(url).query)
        route = unquote(path).rpartition("/webhooks/")[2]
        kind, *names = route.removesuffix("/").split("/")
        match names:
            case [] if kind in ("answer", "event"):
                return cls(kind, "", query)
            case [name] if name and kind in _NAMED:
                return cls(kind, name, query)
            case [name, "event"] if name and kind == "placed":
                return cls("placed-event", name, query)
        return cls("", "", query)


@dataclass
class Delivery:
    """One delivery of a webhook, verified and parsed.

    Attributes:
        raw: the unchanged body of a POST or query string of a GET.
        base_url: without a trailing slash.
        received_at: aware, UTC.
        problem: why the body could not be read, or "".
        came_at: when its last byte came, by `time.perf_counter`; 0 if not measured.
        reason: Vonage's reason for sending it to the fallback URL, or "".
        query: that of the URL. A GET has Vonage's fields in it, too.
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
        return recognise(self.fields)

    @property
    def kind(self) -> str:
        """For logs and metrics: `answer`, `input-dtmf`, `event-busy`, ..."""
        return "unreadable" if self.problem else webhook_type(self.webhook)

    @cached_property
    def call(self) -> CallData:
        """A field is "" or {} if missing or unreadable."""
        fields = self.fields
        query = self.query
        custom_data = fields.get("custom_data", query.get("custom_data"))
        if isinstance(custom_data, str):
            custom_data = decode_json_fields({"custom_data": custom_data})["custom_data"]
        return CallData(
            _digits(_text(fields, "to")),
            _digits(_text(fields, "from")),
            _text(fields, "from_user"),
            _text(fields, "uuid" if fields.get("uuid") is not None else "call_uuid"),
            _text(fields, "conversation_uuid"),
            _text(fields, "region_url"),
            _text(fields, "endpoint_type"),
            "outbound" if fields.get("direction", query.get("direction")) == "outbound" else "inbound",
            {
                name.removeprefix(_SIP_HEADER): value
                for name, value in fields.items()
                if _SIP_HEADER in name  # a third of the next test's cost, and nearly always enough
                and name.startswith(_SIP_HEADER)
                and isinstance(value, str)
            },
            custom_data if isinstance(custom_data, dict) else {},
        )

    def params(self, names: Collection[str]) -> dict[str, str]:
        """Read them from the query of the answer URL, without Vonage's own fields."""
        query = self.query
        return {name: as_text(query[name]) for name in names if name in query and name not in ANSWER_FIELDS}

    @property
    def own_params(self) -> dict[str, str]:
        """All of them."""
        return self.params([name for name in self.query if not name.startswith(_SIP_HEADER)])

    @cached_property
    def failed_url(self) -> FailedUrl:
        webhook = self.webhook
        return FailedUrl.read((webhook.original_url or "") if isinstance(webhook, FallbackWebhook) else "")

    @property
    def original(self) -> Delivery:
        """The webhook that failed, with what its URL says."""
        reason = next((reason for reason in FALLBACK_REASONS if reason == self.fields.get("reason")), "")
        query = {**without_failure(self.query), **self.failed_url.query}
        return replace(self, fields=without_failure(self.fields), reason=reason, query=query)


def _text(fields: Mapping[str, object], name: str) -> str:
    """Return "" if the field is missing or neither text nor a number."""
    value = fields.get(name, "")
    return value if isinstance(value, str) else as_text(value)


def _digits(number: str) -> str:
    """A query turns the `+` of a number into a space."""
    if number.isdecimal() and not number.startswith("00"):
        return number
    try:
        return read_number(number)
    except ValueError:
        digits = number.strip().removeprefix("+")
        return digits if digits.isascii() and digits.isdecimal() else number


class Reply(NamedTuple):
    """The reply to Vonage, with data for log and metrics.

    Attributes:
        ncco: the JSON bytes to send; None for an empty 200.
        outcome: how it was understood (`answer`, `sales`, `noinput`, `busy`, `repeat`, `recorded`, `failsafe`, ...).
        flow, step: where the call is afterwards; "" if no call is known.
        call: empty if none is known.
        problem: one sentence, also for the `ncco-problem` response header.
        heard_in: the step that was waiting for the input; "" for none.
        row: with sensitive values masked; None for a repeat or an unknown call.
        reason: more about the problem of a flow, for development only: it may quote the call.
        is_unstored: whether the caller hears an NCCO although the store is unavailable.
    """

    ncco: bytes | None
    kind: str
    outcome: str
    flow: str = ""
    step: str = ""
    call: CallData = CallData()
    is_failsafe: bool = False
    is_repeat: bool = False
    problem: str = ""
    heard_in: str = ""
    revision: str = ""
    row: WebhookRow | None = None
    is_unstored: bool = False
    reason: str = ""

    @classmethod
    def of_turn(cls, turn: Turn, ncco: bytes | None, row: WebhookRow) -> Reply:
        session = turn.session
        problem, reason = _fault_of(turn) if turn.has_fault else ("", "")
        return cls(
            ncco,
            row.kind,
            turn.outcome,
            session.flow,
            session.step,
            session.call,
            turn.is_failsafe,
            problem=problem,
            heard_in=next((line.step for line in turn.trace[:1] if line.did == "heard"), ""),
            revision=session.revision,
            row=row,
            reason=reason,
        )

    @classmethod
    def repeat(cls, stored: bytes, kind: str, call: CallData, session: Session | None = None) -> Reply:
        return cls._of(call, session, stored or None, kind, "repeat", is_repeat=True)

    @classmethod
    def recorded(cls, session: Session, kind: str, row: WebhookRow) -> Reply:
        return cls._of(session.call, session, None, kind, "recorded", row=row)

    @classmethod
    def failsafe(cls, ncco: bytes, kind: str, problem: str, call: CallData) -> Reply:
        return cls._of(call, None, ncco, kind, "failsafe", is_failsafe=True, problem=problem)

    @classmethod
    def _of(
        cls, call: CallData, session: Session | None, ncco: bytes | None, kind: str, outcome: str, **more: Any
    ) -> Reply:
        flow, step = (session.flow, session.step) if session else ("", "")
        return cls(ncco, kind, outcome, flow, step, call, **more)


def _fault_of(turn: Turn) -> tuple[str, str]:
    """The code and place, and the full message, which may quote a caller's input."""
    refused = ""
    for line in turn.trace:
        if line.did == "failed" and line.what != "failsafe":
            what = f'step "{line.step}"' if line.step else "the handler"
            where = line.where or getattr(line, "at", "")
            return f"{what} could not be played: {line.what} ({where})", line.because
        if line.did == "refused":
            refused = refused or f'step "{line.step}" skipped a number: {line.what} ({line.where})'
    return refused, ""


def session_id(leg: str, flow: str | None) -> str:
    """Add the flow that the URL names, because a transfer may give another flow the same leg.

    Without a leg, the ID is random.
    """
    if not leg:
        return secrets.token_hex(16)
    kept = leg if len(leg) <= ID_LIMIT else hashlib.sha256(leg.encode()).hexdigest()
    return f"{kept}/{flow}" if flow else kept


def transfer_id(id_: str, conversation: str) -> str:
    """For a leg that is transferred into the flow of session `id_` again."""
    return f"{id_}/{hashlib.sha256(conversation.encode()).hexdigest()[:16]}"
