"""What goes back for a webhook, in its few forms."""

from __future__ import annotations

from app.engine import Call, Session, Turn
from app.ncco.webhooks import webhook_type
from app.service.delivery import Delivery, Reply


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
    )


def _failure(turn: Turn) -> str:
    """Which step could not be played, by code and place: the sentence in the trace may hold what a caller gave."""
    failed = [line for line in turn.trace if line.did == "failed" and line.step]
    return f'step "{failed[0].step}" could not be played: {failed[0].what} ({failed[0].where})' if failed else ""


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
    )
