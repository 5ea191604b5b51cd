"""What of a stored NCCO was heard, by the webhooks that came after it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import orjson

from ncco_server.desk.heard import sent_in
from ncco_server.store import CallRow, Timeline, moment_of
from tests.support.cases import each_case
from tests.support.stored_rows import NOON_MS, session_row, turn_row, webhook_row

VOICEMAIL: Final[list[dict[str, Any]]] = [
    {"action": "talk", "text": " ".join(["You have reached Bright Windows, and nobody can take your call."] * 4)},
    {"action": "record", "endOnSilence": 3},
    {"action": "talk", "text": "Thank you for your message."},
]
MENU: Final[list[dict[str, Any]]] = [
    {"action": "talk", "text": "Welcome to Bright Windows.", "bargeIn": True},
    {"action": "talk", "text": " ".join(["For bicycles, press 1."] * 10), "bargeIn": True},
    {"action": "input", "type": ["dtmf"]},
    {"action": "talk", "text": "Sorry, we have a problem."},
]
ENDED: Final = "event-completed"


def stamped(second: float) -> dict[str, str]:
    return {"timestamp": (moment_of(NOON_MS) + timedelta(seconds=second)).isoformat()}


def keys(digits: str | None) -> dict[str, Any]:
    return {"dtmf": {"digits": digits, "timed_out": not digits}}


CASES: Final[dict[str, tuple[list[dict[str, Any]], list[tuple[str, float, dict[str, Any]]], str]]] = {
    "hung up in the greeting": (VOICEMAIL, [(ENDED, 5, {})], "cut not not"),
    "the end is reported a minute late": (VOICEMAIL, [(ENDED, 65, stamped(5))], "begun unsure unsure"),
    "our clock is ahead": (VOICEMAIL, [(ENDED, 5, stamped(-95))], "unsure not not"),
    "our clock is behind": (VOICEMAIL, [(ENDED, 5, stamped(105))], "cut not not"),
    "the end is never reported": (VOICEMAIL, [], "unsure unsure unsure"),
    "Vonage refuses the NCCO": (VOICEMAIL, [("error", 1, {}), (ENDED, 60, {})], "unsure unsure unsure"),
    "a message is left": (VOICEMAIL, [("record", 40, {}), (ENDED, 50, {})], "heard heard heard"),
    "hung up in the message": (VOICEMAIL, [("record", 40, {}), (ENDED, 40, {})], "heard heard not"),
    "the recording is reported after the end": (VOICEMAIL, [(ENDED, 40, {}), ("record", 41, {})], "heard heard not"),
    "hung up in the menu": (MENU, [(ENDED, 8, {})], "heard cut unsure unsure"),
    "a key interrupts the menu": (MENU, [("input-dtmf", 8, keys("1"))], "heard cut heard not"),
    "nothing is pressed": (MENU, [("input-dtmf", 60, keys(None))], "heard heard heard not"),
}


@each_case("name", CASES)
def test_only_what_was_certainly_heard_is_called_heard(name: str) -> None:
    ncco, came, expected = CASES[name]
    webhooks = [webhook_row(kind="answer", id="webhook leg-1 0")]
    turns = [turn_row(ncco=orjson.dumps(ncco), created_at=NOON_MS, trace=b"[]")]
    for kind, second, fields in came:
        is_wait = kind.startswith(("record", "input"))
        row = webhook_row(turn=0 if is_wait else -1, wait=0 if is_wait else -1, kind=kind, body=orjson.dumps(fields))
        webhooks.append(row._replace(id=kind, received_at=NOON_MS + round(second * 1000)))
        if kind.startswith("input"):
            turns.append(turn_row(number=1, ncco=b"[]", webhook=kind, created_at=webhooks[-1].received_at, trace=b"[]"))
    timeline = Timeline(CallRow(1, session_row(), len(turns), has_failed=False), tuple(webhooks), tuple(turns), ())

    assert expected == " ".join(each.hearing for each in sent_in(timeline, NOON_MS + 3_600_000)[0])
