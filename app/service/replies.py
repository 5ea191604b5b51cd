"""What goes back for a webhook, in its few forms."""

from __future__ import annotations

from typing import Final

from app.engine import JOINED, Call, Session, Turn
from app.engine.json_bytes import json_bytes
from app.ncco.webhooks import FALLBACK_REASONS, webhook_type
from app.service.delivery import Delivery, Reply

_FAULTS: Final = frozenset({"failed", "refused"})

NOTHING_SAID: Final = json_bytes([JOINED])
"""What a party that was called gets when there is nothing for it to hear: it is joined."""

NOTHING_MORE: Final = json_bytes([{"action": "wait", "timeout": 0.1}])
"""What an input gets behind which the call ends. The shortest wait: an empty reply would play what stands behind the
input, and whether an empty list does is not documented.

Source: NCCO reference, Wait (timeout); webhook reference, what the codes mean per kind.
"""


def kind_of(delivery: Delivery) -> str:
    """One word for what came in, for logs and metrics."""
    return "unreadable" if delivery.problem else webhook_type(delivery.webhook)


def turn_reply(turn: Turn, ncco: bytes | None, kind: str) -> Reply:
    """The NCCO of a new turn; None for an empty reply."""
    session = turn.session
    call = session.call
    return Reply(
        ncco,
        kind,
        turn.outcome,
        session.flow,
        session.step,
        call.uuid,
        call.conversation_uuid,
        is_failsafe=turn.is_failsafe,
        problem=_failure(turn),
        heard_in=_heard_in(turn),
        revision=session.revision,
    )


def _heard_in(turn: Turn) -> str:
    first = turn.trace[0] if turn.trace else None
    return first.step if first is not None and first.did == "heard" else ""


def _failure(turn: Turn) -> str:
    """Which step could not be played, by code and place: the sentence in the trace may hold what a caller gave."""
    if _FAULTS.isdisjoint([line.did for line in turn.trace]):
        return ""
    failed = [line for line in turn.trace if line.did == "failed" and line.step]
    if failed:
        return f'step "{failed[0].step}" could not be played: {failed[0].what} ({failed[0].where})'
    refused = [line for line in turn.trace if line.did == "refused"]
    return f'step "{refused[0].step}" passed over a number: {refused[0].what} ({refused[0].where})' if refused else ""


def repeat_reply(stored: bytes, kind: str, call: Call, session: Session | None = None) -> Reply:
    """The bytes that the first delivery got."""
    flow, step = (session.flow, session.step) if session else ("", "")
    return Reply(stored or None, kind, "repeat", flow, step, call.uuid, call.conversation_uuid, is_repeat=True)


def recorded_reply(session: Session, kind: str) -> Reply:
    """An empty reply: the webhook is kept and steers nothing."""
    return Reply(None, kind, "recorded", session.flow, session.step, session.call.uuid, session.call.conversation_uuid)


def failsafe_reply(ncco: bytes, kind: str, problem: str, call: Call) -> Reply:
    """What a caller hears for whom no flow can be played; `problem` says why."""
    return Reply(
        ncco,
        kind,
        "failsafe",
        uuid=call.uuid,
        conversation_uuid=call.conversation_uuid,
        is_failsafe=True,
        problem=problem,
    )


def original_of(delivery: Delivery) -> Delivery:
    """The delivery that failed, as the fallback repeats it."""
    added = ("reason", "original_request")
    return Delivery(
        delivery.method,
        delivery.raw,
        {name: value for name, value in delivery.fields.items() if name not in added},
        delivery.base_url,
        delivery.received_at,
        delivery.problem,
        delivery.came_at,
        next((reason for reason in FALLBACK_REASONS if reason == delivery.fields.get("reason")), ""),
    )
