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
from ncco_server.service.written_rows import CALLER_NAME, NAME_LIMIT, name_of_caller
from ncco_server.store import RecordingKind, RecordingRow, milliseconds

_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_LARGEST: Final = 1 << 50
_URL_LIMIT: Final = 2_000
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
    url = _url(webhook)
    if not url or (isinstance(webhook, InputWebhook) and not may_be_input):
        return None
    row = _row(delivery, url)
    if session is None or ref is None:
        return row
    at = engine.step_of_wait(session, ref) or ("", "")
    name, step = at
    call = session.call
    row = row._replace(
        session=session.id, flow=name or session.flow, step=step, from_number=call.caller, to_number=call.to
    )
    if flow is None:
        return row
    context = policy.turn_context(delivery.received_at, delivery.base_url)
    own = flow.named(name)
    return row._replace(
        kind=row.kind if row.kind == "voice-input" else _kind(engine.played_step(flow, session, at, context)),
        about=about_call(own, session),
        caller_name=name_of_caller(own, session),
    )


def _url(webhook: Webhook) -> str:
    """Return "" if the webhook announces nothing."""
    match webhook:
        case TranscriptionWebhook():
            url = webhook.transcription_url
        case RecordWebhook() | InputWebhook():
            url = webhook.recording_url
        case _:
            url = None
    return url if url and len(url) <= _URL_LIMIT else ""


def _row(delivery: Delivery, url: str) -> RecordingRow:
    webhook = delivery.webhook
    row = RecordingRow(
        new_recording_id(),
        _uuid(webhook, url),
        "voice-input" if isinstance(webhook, InputWebhook) else "record",
        delivery.received_ms,
        conversation=delivery.call.conversation_uuid,
        from_number=delivery.call.caller,
        to_number=delivery.call.to,
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


def _kind(step: Step | None) -> RecordingKind:
    """A `record` that stops by itself takes a message, and so does what may be one."""
    parts = step.parts if step is not None else ()
    records = [action for part in parts for action in part.actions if action.word == "record"]
    ends_itself = any(not record.fields.keys().isdisjoint(RECORD_ENDS) for record in records)
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
