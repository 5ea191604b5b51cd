"""What stored webhooks report, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ncco_server.ncco.webhooks import FALLBACK_REASONS
from ncco_server.service.masks import MaskedText, fields_of
from ncco_server.store import WebhookRow


def told_by(webhook: WebhookRow) -> str:
    return summary(webhook.kind, fields_of(webhook))


def summary(kind: str, fields: Mapping[str, Any]) -> str:
    """Return "" if there is nothing to add to its kind."""
    if "not_kept" in fields:
        return f"not readable: {fields['not_kept']}"
    what = ""
    payload = fields.get("payload")
    match kind.partition("-")[0]:
        case "error" | "fallback":
            return str(fields.get("reason", ""))
        case "input":
            what = _input(fields)
        case "event":
            what = _event(fields)
        case "agent" | "said":
            return _of_agent(fields)
        case "notify" if isinstance(payload, dict) and "checkpoint" in payload:
            what = f"checkpoint {payload['checkpoint']}"
        case "lost":
            what = "its end was never reported; it counts as over"
            what += f"; Vonage says that it took {fields['duration']} s" if fields.get("duration") else ""
        case "record" if fields.get("size"):
            what = f"a recording of {fields['size']} bytes"
        case "transcription" if not fields.get("transcription_url"):
            what = "it failed"
    reason = fallback_reason(fields)
    return ", ".join(part for part in (what, reason and f"by the fallback URL ({reason})") if part)


def fallback_reason(fields: Mapping[str, Any]) -> str:
    reason = str(fields.get("reason") or "no reason")
    return reason if "original_request" in fields or reason in FALLBACK_REASONS else ""


def digits_of(fields: Mapping[str, Any]) -> Any:
    dtmf = fields.get("dtmf")
    return dtmf.get("digits") if isinstance(dtmf, dict) else dtmf


def _best_result(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    speech = fields.get("speech")
    results = (speech.get("results") or ()) if isinstance(speech, dict) else ()
    return next((each for each in results if isinstance(each, dict)), None)


class Given(NamedTuple):
    """What a caller did: the verb (`presses`, `says`, `speaks` or `is silent`), the keys or words, and a remark."""

    verb: str
    text: str = ""
    note: str = ""


def given_in(fields: Mapping[str, Any]) -> Given:
    """Read an `input` webhook. The words of `speaks` are not known."""
    digits = digits_of(fields)
    if digits:
        return Given("presses", "keys (not stored)" if isinstance(digits, MaskedText) else str(digits))
    best = _best_result(fields)
    if best is None:
        speech = fields.get("speech")
        error = speech.get("error") if isinstance(speech, dict) else ""
        return Given("is silent", note=f"not understood: {error}" if error else "")
    text = best.get("text", "")
    confidence = best.get("confidence")
    if isinstance(text, MaskedText):
        return Given("speaks", "words (not stored)")
    return Given("says", str(text), f"confidence {confidence}" if confidence else "")


def _input(fields: Mapping[str, Any]) -> str:
    verb, text, note = given_in(fields)
    match verb:
        case "presses":
            return f"pressed {text}"
        case "speaks":
            return f"said {text}"
        case "says":
            return f'said "{text}"' + (f" ({note})" if note else "")
    return note or "silence"


def _of_agent(fields: Mapping[str, Any]) -> str:
    if "who" in fields:
        return f"{fields['who']}: {fields.get('text')}"
    given = {name: value for name, value in (fields.get("values") or {}).items() if value not in ("", None)}
    return f"handed back {fields.get('outcome')}" + (f" with {json.dumps(given, ensure_ascii=False)}" if given else "")


def _event(fields: Mapping[str, Any]) -> str:
    parts = [str(fields[name]) for name in ("sub_state", "detail", "reason") if fields.get(name)]
    if fields.get("direction") == "outbound" and fields.get("to"):
        parts.insert(0, f"to {fields['to']}")
    if fields.get("duration"):
        parts.append(f"after {fields['duration']} s")
    return ", ".join(parts)
