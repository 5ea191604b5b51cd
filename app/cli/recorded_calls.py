"""Recorded calls: their facts, and their timeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

import orjson

from app.ncco.webhooks import FALLBACK_REASONS, unnested
from app.service.calls import LONGEST_CALL_MS
from app.store import CallRow, HookRow, Timeline, TurnRow, WebhookRow

MASKED: Final = "secret:"
"""Starts the token that is stored instead of something sensitive."""

State = Literal["open", "ended", "hung-up", "lost"]


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call.

    Attributes:
        leg: "" when the answer webhook named none, as when a browser opens the URL.
        caller: the number that called, or a user or address; "" when it was not sent. called: likewise.
        state: `ended`: its last words were played, and the leg ended. `hung-up`: the leg ended before. `lost`: its end
            was never reported, or never will be, since it has no leg.
        step: where it is or ended; "" when nothing more could be played.
        began_at, ended_at: milliseconds since 1970; None while it is not known to be over.
        has_failed: a turn of it could not be played as it is written.
        parent: the call whose connect made this leg, "" for one that came in.
    """

    id: str
    leg: str
    conversation: str
    caller: str
    called: str
    flow: str
    revision: str
    state: State
    step: str
    began_at: int
    ended_at: int | None
    turns: int
    has_failed: bool
    parent: str

    def seconds(self, now: int) -> float | None:
        """How long it took, or has taken so far; None for a lost one."""
        if self.state == "lost":
            return None
        return round(((self.ended_at or now) - self.began_at) / 1000, 3)

    def as_json(self, now: int) -> dict[str, Any]:
        """For a program."""
        return {
            "id": self.id,
            "leg": self.leg,
            "conversation": self.conversation,
            "from": self.caller,
            "to": self.called,
            "flow": self.flow,
            "revision": self.revision,
            "state": self.state,
            "step": self.step,
            "failed": self.has_failed,
            "began_at": _json_time(self.began_at),
            "ended_at": _json_time(self.ended_at),
            "seconds": self.seconds(now),
            "turns": self.turns,
            "parent": self.parent or None,
        }


def recorded_call(row: CallRow, now: int) -> RecordedCall:
    """A call at a time in milliseconds since 1970."""
    session = row.session
    state = _document(session.state)
    call = state.get("call", {})
    step, flow = str(state.get("step", "")), str(state.get("at", ""))
    return RecordedCall(
        id=session.id,
        leg=session.leg,
        conversation=session.conversation,
        caller=str(call.get("from_number") or call.get("from_user") or ""),
        called=str(call.get("to", "")),
        flow=session.flow,
        revision=session.revision,
        state=_state(row, is_played=bool(state.get("is_over")), now=now),
        step=f"{flow}.{step}" if flow and step else step,
        began_at=session.created_at,
        ended_at=session.updated_at if session.is_over else None,
        turns=row.turns,
        has_failed=row.has_failed,
        parent=str(state.get("parent", "")),
    )


def _state(row: CallRow, *, is_played: bool, now: int) -> State:
    session = row.session
    if session.is_over:
        return "ended" if is_played else "hung-up"
    if not session.leg or now - session.created_at > LONGEST_CALL_MS:
        return "lost"
    return "open"


def _document(text: bytes) -> Mapping[str, Any]:
    """A JSON object; {} for anything else, so that a damaged row can still be shown."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One webhook of a call.

    Attributes:
        what: what it says, in a few words; "" when its kind says it all.
        fields: what it holds, as it is stored.
        turn: the turn that answered it; None when it does not steer the call.
        is_again: a second delivery of an earlier one.
    """

    webhook: WebhookRow
    what: str
    fields: Mapping[str, Any]
    turn: TurnRow | None
    is_again: bool

    @property
    def trace(self) -> list[dict[str, Any]]:
        """What its turn did and why, line by line."""
        lines: list[dict[str, Any]] = orjson.loads(self.turn.trace) if self.turn is not None else []
        return lines

    @property
    def ncco(self) -> list[dict[str, Any]] | None:
        """What went out; None for an empty reply."""
        if self.turn is None or not self.turn.ncco:
            return None
        actions: list[dict[str, Any]] = orjson.loads(self.turn.ncco)
        return actions

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What its turn had besides the webhook: its time, and the answers of lookups."""
        found: Mapping[str, Any] = orjson.loads(self.turn.inputs) if self.turn is not None else {}
        return found

    @property
    def ms(self) -> float | None:
        """How long its turn took until it could be written; None when that was not measured."""
        us = self.inputs.get("us")
        return None if us is None else us / 1000

    def as_json(self) -> dict[str, Any]:
        """For a program, with the turn that answered the webhook."""
        row, turn = self.webhook, None
        if self.turn is not None:
            turn = {
                "number": self.turn.number,
                "outcome": self.inputs.get("outcome"),
                "ms": self.ms,
                "lookups": self.inputs.get("lookups", {}),
                "why": self.trace,
                "ncco": self.ncco,
            }
        return {
            "at": _json_time(row.received_at),
            "kind": row.kind,
            "told": self.what,
            "status": row.status,
            "wait": {"turn": row.turn, "index": row.wait} if row.wait >= 0 else None,
            "method": row.method,
            "fallback": fallback_reason(self.fields) or None,
            "fields": self.fields,
            "again": self.is_again,
            "turn": turn,
        }


def entries_of(timeline: Timeline) -> Iterator[Entry]:
    """Every webhook of a call, in the order of writing."""
    turns = {turn.webhook: turn for turn in timeline.turns}
    seen: set[tuple[int, int, str]] = set()
    for webhook in timeline.webhooks:
        fields = _fields(webhook)
        delivery = (webhook.turn, webhook.wait, webhook.status)
        is_again = webhook.id not in turns and webhook.wait >= 0 and delivery in seen
        seen.add(delivery)
        # What a second delivery of an input holds is always masked.
        is_masked = is_again and webhook.kind.startswith("input") and MASKED.encode() in webhook.body
        what = "" if is_masked else summary(webhook.kind, fields)
        yield Entry(webhook, what, fields, turns.get(webhook.id), is_again)


def _fields(webhook: WebhookRow) -> Mapping[str, Any]:
    """The fields of a stored webhook: JSON, a query string or a form."""
    try:
        document = orjson.loads(webhook.body)
    except orjson.JSONDecodeError:
        text = webhook.body.decode("utf-8", "replace")
        document = unnested(dict(parse_qsl(text, keep_blank_values=True)))
    return document if isinstance(document, dict) else {}


def summary(kind: str, fields: Mapping[str, Any]) -> str:
    """What a webhook says, in a few words."""
    if "not_kept" in fields:
        return f"not readable: {fields['not_kept']}"
    family = kind.partition("-")[0]
    what = ""
    match family:
        case "input":
            what = _input(fields)
        case "event":
            what = _event(fields)
        case "notify":
            payload = fields.get("payload")
            is_checkpoint = isinstance(payload, dict) and "checkpoint" in payload
            what = f"checkpoint {payload['checkpoint']}" if is_checkpoint and payload is not None else ""
        case "record":
            what = f"a recording of {fields['size']} bytes" if fields.get("size") else ""
        case "error" | "fallback":
            return str(fields.get("reason", ""))
    reason = fallback_reason(fields)
    return ", ".join(part for part in (what, reason and f"by the fallback URL ({reason})") if part)


def fallback_reason(fields: Mapping[str, Any]) -> str:
    """Why a webhook came by the fallback URL; "" for one that did not."""
    reason = str(fields.get("reason") or "no reason")
    return reason if "original_request" in fields or reason in FALLBACK_REASONS else ""


def _input(fields: Mapping[str, Any]) -> str:
    dtmf, speech = fields.get("dtmf"), fields.get("speech")
    digits = dtmf.get("digits") if isinstance(dtmf, dict) else dtmf
    if digits:
        return "pressed keys that are not kept" if str(digits).startswith(MASKED) else f"pressed {digits}"
    if not isinstance(speech, dict):
        return "silence"
    results = [each for each in speech.get("results") or () if isinstance(each, dict)]
    if not results:
        return f"not understood: {speech['error']}" if speech.get("error") else "silence"
    text, confidence = str(results[0].get("text", "")), results[0].get("confidence")
    if text.startswith(MASKED):
        return "said words that are not kept"
    return f'said "{text}"' + (f" (confidence {confidence})" if confidence else "")


def _event(fields: Mapping[str, Any]) -> str:
    parts = [str(fields[name]) for name in ("sub_state", "detail", "reason") if fields.get(name)]
    if fields.get("direction") == "outbound" and fields.get("to"):
        parts.insert(0, f"to {fields['to']}")
    if fields.get("duration"):
        parts.append(f"after {fields['duration']} s")
    return ", ".join(parts)


def hook_document(hook: HookRow) -> dict[str, Any]:
    """A hook that is not sent yet as JSON, without its body and address, which may be secret."""
    return {
        "id": hook.id,
        "hook": hook.name,
        "state": "parked" if hook.is_parked else "waiting",
        "tries": hook.tries,
        "problem": hook.problem,
        "written_at": _json_time(hook.created_at),
        "next_try_at": _json_time(hook.due_at),
    }


def _json_time(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    time = datetime.fromtimestamp(at_ms / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
