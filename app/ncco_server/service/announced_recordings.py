"""The recordings and transcripts that webhooks announce."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from ncco_server import engine
from ncco_server.engine import Session, WaitRef
from ncco_server.flow.model import Flow, Step
from ncco_server.ncco import RECORD_ENDS
from ncco_server.ncco.webhooks import InputWebhook, RecordWebhook, TranscriptionWebhook, Webhook
from ncco_server.service.delivery import Delivery
from ncco_server.service.recording_files import new_recording_id
from ncco_server.service.turns import Policy
from ncco_server.service.written_rows import CALLER_NAME, NAME_LIMIT, name_of_caller, recording_url
from ncco_server.store import RecordingKind, RecordingRow, milliseconds

_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_LARGEST: Final = 1 << 50
_LONGEST: Final = timedelta(days=2)


def announced(
    policy: Policy,
    delivery: Delivery,
    session: Session | None = None,
    ref: WaitRef | None = None,
    flow: Flow | None = None,
    *,
    may_be_input: bool = False,
) -> RecordingRow | None:
    """Return None if recordings are not kept.

    `may_be_input` must be False if the input is sensitive: its audio is then ignored.
    """
    if not policy.keeps_recordings:
        return None
    webhook = delivery.webhook
    if isinstance(webhook, InputWebhook) and not (may_be_input and webhook.speech):
        return None
    url = "" if delivery.problem else recording_url(webhook)
    if not url:
        return None
    at = engine.step_of_wait(session, ref) if session is not None and ref is not None else None
    step = None
    if session is not None and flow is not None and at is not None:
        context = policy.turn_context(delivery.received_at, delivery.base_url)
        step = engine.played_step(flow, session, at, context)
        flow = {"": flow, flow.name: flow, **flow.subs}.get(at[0])
    return _row(delivery, url, session, at or ("", ""), flow=flow, step=step)


def _row(
    delivery: Delivery,
    url: str,
    session: Session | None,
    place: tuple[str, str],
    *,
    flow: Flow | None,
    step: Step | None,
) -> RecordingRow:
    """`place` is ("", "") if unknown, and `step` is there."""
    webhook = delivery.webhook
    call = session.call if session is not None else delivery.call
    row = RecordingRow(
        new_recording_id(),
        _uuid(webhook, url),
        _kind(webhook, step),
        delivery.received_ms,
        session=session.id if session is not None else "",
        conversation=webhook.conversation_uuid or "",
        flow=place[0] or (session.flow if session is not None else ""),
        step=place[1],
        about=about_call(flow, session) if flow is not None and session is not None else "",
        caller_name=name_of_caller(flow, session) if flow is not None and session is not None else "",
        from_number=call.caller,
        to_number=call.to,
        due_at=delivery.received_ms,
    )
    if isinstance(webhook, TranscriptionWebhook):
        return row._replace(transcript_url=url, transcript_state="waiting")
    if isinstance(webhook, RecordWebhook):
        began = _time(webhook.start_time)
        ended = _time(webhook.end_time)
        lasted = ended - began if began is not None and ended is not None else timedelta(-1)
        row = row._replace(
            started_at=milliseconds(began) if began is not None else None,
            duration_ms=int(lasted.total_seconds() * 1000) if timedelta() <= lasted <= _LONGEST else None,
            size=webhook.size if webhook.size is not None and 0 <= webhook.size < _LARGEST else None,
        )
    return row._replace(url=url)


def _kind(webhook: Webhook, step: Step | None) -> RecordingKind:
    """A `record` that stops by itself takes a message."""
    if isinstance(webhook, InputWebhook):
        return "voice-input"
    parts = step.parts if step is not None else ()
    records = [action for part in parts for action in part.actions if action.word == "record"]
    ends_itself = any(not RECORD_ENDS.isdisjoint(record.fields) for record in records)
    is_known = bool(parts) and all(part.actions for part in parts)
    return "record" if ends_itself or not is_known else "conversation"


def about_call(flow: Flow, session: Session) -> str:
    """The text params' values, such as a message's team; "" after a handover."""
    if flow.name != (session.at or session.flow):
        return ""
    given = [name for name, param in flow.params.items() if not param.sensitive and name != CALLER_NAME]
    texts = [value for name in given if isinstance(value := session.variables.get(name), str) and value]
    return ", ".join(texts)[:NAME_LIMIT]


def _uuid(webhook: Webhook, url: str) -> str:
    """Hash the URL if Vonage's ID is missing or invalid."""
    given = getattr(webhook, "recording_uuid", None) or url
    return given if _ID.fullmatch(given) else hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()


def _time(text: str | None) -> datetime | None:
    """None if it is invalid or not in this century."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if 2000 <= found.year < 2100 else None
