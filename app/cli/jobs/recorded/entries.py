"""The timeline of a call: what came in, what it was taken for, what went out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from app.ncco.webhooks import FALLBACK_REASONS, unnested
from app.store import Timeline, TurnRow, WebhookRow

MASKED: Final = "secret:"
"""How the token begins that is written in place of what is sensitive."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One webhook of a call.

    Attributes:
        what: what it says, in a few words; "" when its kind says it all.
        fields: what it holds, as it is stored.
        turn: the turn that answered it; None for one that steers nothing.
        is_again: a second delivery of one before it.
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
    def ms(self) -> float | None:
        """How long its turn took, from the whole webhook until it could be written; None when nobody measured."""
        us = self.inputs.get("us")
        return None if us is None else us / 1000

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What its turn had besides the webhook: its time, what look-ups answered."""
        found: Mapping[str, Any] = orjson.loads(self.turn.inputs) if self.turn is not None else {}
        return found


def entries_of(timeline: Timeline) -> Iterator[Entry]:
    """Every webhook of a call, in the order of writing."""
    turns = {turn.webhook: turn for turn in timeline.turns}
    seen: set[tuple[int, int, str]] = set()
    for webhook in timeline.webhooks:
        fields = _fields(webhook)
        delivery = (webhook.turn, webhook.wait, webhook.status)
        is_first = webhook.id in turns or webhook.wait < 0 or delivery not in seen
        seen.add(delivery)
        yield Entry(webhook, told(webhook.kind, fields), fields, turns.get(webhook.id), not is_first)


def _fields(webhook: WebhookRow) -> Mapping[str, Any]:
    """The fields of a stored webhook: JSON, or a query string or a form."""
    try:
        document = orjson.loads(webhook.body)
    except orjson.JSONDecodeError:
        text = webhook.body.decode("utf-8", "replace")
        document = unnested(dict(parse_qsl(text, keep_blank_values=True)))
    return document if isinstance(document, dict) else {}


def told(kind: str, fields: Mapping[str, Any]) -> str:
    """What a webhook says, in a few words."""
    if "not_kept" in fields:
        return f"not readable: {fields['not_kept']}"
    family = kind.partition("-")[0]
    tell = _TELL.get(family)
    what = tell(fields) if tell is not None else ""
    why = "" if family in ("fallback", "error") else fallback_reason(fields)
    return ", ".join(part for part in (what, why and f"by the fallback URL ({why})") if part)


def fallback_reason(fields: Mapping[str, Any]) -> str:
    """Why a webhook has come by the fallback URL; "" for one that has not. A sensitive one keeps nothing but that."""
    reason = str(fields.get("reason") or "no reason")
    return reason if "original_request" in fields or reason in FALLBACK_REASONS else ""


def _checkpoint(fields: Mapping[str, Any]) -> str:
    payload = fields.get("payload")
    return f"checkpoint {payload['checkpoint']}" if isinstance(payload, dict) and "checkpoint" in payload else ""


def _reason(fields: Mapping[str, Any]) -> str:
    return str(fields.get("reason", ""))


def _recording(fields: Mapping[str, Any]) -> str:
    return f"a recording of {fields['size']} bytes" if fields.get("size") else ""


def _event(fields: Mapping[str, Any]) -> str:
    parts = [str(fields[name]) for name in ("sub_state", "detail", "reason") if fields.get(name)]
    if fields.get("direction") == "outbound" and fields.get("to"):
        parts.insert(0, f"to {fields['to']}")
    if fields.get("duration"):
        parts.append(f"after {fields['duration']} s")
    return ", ".join(parts)


def _heard(fields: Mapping[str, Any]) -> str:
    dtmf, speech = fields.get("dtmf"), fields.get("speech")
    digits = dtmf.get("digits") if isinstance(dtmf, dict) else dtmf
    if digits:
        return "pressed keys that are not kept" if str(digits).startswith(MASKED) else f"pressed {digits}"
    if not isinstance(speech, dict):
        return "silence"
    results = [each for each in speech.get("results") or () if isinstance(each, dict)]
    if results:
        text = str(results[0].get("text", ""))
        return "said words that are not kept" if text.startswith(MASKED) else f'said "{text}"{_sure(results[0])}'
    return f"not understood: {speech['error']}" if speech.get("error") else "silence"


def _sure(result: Mapping[str, Any]) -> str:
    return f" (confidence {result['confidence']})" if result.get("confidence") else ""


_TELL: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "input": _heard,
    "event": _event,
    "notify": _checkpoint,
    "error": _reason,
    "fallback": _reason,
    "record": _recording,
}
