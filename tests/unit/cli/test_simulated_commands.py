"""What a person types in a simulated call."""

from __future__ import annotations

import pytest

from app.cli.simulate.commands import Mistake, read_piece
from app.simulator import CallMoment, Waited
from app.verify.scenarios.script import SpeakStep


def listening() -> CallMoment:
    return CallMoment(3.0, "input", Waited("input", {"action": "input", "type": ["speech"]}, frozenset({"speech"})))


@pytest.mark.parametrize("typed", ["sya order", "yas sales", "pres 1", "rceord 5", "wiat 5"])
def test_a_mistyped_command_is_not_spoken(typed: str) -> None:
    with pytest.raises(Mistake):
        read_piece(typed, listening())


@pytest.mark.parametrize("typed", ["order", "a dozen roses", '"sya order"'])
def test_other_words_are_spoken(typed: str) -> None:
    assert isinstance(read_piece(typed, listening()), SpeakStep)
