"""What a caller hears of an NCCO and for how long: sound, silence, and when somebody is rung.

How long speech lasts is estimated as the simulator does. The caller speaks into a recording, and hears it ring while
somebody is dialled, so neither is silence; waiting for an answer is, as long as the `input` listens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
        is_caught: whether anything is heard when the answer to the `input` gets lost, or without one, that to a
            `notify`.
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


class _Sound(NamedTuple):
    """What is heard for some seconds, or nothing; `pause`: the longest silence within."""

    seconds: float
    is_heard: bool = True
    pause: float = 0.0


def listen(ncco: list[dict[str, Any]]) -> Listened:
    """What a caller hears of an NCCO."""
    sounds: list[_Sound] = []
    listens, rings, person = 0.0, 0.0, None
    caught = not any(action["action"] == "notify" for action in ncco)
    for number, action in enumerate(ncco):
        word = action["action"]
        if word == "input" and action.get("mode") != "asynchronous":
            listens = _listens(action)
            caught = any(each["action"] in ("talk", "stream", "connect") for each in ncco[number + 1 :])
            break
        if word == "connect" and person is None:
            person, rings = _lasts(sounds), float(action.get("timeout", RINGS_S))
        sounds += _sounds(action)
    is_heard = any(sound.is_heard for sound in sounds)
    prompt = _lasts(sounds) if person is None else person
    silences = [0.0]
    for sound in (*sounds, _Sound(listens, is_heard=False)):
        silences += [sound.pause, 0.0] if sound.is_heard else []
        silences[-1] += 0.0 if sound.is_heard else sound.seconds
    lead, last = silences[0], silences[-1]
    longest = max(silences[1:-1], default=0.0)
    is_caught = caught or (is_heard and not listens)
    return Listened(lead, longest, last, prompt, listens, rings, person, is_heard, is_caught, _is_endless(ncco))


def _lasts(sounds: Iterable[_Sound]) -> float:
    return sum(sound.seconds for sound in sounds if sound.seconds != ENDLESS)


def _is_endless(ncco: list[dict[str, Any]]) -> bool:
    """Source: NCCO reference, Talk and Stream (loop, bargeIn)."""
    for number, action in enumerate(ncco):
        if action["action"] in ("talk", "stream") and _loop(action) == ENDLESS:
            asked = any(each["action"] == "input" for each in ncco[number + 1 :])
            return not (asked and str(action.get("bargeIn", "")).lower() == "true")
    return False


def _sounds(action: Mapping[str, Any]) -> Iterator[_Sound]:
    match action["action"]:
        case "talk":
            text = str(action["text"])
            seconds = DURATIONS.talk(text, str(action.get("language", "en-US"))) * _loop(action)
            yield _Sound(seconds if text else 0.0, is_spoken(text), longest_pause(text))
        case "stream":
            yield _Sound(DURATIONS.stream(str(action["streamUrl"][0])) * _loop(action))
        case "wait":
            yield _Sound(float(action.get("timeout", _WAIT_S)), is_heard=False)
        case "conversation":
            waits = str(action.get("startOnEnter", "true")).lower() == "false"
            yield _Sound(ENDLESS, is_heard=not waits or "musicOnHoldUrl" in action)
        case "record" | "connect" | "transfer":
            yield _Sound(0.0)


def _loop(action: Mapping[str, Any]) -> float:
    """How often it is played. Source: NCCO reference, Talk and Stream (loop: 0 is for ever)."""
    return float(action.get("loop", 1)) or ENDLESS


def _listens(action: Mapping[str, Any]) -> float:
    keys = float((action.get("dtmf") or {}).get("timeOut", _KEYS_S)) if "dtmf" in action["type"] else 0.0
    speech = float((action.get("speech") or {}).get("startTimeout", _SPEECH_S)) if "speech" in action["type"] else 0.0
    return max(keys, speech)
