"""What a caller hears of an NCCO and for how long: sound, silence, and when somebody is rung.

How long speech lasts is estimated as the simulator does. The caller speaks into a recording, and hears it ring while
somebody is dialled, so neither is silence; waiting for an answer is, as long as the `input` listens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from app.simulator.durations import Durations, is_spoken, longest_pause

DURATIONS: Final = Durations()
ENDLESS: Final = float("inf")
_KEYS_S: Final = 3.0
"""Source: NCCO reference, DTMF Input Settings (timeOut)."""
_SPEECH_S: Final = 10.0
"""Source: NCCO reference, Speech Recognition Settings (startTimeout)."""
_WAIT_S: Final = 10.0
"""Source: NCCO reference, Wait (timeout)."""
RINGS_S: Final = 20.0
"""How long it is taken to ring before nobody answers, where the connect does not say."""
_SOUNDS: Final = frozenset({"record", "connect", "transfer"})


class Listened(NamedTuple):
    """What a turn sounds like, in seconds.

    Attributes:
        lead: silence before the first sound; all of it when there is none.
        longest: the longest silence between two sounds.
        last: silence behind the last sound.
        prompt: until the caller can answer or somebody is rung, or to the end.
        listens: how long an `input` waits for an answer; 0 without one.
        rings: how long somebody is rung; 0 for nobody.
        person: when somebody is rung; None for nobody.
        is_heard: whether there is any sound.
        is_caught: whether anything is heard when the answer to the `input` gets lost, or without one, what a `notify`
            tells.
        is_endless: whether something is played for ever that no answer can cut short.
    """

    lead: float
    longest: float
    last: float
    prompt: float
    listens: float
    rings: float
    person: float | None
    is_heard: bool
    is_caught: bool
    is_endless: bool = False


CONVERSATION: Final = Listened(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None, True, True)
"""A conversation."""


class _Sounds:
    """Listens to an NCCO, action by action."""

    def __init__(self) -> None:
        self.at = 0.0
        self.quiet = 0.0
        self.lead = 0.0
        self.longest = 0.0
        self.is_heard = False

    def sound(self, seconds: float) -> None:
        """Something is heard."""
        if not self.is_heard:
            self.lead, self.is_heard = self.quiet, True
        else:
            self.longest = max(self.longest, self.quiet)
        self.quiet = 0.0
        self.at += 0.0 if seconds == ENDLESS else seconds

    def silence(self, seconds: float) -> None:
        """Nothing is heard."""
        self.quiet += seconds
        self.at += 0.0 if seconds == ENDLESS else seconds


def listen(ncco: list[dict[str, Any]]) -> Listened:
    """What a caller hears of an NCCO."""
    sounds = _Sounds()
    listens, rings, person, caught = 0.0, 0.0, None, True
    for number, action in enumerate(ncco):
        word = action["action"]
        if word == "input" and action.get("mode") != "asynchronous":
            listens = _listens(action)
            caught = any(each["action"] in ("talk", "stream", "connect") for each in ncco[number + 1 :])
            break
        if word == "connect" and person is None:
            person, rings = sounds.at, float(action.get("timeout", RINGS_S))
        _hear(sounds, action)
    if not listens and not sounds.is_heard:
        caught = not any(each["action"] == "notify" for each in ncco)
    prompt = sounds.at if person is None else person
    sounds.silence(listens)
    lead, last = (sounds.lead, sounds.quiet) if sounds.is_heard else (sounds.quiet, sounds.quiet)
    endless = _is_endless(ncco)
    return Listened(lead, sounds.longest, last, prompt, listens, rings, person, sounds.is_heard, caught, endless)


def _is_endless(ncco: list[dict[str, Any]]) -> bool:
    """Source: NCCO reference, Talk and Stream (loop, bargeIn)."""
    for number, action in enumerate(ncco):
        if action["action"] in ("talk", "stream") and _loop(action) == ENDLESS:
            asked = any(each["action"] == "input" for each in ncco[number + 1 :])
            return not (asked and str(action.get("bargeIn", "")).lower() == "true")
    return False


def _hear(sounds: _Sounds, action: Mapping[str, Any]) -> None:
    match action["action"]:
        case "talk":
            text, loop = str(action["text"]), _loop(action)
            seconds = DURATIONS.talk(text, str(action.get("language", "en-US"))) * loop
            if not is_spoken(text):
                sounds.silence(seconds if text else 0.0)
                return
            sounds.sound(seconds)
            sounds.longest = max(sounds.longest, longest_pause(text))
        case "stream":
            sounds.sound(DURATIONS.stream(str(action["streamUrl"][0])) * _loop(action))
        case "wait":
            sounds.silence(float(action.get("timeout", _WAIT_S)))
        case "conversation":
            waits = str(action.get("startOnEnter", "true")).lower() == "false"
            if waits and "musicOnHoldUrl" not in action:
                sounds.silence(ENDLESS)
            else:
                sounds.sound(0.0)
        case word if word in _SOUNDS:
            sounds.sound(0.0)
        case _:
            pass


def _loop(action: Mapping[str, Any]) -> float:
    """How often it is played. Source: NCCO reference, Talk and Stream (loop: 0 is for ever)."""
    return float(action.get("loop", 1)) or ENDLESS


def _listens(action: Mapping[str, Any]) -> float:
    keys = float((action.get("dtmf") or {}).get("timeOut", _KEYS_S)) if "dtmf" in action["type"] else 0.0
    speech = float((action.get("speech") or {}).get("startTimeout", _SPEECH_S)) if "speech" in action["type"] else 0.0
    return max(keys, speech)
