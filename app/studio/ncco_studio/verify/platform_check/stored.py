"""What a call's stored webhooks show about the platform: no content, only assumptions' names and values.

Webhooks can be late, repeated or out of order, so a single call proves little: a value needs several calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias

from ncco_server.service.masks import MaskedText, fields_of
from ncco_server.service.told import digits_of
from ncco_server.store import milliseconds
from ncco_server.store.records import Records
from ncco_server.store.rows import Timeline, WebhookRow
from ncco_studio.verify.platform_check.report import Evidence, Ranked, findings_of

Seen: TypeAlias = tuple[str, str]
"""The name of an assumption (`ncco_studio.simulator.assumptions`), and a seen value."""
TOGETHER_MS: Final = 5_000
"""Legs that end within this time ended for the same reason."""
LATE_MS: Final = 30_000
"""Legs that end this far apart did not end together."""
BETWEEN_KEYS_MS: Final = 1_500
"""If the platform sends keys together, then those within this time."""
SETTLED_MS: Final = 120_000
"""So long after a call, all its webhooks have arrived."""
PROMPT_MS: Final = 2_000
"""An event that arrives later may have been overtaken by other webhooks.

If this server's clock is ahead of Vonage's by more, the order of `answered` is never seen.
"""
FEWEST: Final = 5
"""Fewer calls than that decide nothing."""


def evidence_of(seen: Iterable[Seen]) -> tuple[Evidence, ...]:
    """Of each assumption, in order: the value that three quarters of the calls show, if enough calls show any."""
    return findings_of(seen, _is_clear)


def _is_clear(ranked: Ranked) -> bool:
    of = sum(times for _, times in ranked)
    return of >= FEWEST and ranked[0][1] * 4 >= of * 3


class _Received(NamedTuple):
    row: WebhookRow
    fields: Mapping[str, Any]

    @property
    def status(self) -> str:
        return str(self.fields.get("status") or "")

    @property
    def sent_at(self) -> int | None:
        """By the platform's clock, in milliseconds since 1970; None if missing."""
        try:
            return round(datetime.fromisoformat(str(self.fields.get("timestamp"))).timestamp() * 1000)
        except ValueError:
            return None

    @property
    def is_prompt(self) -> bool:
        return self.sent_at is not None and self.row.received_at - self.sent_at <= PROMPT_MS

    @property
    def digits(self) -> str:
        """The pressed keys; "" for none, or if they were stored as a secret."""
        digits = digits_of(self.fields)
        return str(digits) if digits and not isinstance(digits, MaskedText) else ""


async def seen_in(records: Records, most: int, now: datetime) -> tuple[Evidence, ...]:
    """What the newest calls show, at most `most`, without those whose webhooks may still arrive."""
    settled = milliseconds(now) - SETTLED_MS
    seen: list[Seen] = []
    for call in await records.calls(most):
        if call.session.is_over and call.session.updated_at < settled:
            timeline = await records.timeline(call.session.id)
            seen += observations(timeline) if timeline is not None else ()
    return evidence_of(seen)


def observations(timeline: Timeline) -> Iterator[Seen]:
    """What an ended call shows; each assumption at most once."""
    call = _Call(timeline)
    for name, see in _SEES.items():
        value = see(call)
        if value is not None:
            yield name, value


class _Call:
    """A call's webhooks and NCCOs, as the observations need them."""

    def __init__(self, timeline: Timeline) -> None:
        self.leg = timeline.call.session.leg
        seen: set[tuple[str, bytes]] = set()
        self.received: list[_Received] = []
        for row in timeline.webhooks:
            if (row.kind, row.body) not in seen:  # a repeated webhook counts once
                seen.add((row.kind, row.body))
                self.received.append(_Received(row, fields_of(row)))
        self.nccos = {turn.number: _actions(turn.ncco) for turn in timeline.turns}

    def of(self, kind: str) -> list[_Received]:
        """Webhooks of this kind: `input` stands for `input-dtmf` and `input-speech`."""
        return [each for each in self.received if each.row.kind.partition("-")[0] == kind]

    def status(self, status: str, leg: str | None = None) -> _Received | None:
        """A leg's first event with this status; by default, the caller's."""
        wanted = self.leg if leg is None else leg
        return next((each for each in self.received if each.status == status and each.row.leg == wanted), None)

    @property
    def is_placed(self) -> bool | None:
        """Placed by the server; None if no event says so."""
        own = (each.fields for each in self.received if each.row.leg == self.leg)
        direction = next((fields["direction"] for fields in own if "direction" in fields), None)
        return None if direction is None else direction == "outbound"

    def dialled(self) -> Iterator[str]:
        """The legs that `connect` actions have dialled."""
        found = {
            each.row.leg: None for each in self.received if each.status and each.row.leg and each.row.leg != self.leg
        }
        yield from found

    def input_of(self, webhook: _Received) -> Mapping[str, Any] | None:
        """The only input action of a webhook's NCCO."""
        inputs = [each for each in self.nccos.get(webhook.row.turn, ()) if each.get("action") == "input"]
        return inputs[0] if len(inputs) == 1 else None


def _actions(ncco: bytes) -> Sequence[Mapping[str, Any]]:
    try:
        found = json.loads(ncco)
    except ValueError:
        return ()
    return found if isinstance(found, list) else ()


def _answered(call: _Call, *, is_placed: bool) -> str | None:
    asked, event = call.of("answer"), call.status("answered")
    if call.is_placed is not is_placed or not asked or event is None or not event.is_prompt:
        return None
    # An answer webhook is stored after its turn: later than an event that came while a lookup was made.
    first = min((event, asked[0]), key=lambda each: (each.row.received_at, call.received.index(each)))
    return "before" if first is event else "after"


def _completed_after(call: _Call, status: str) -> str | None:
    """Seen at the legs that were dialled."""
    if call.status("completed") is None:
        return None
    for leg in call.dialled():
        if call.status(status, leg) is not None:
            return "not_sent" if call.status("completed", leg) is None else "sent"
    return None


def _apart(one: _Received, other: _Received) -> float:
    """Milliseconds between two webhooks by the platform's clock; infinite if unknown."""
    if one.sent_at is None or other.sent_at is None:
        return float("inf")
    return other.sent_at - one.sent_at


def _of_keys(call: _Call) -> Iterator[tuple[_Received, Mapping[str, Any], Mapping[str, Any]]]:
    """Inputs that take keys only: the webhook, its `dtmf`, and the action's."""
    for webhook in call.of("input"):
        action = call.input_of(webhook)
        keys = webhook.fields.get("dtmf")
        if action is not None and action.get("type") == ["dtmf"] and isinstance(keys, Mapping):
            yield webhook, keys, action.get("dtmf") or {}


def _hash_key(call: _Call) -> str | None:
    for webhook, keys, options in _of_keys(call):
        if not options.get("submitOnHash") or keys.get("timed_out") or not webhook.digits:
            continue
        if webhook.digits.endswith("#"):
            return "included"
        if len(webhook.digits) < int(options.get("maxDigits", 4)):
            return "left_out"
    return None


def _silent_digits(call: _Call) -> str | None:
    for _, keys, _ in _of_keys(call):
        if keys.get("timed_out") and "digits" in keys and not keys["digits"]:
            return "null" if keys["digits"] is None else "empty"
    return None


def _unused_speech(call: _Call) -> str | None:
    return next((speech_in(webhook.fields) for webhook, _, _ in _of_keys(call)), None)


def speech_in(fields: Mapping[str, Any]) -> str:
    """The value of `unused_speech`, by the webhook of an input that takes keys only."""
    speech = fields.get("speech")
    if speech is None:
        return "missing"
    return "error" if isinstance(speech, Mapping) and speech.get("error") else "no_results"


def _asynchronous(call: _Call) -> str | None:
    """One key alone shows nothing; two webhooks do if their keys would have been sent together."""
    single: list[_Received] = []
    for webhook in call.of("input"):
        action = call.input_of(webhook)
        if action is None or action.get("mode") != "asynchronous":
            continue
        if len(webhook.digits) > 1:
            return "together"
        single += [webhook] * len(webhook.digits)
    is_close = any(abs(_apart(one, other)) < BETWEEN_KEYS_MS for one, other in pairwise(single))
    return "one_each" if is_close else None


def _after_connect(call: _Call) -> str | None:
    """Seen if a `notify` follows the only `connect`: it is reached, or the call ends with the called party."""
    ended = call.status("completed")
    for number, ncco in call.nccos.items():
        words = [each.get("action") for each in ncco]
        if words.count("connect") != 1 or "notify" not in words[words.index("connect") :]:
            continue
        for leg in call.dialled():
            left, talked = call.status("completed", leg), call.status("answered", leg)
            if left is None or talked is None or left.fields.get("disconnected_by") == "platform":
                continue
            if any(each.row.turn == number for each in call.of("notify")):
                return "continues"
            is_together = ended is not None and abs(_apart(left, ended)) < TOGETHER_MS
            is_by_platform = ended is not None and ended.fields.get("disconnected_by") == "platform"
            return "ends" if is_together and is_by_platform else None
    return None


def _caller_hangs_up(call: _Call) -> str | None:
    ended = call.status("completed")
    if ended is None or ended.fields.get("disconnected_by") != "user":
        return None
    for leg in call.dialled():
        talked, left = call.status("answered", leg), call.status("completed", leg)
        if talked is None or left is None:
            continue
        apart = _apart(ended, left)
        if abs(apart) < TOGETHER_MS and left.fields.get("disconnected_by") != "user":
            return "ends_both"
        if LATE_MS <= apart < float("inf"):
            return "leaves_called"
    return None


def _on_answer_method(call: _Call) -> str | None:
    asked = call.of("onanswer")
    return asked[0].row.method if asked else None


_SEES: Final = {
    "inbound_answered": lambda call: _answered(call, is_placed=False),
    "outbound_answered": lambda call: _answered(call, is_placed=True),
    "completed_after_timeout": lambda call: _completed_after(call, "timeout"),
    "completed_after_cancelled": lambda call: _completed_after(call, "cancelled"),
    "hash_key": _hash_key,
    "silent_digits": _silent_digits,
    "unused_speech": _unused_speech,
    "keys_while_asynchronous": _asynchronous,
    "after_connect": _after_connect,
    "caller_hangs_up": _caller_hangs_up,
    "on_answer_method": _on_answer_method,
}
VISIBLE: Final = tuple(_SEES)
"""Assumptions that stored webhooks show. `ncco platform-check` asks the others: they concern replies that this server
does not give, and webhooks that it does not store with a call.
"""
