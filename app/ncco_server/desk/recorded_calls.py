"""The webhooks of recorded calls, as JSON and as text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ncco_server.engine.session import CalledFunction, StoredAnswer
from ncco_server.flow.hours.calendar import ByHand
from ncco_server.ncco import RECORD_ENDS
from ncco_server.ncco.actions import ACTIONS
from ncco_server.service.documents import utc_text
from ncco_server.service.hand_hours import HandHours
from ncco_server.service.masks import (
    encrypted_options,
    fields_of,
    has_token,
    json_object,
    without_marks,
)
from ncco_server.service.phone_numbers import readable
from ncco_server.service.told import fallback_reason, summary
from ncco_server.store import Timeline, TurnRow, WebhookRow, moment_of


def functions_in(inputs: Mapping[str, Any]) -> list[CalledFunction]:
    return [CalledFunction(*each) for each in inputs.get("functions", ())]


def by_hand_in(inputs: Mapping[str, Any]) -> HandHours:
    return {
        (file, name): tuple(ByHand(*each) for each in decided) for (file, name), decided in inputs.get("by_hand", ())
    }


def answers_in(inputs: Mapping[str, Any]) -> list[StoredAnswer]:
    """The answers of lookups, in order. They are stored by name, without the flow, if each was made once."""
    if "answers" in inputs:
        return [StoredAnswer(*each) for each in inputs["answers"]]
    return [StoredAnswer("", name, answer) for name, answer in inputs.get("lookups", {}).items()]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One webhook of a call. `turn` is what it caused, if anything; `is_again`: it repeats an earlier webhook."""

    webhook: WebhookRow
    fields: Mapping[str, Any]
    turn: TurnRow | None
    is_again: bool

    @property
    def inputs(self) -> Mapping[str, Any]:
        inputs: Mapping[str, Any] = without_marks(json_object(self.turn.inputs)) if self.turn is not None else {}
        return inputs

    @property
    def ncco(self) -> Sequence[Mapping[str, Any]] | None:
        """None if it caused none, or if the call continues as before."""
        actions: Sequence[Mapping[str, Any]] | None = orjson.loads(self.turn.ncco or b"null") if self.turn else None
        return actions

    @property
    def functions(self) -> list[CalledFunction]:
        return functions_in(self.inputs)

    @property
    def answers(self) -> list[StoredAnswer]:
        return answers_in(self.inputs)

    @property
    def params(self) -> Mapping[str, str]:
        """Those of an answer URL."""
        return dict(self.inputs.get("params", {}))

    @property
    def document(self) -> dict[str, Any]:
        row = self.webhook
        turn = None
        inputs = self.inputs
        if self.turn is not None:
            turn = {
                "number": self.turn.number,
                "outcome": inputs.get("outcome"),
                "ms": inputs["us"] / 1000 if inputs.get("us") is not None else None,
                "lookups": inputs.get("lookups", {}),
                "functions": [function._asdict() for function in self.functions],
                "why": orjson.loads(self.turn.trace),
                "ncco": self.ncco,
            }
        # Repeats of an input are always masked.
        is_masked = self.is_again and row.kind.startswith("input") and has_token(self.fields)
        return {
            "at": utc_text(moment_of(row.received_at)),
            "kind": row.kind,
            "told": "" if is_masked else summary(row.kind, self.fields),
            "status": row.status,
            "wait": {"turn": row.turn, "index": row.wait} if row.wait >= 0 else None,
            "method": row.method,
            "fallback": fallback_reason(self.fields) or None,
            "fields": self.fields,
            "again": self.is_again,
            "turn": turn,
        }


def entries_of(timeline: Timeline) -> Iterator[TimelineEntry]:
    turns = {turn.webhook: turn for turn in timeline.turns}
    seen: set[tuple[int, int, str]] = set()
    for webhook in timeline.webhooks:
        delivery = (webhook.turn, webhook.wait, webhook.status)
        is_again = webhook.id not in turns and webhook.wait >= 0 and delivery in seen
        seen.add(delivery)
        yield TimelineEntry(webhook, fields_of(webhook), turns.get(webhook.id), is_again)


def number_text(number: str, line: str) -> str:
    """People get it as they write it, programs its digits."""
    return readable(number, line) if sys.stdout.isatty() else number


def action_words(action: Mapping[str, Any]) -> str:
    """What matters of an action, without its name."""
    name = action.get("action")
    known = ACTIONS.get(str(name))
    main = known.main if known is not None else ""
    value = action.get(main)
    words = "" if value is None else json.dumps(value, ensure_ascii=False)
    if main in encrypted_options(action):
        words = "(not stored)"
    match name:
        case "connect":
            endpoints = (each for each in action.get("endpoint") or () if isinstance(each, dict))
            words = ", ".join(f"{endpoint.get('type', '')} {_address(endpoint)}".strip() for endpoint in endpoints)
            words += f", for {action['timeout']} s" if "timeout" in action else ""
        case "input":
            most = (action.get("dtmf") or {}).get("maxDigits")
            words = " or ".join(str(kind) for kind in action.get("type") or ())
            words += f", up to {most} digits" if most and most > 1 else ""
        case "record":
            words = ", ".join(f"{name} {action[name]}" for name in RECORD_ENDS if name in action)
    return words


def _address(endpoint: Mapping[str, Any]) -> str:
    names = ("number", "uri", "user", "extension", "domain")
    return next((str(endpoint[name]) for name in names if endpoint.get(name)), "")
