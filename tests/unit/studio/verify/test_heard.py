"""What was heard in a call, by the webhooks that came after each stored NCCO; and the call in words."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final, get_args

import orjson
import pytest

from ncco_server.desk.heard import sent_in
from ncco_server.desk.transcript import line_text
from ncco_server.store import CallRow, Timeline, moment_of
from ncco_studio.simulator.scheduler import NoProgress
from ncco_studio.simulator.transcript import CallMoment, Heard, HeardKind
from ncco_studio.verify.played_call import PlayedCall
from ncco_studio.verify.played_lines import Order, heard_line
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


@each_case("kind", get_args(HeardKind))
def test_everything_that_is_heard_has_a_description(kind: HeardKind) -> None:
    heard = Heard(1.0, "leg", kind, "447700900111", 2.0)
    assert line_text(heard_line(heard)).startswith("    1.0 s  ")
    assert heard_line(heard).sentence


@each_case(
    ("heard", "line", "sentence"),
    [
        (Heard(0.0, "leg", "talk", "<speak>A\n b</speak>"), '    0.0 s  hears     "A b"', "A b"),
        (Heard(0.0, "leg", "talk", "Hi", 2.0, is_cut=True), '    0.0 s  hears     "Hi" (cut short after 2.0 s)', "Hi"),
        (
            Heard(1.0, "leg", "stream", "https://a.test/b"),
            "    1.0 s  hears     audio https://a.test/b",
            "audio https://a.test/b",
        ),
        (Heard(0.0, "leg", "beep", seconds=0.5), "    0.0 s  hears     a beep", "a beep"),
        (Heard(0.0, "leg", "spoke", "sales"), '    0.0 s  says      "sales"', "sales"),
        (Heard(0.0, "leg", "ended"), "    0.0 s  is over", "The call is over."),
        (Heard(0.0, "leg", "voice", "Hello"), "    0.0 s  hears     another party: “Hello”", "another party: “Hello”"),
        (Heard(0.0, "leg", "voice", "", 3), "    0.0 s  hears     another party for 3 s", "another party for 3 s"),
        (Heard(0.0, "leg", "spoke", "", 3), "    0.0 s  speaks    for 3 s", "speaks for 3 s"),
        (Heard(0.0, "leg", "joined", "4477"), "    0.0 s  joined by 4477", "4477 joins the call"),
        (Heard(0.0, "leg", "hung up"), "    0.0 s  hangs up", "The caller hangs up."),
    ],
)
def test_a_line_and_a_sentence_say_the_same(heard: Heard, line: str, sentence: str) -> None:
    assert (line, sentence) == (line_text(heard_line(heard)), heard_line(heard).sentence)


def test_a_webhook_is_listed_between_the_callers_input_and_its_effect() -> None:
    order = Order([Heard(0.0, "leg", "talk"), Heard(3.0, "leg", "pressed"), Heard(3.0, "leg", "talk")])
    assert 2 == order.index_at(3.001)
    assert 0 == order.index_at(0.0)
    assert 3 == order.index_at(9.0)


class StoppedLeg:
    """A leg whose clock stands still although an event is always pending."""

    at = 12.0
    zero_ms = 0
    is_over = False
    heard_count = 0
    log = ()
    waited = None
    scheduler = SimpleNamespace(next_moment=lambda: 12_000)

    async def listen(self, **_: float) -> CallMoment:
        return CallMoment(self.at, "idle")


@pytest.mark.parametrize("play", [lambda call: call.reach(60.0), lambda call: call.play_to_wait(60.0)])
async def test_a_stuck_call_is_an_error_that_names_the_second(play: Any) -> None:
    placed: Any = SimpleNamespace(leg=StoppedLeg(), turns=[])
    with pytest.raises(NoProgress, match=r"^the call does not continue past 12\.000 s: nothing more happens in it"):
        await play(PlayedCall(placed))
