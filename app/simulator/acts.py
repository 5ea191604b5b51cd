"""What parties do: press keys, speak, hang up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from app.simulator.kernel import Steps, first_of, pause
from app.simulator.leg import Leg
from app.simulator.mailbox import Key, Speech
from app.simulator.parties import ENDLESS, Behaviour, HangUp, Keys, Words
from app.simulator.platform import Platform
from app.simulator.transcript import Heard

BETWEEN_KEYS_S: Final = 0.25
"""How fast people press keys; our estimate."""


def press(leg: Leg, digits: str) -> Steps[None]:
    """Press keys one after another."""
    for index, digit in enumerate(digits):
        if index:
            yield from pause(BETWEEN_KEYS_S)
        leg.hears(Heard(0, "", "pressed", digit))
        leg.does(Key(digit))


def speak(leg: Leg, seconds: float, results: Sequence[Mapping[str, str]], error: str = "") -> Steps[None]:
    """Say something; `results` is what the recogniser makes of it, best first."""
    text = results[0]["text"] if results else ""
    leg.hears(Heard(0, "", "spoke", text, seconds))
    leg.room.carry(leg, text, seconds)
    leg.does(Speech(seconds, tuple(results), error))
    yield from pause(seconds)


def follow(platform: Platform, leg: Leg, behaviour: Behaviour) -> Steps[None]:
    """What a called party does while an NCCO of its own is played; at last it hangs up, unless it is joined before."""
    for act in behaviour.script:
        while leg.waited is None:
            yield from first_of(leg.waits)
        if isinstance(act, Keys):
            yield from press(leg, act.digits)
        elif isinstance(act, Words):
            seconds = platform.durations.speech(act.text)
            yield from speak(leg, seconds, [{"text": act.text, "confidence": str(act.confidence)}])
        elif isinstance(act, HangUp):
            platform.end(leg, "user")
        else:
            leg.waited = None
    yield from first_of(within=None if behaviour.talks_s == ENDLESS else behaviour.talks_s)
    platform.end(leg, "user")
