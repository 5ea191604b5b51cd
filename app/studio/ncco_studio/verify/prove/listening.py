"""The audio of an NCCO as a caller hears it: sound, silence, and when a phone starts to ring.

The simulator estimates the duration of speech. Waiting for input counts as silence, recording and ringing do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ncco_server.ncco.durations import Durations, is_spoken, longest_pause
from ncco_studio.simulator.parties import ENDLESS

DURATIONS: Final = Durations()
_KEYS_S: Final = 3.0
"""Source: NCCO reference, DTMF Input Settings (timeOut)."""
_SPEECH_S: Final = 10.0
"""Source: NCCO reference, Speech Recognition (startTimeout)."""
_WAIT_S: Final = 10.0
"""Source: NCCO reference, Wait (timeout)."""


class TurnAudio(NamedTuple):
    """The audio of a turn, as durations in seconds.

    Attributes:
        lead_silence_s: before the first sound; the whole duration if there is none.
        longest_silence_s: between two sounds.
        trailing_silence_s: after the last sound.
        prompt_s: the time until the caller can answer, a phone rings, or the NCCO ends.
        input_s: how long the `input` waits; 0 without an `input`.
        survives_loss: whether the caller hears something if the reply to the `input` or, without one, to a `notify` is
            lost.
        is_endless: a prompt repeats forever and cannot be interrupted.
    """

    lead_silence_s: float
    longest_silence_s: float
    trailing_silence_s: float
    prompt_s: float
    input_s: float
    is_heard: bool
    survives_loss: bool
    is_endless: bool = False


CONVERSATION: Final = TurnAudio(0.0, 0.0, 0.0, 0.0, 0.0, True, True)


class _Sound(NamedTuple):
    """A period of sound or silence. `pause`: seconds of the longest silence in the sound."""

    seconds: float
    is_heard: bool = True
    pause: float = 0.0


def listen(ncco: Sequence[Mapping[str, Any]]) -> TurnAudio:
    """Stop at the first synchronous `input`."""
    sounds: list[_Sound] = []
    listens = 0.0
    person = None
    caught = not any(action["action"] == "notify" for action in ncco)
    for number, action in enumerate(ncco):
        word = action["action"]
        if word == "input" and action.get("mode") != "asynchronous":
            listens = _input_s(action)
            caught = any(each["action"] in ("talk", "stream", "connect") for each in ncco[number + 1 :])
            break
        if word == "connect" and person is None:
            person = _total_s(sounds)
        sounds += _sounds(action)
    is_heard = any(sound.is_heard for sound in sounds)
    prompt = _total_s(sounds) if person is None else person
    silences = [0.0]
    for sound in (*sounds, _Sound(listens, is_heard=False)):
        silences += [sound.pause, 0.0] if sound.is_heard else []
        silences[-1] += 0.0 if sound.is_heard else sound.seconds
    lead, last = silences[0], silences[-1]
    longest = max(silences[1:-1], default=0.0)
    survives_loss = caught or (is_heard and not listens)
    return TurnAudio(lead, longest, last, prompt, listens, is_heard, survives_loss, _is_endless(ncco))


def _total_s(sounds: Iterable[_Sound]) -> float:
    return sum(sound.seconds for sound in sounds if sound.seconds != ENDLESS)


def _is_endless(ncco: Sequence[Mapping[str, Any]]) -> bool:
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
    """Source: NCCO reference, Talk and Stream (loop: 0 repeats forever)."""
    return float(action.get("loop", 1)) or ENDLESS


def _input_s(action: Mapping[str, Any]) -> float:
    keys = float((action.get("dtmf") or {}).get("timeOut", _KEYS_S)) if "dtmf" in action["type"] else 0.0
    speech = float((action.get("speech") or {}).get("startTimeout", _SPEECH_S)) if "speech" in action["type"] else 0.0
    return max(keys, speech)
