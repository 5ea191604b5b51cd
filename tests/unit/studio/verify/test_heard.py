"""What a simulated caller hears, in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

import pytest

from ncco_server.desk.transcript import line_text
from ncco_studio.simulator.scheduler import NoProgress
from ncco_studio.simulator.transcript import CallMoment, Heard, HeardKind
from ncco_studio.verify.played_call import PlayedCall
from ncco_studio.verify.played_lines import Order, heard_line
from tests.support.cases import each_case


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
