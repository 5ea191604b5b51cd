"""The description of what happens in a call."""

from __future__ import annotations

from typing import get_args

from ncco_studio.simulator.transcript import Heard, HeardKind
from ncco_studio.verify.transcript import Order, line_of, sentence_of
from tests.support.cases import each_case


@each_case("kind", get_args(HeardKind))
def test_everything_that_is_heard_has_a_description(kind: HeardKind) -> None:
    heard = Heard(1.0, "leg", kind, "447700900111", 2.0)
    assert line_of(heard).startswith("    1.0 s  ")
    assert sentence_of(heard)


@each_case(
    ("heard", "line", "sentence"),
    [
        (
            Heard(0.0, "leg", "talk", "<speak>Hi\n you</speak>"),
            '    0.0 s  hears     "<speak>Hi you</speak>"',
            "Hi you",
        ),
        (Heard(0.0, "leg", "voice", "Hello"), '    0.0 s  hears     "Hello"', "another party says “Hello”"),
        (Heard(0.0, "leg", "voice", "", 3), "    0.0 s  hears     something, for 3 s", "another party speaks for 3 s"),
        (Heard(0.0, "leg", "spoke", "", 3), "    0.0 s  says      something, for 3 s", "speaks for 3 s"),
        (Heard(0.0, "leg", "joined", "4477"), "    0.0 s  joined by 4477", "4477 joins the call"),
        (Heard(0.0, "leg", "hung up"), "    0.0 s  hangs up", "The caller hangs up."),
    ],
)
def test_a_line_and_a_sentence_say_the_same(heard: Heard, line: str, sentence: str) -> None:
    assert (line, sentence) == (line_of(heard), sentence_of(heard))


def test_a_webhook_is_listed_between_the_callers_input_and_its_effect() -> None:
    order = Order([Heard(0.0, "leg", "talk"), Heard(3.0, "leg", "pressed"), Heard(3.0, "leg", "talk")])
    assert 2 == order.index_at(3.001)
    assert 0 == order.index_at(0.0)
    assert 3 == order.index_at(9.0)
