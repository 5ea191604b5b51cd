"""Parties that are dialled, as a script has them."""

from __future__ import annotations

from typing import Final

from app.simulator import Behaviour, Keys, Parties, Silence, Words
from app.simulator.parties import Act, Outcome
from app.verify.scenarios import model
from app.verify.scenarios.model import ScriptStep

UNSCRIPTED: Final = Behaviour("completed")
"""What comes of a dial when the script has no line for it any more."""


def scripted_dials(script: tuple[ScriptStep, ...]) -> int:
    """How many lines for a dial a script has."""
    return sum(isinstance(step, model.Dial) for step in script)


def parties_of(scripted: int) -> Parties:
    """Parties that wait for the script while it has a line for a dial, and answer by themselves without one."""
    return Parties(other=None if scripted else UNSCRIPTED)


def behaviour_of(step: model.Dial) -> Behaviour:
    """What a called party does."""
    acts = tuple(map(_act, step.presses))
    outcome: Outcome = step.outcome  # type: ignore[assignment]  # it was read as one of them
    return Behaviour(outcome, step.rings, step.talks, step.hangs_up_first, acts)


def _act(does: str | model.Said) -> Act:
    """What it does where it is asked once."""
    if isinstance(does, model.Said):
        return Words(does.text, does.confidence)
    return Keys(does) if does else Silence()


def plain_address(address: str) -> str:
    """A number or URI as it is compared."""
    return address.removeprefix("+").replace(" ", "").lower()
