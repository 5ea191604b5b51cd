"""Performs `input`. Source: NCCO reference, Input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from ncco_studio.simulator import payloads
from ncco_studio.simulator.clock import in_ms
from ncco_studio.simulator.control import CallControl
from ncco_studio.simulator.deliveries import replacement
from ncco_studio.simulator.legs import InputQueue, Leg
from ncco_studio.simulator.playback import Playback
from ncco_studio.simulator.scheduler import Routine
from ncco_studio.simulator.servers import Target
from ncco_studio.simulator.transcript import Action, AwaitedInput, Ncco, PartyInput, PressedKey, Speech, Waited

Collected: TypeAlias = Mapping[str, Mapping[str, Any]]
"""The webhook's fields."""


TOGETHER_S: Final = 3.0
"""After this pause, the keys so far are sent. Our estimate."""
UNUSED_SPEECH: Final[Mapping[str, Mapping[str, Any] | None]] = {
    "no_results": {"results": []},
    "error": {"error": "Speech was not enabled"},
    "missing": None,
}
"""For keys only, by the value of `Assumptions.unused_speech`."""


def collect(playback: Playback, action: Action) -> Routine[Ncco | None]:
    if action.get("mode") == "asynchronous":
        yield from _each_key(playback, action)
        return None
    platform = playback.platform
    leg = playback.leg
    leg.open = AwaitedInput(action, frozenset(action["type"]))
    try:
        collected = yield from _collected(playback, action, leg.open)
    finally:
        leg.stop_waiting()
    speech = dict(collected.get("speech", {}))
    if "timeout_reason" in speech and (action.get("speech") or {}).get("saveAudio"):
        speech["recording_url"] = platform.new_file()
    fields = payloads.collected(leg, {**collected, **({"speech": speech} if "speech" in collected else {})})
    return (yield from replacement(platform.ask("input", platform.target(action, leg), fields, leg)))


def _collected(playback: Playback, action: Action, waited: Waited) -> Routine[Collected]:
    """Keypresses take precedence over speech. An input for both uses the timeouts of speech (unverified).

    Source: NCCO reference, DTMF Input Settings, Speech Recognition Settings; webhook reference, Input.
    """
    clock = playback.platform.clock
    leg = playback.leg
    takes = waited.takes
    dtmf, speech = action.get("dtmf") or {}, action.get("speech") or {}
    time_out_ms = in_ms(dtmf.get("timeOut", 3))
    most = max(int(dtmf.get("maxDigits", 4)), 1)
    digits = ""
    spoken_ms = 0
    said: Mapping[str, Any] | None = None
    is_timed_out = True
    with InputQueue(*_sources(leg, takes, speech)) as queue:
        assumes = playback.platform.assumes
        is_spoken = "speech" in takes
        first_s = float(speech.get("startTimeout", 10) if is_spoken else dtmf.get("timeOut", 3))
        starts_at_once = (assumes.speech_timeout if is_spoken else assumes.input_timeout) == "at_once"
        begun_ms = clock.ms
        given = yield from playback.play_until(queue, within=first_s if starts_at_once else None)
        if given is None:
            leg.wait_for_party(waited)
        deadline_ms = (begun_ms if starts_at_once else clock.ms) + in_ms(first_s)
        while True:
            if isinstance(given, PressedKey):
                is_submitted = given.digit == "#" and bool(dtmf.get("submitOnHash"))
                digits += "" if is_submitted and assumes.hash_key == "left_out" else given.digit
                if is_submitted or len(digits) >= most:
                    is_timed_out = False
                    break
                deadline_ms = clock.ms + time_out_ms
            elif given is not None and not digits:
                spoken_ms = clock.ms if said is None else spoken_ms
                ends_ms = clock.ms + in_ms(given.seconds)
                latest_ms = spoken_ms + in_ms(speech.get("maxDuration", 60))
                reason = "max_duration" if ends_ms > latest_ms else "end_on_silence_timeout"
                heard = {"timeout_reason": reason, "results": [dict(result) for result in given.results]}
                said = {"error": given.error} if given.error else heard
                deadline_ms = min(ends_ms + in_ms(speech.get("endOnSilence", 2.0)), latest_ms)
            given = yield from queue.take(within=(deadline_ms - clock.ms) / 1000)
            if given is None:
                break
    no_digits = "" if assumes.silent_digits == "empty" else None
    if digits or not is_timed_out or "speech" not in takes:
        keys = {"digits": digits or no_digits, "timed_out": is_timed_out}
        overridden = {"error": "Speech overridden by DTMF"}  # source: webhook reference, Input (speech.error)
        unused = overridden if is_spoken else UNUSED_SPEECH[assumes.unused_speech]
        return {"dtmf": keys} if unused is None else {"speech": unused, "dtmf": keys}
    if said is not None:
        return {"speech": said, "dtmf": {"digits": None, "timed_out": False}}
    is_for_both = "dtmf" in takes
    nothing = {"digits": no_digits if is_for_both else None, "timed_out": is_for_both}
    return {"speech": {"timeout_reason": "start_timeout", "results": []}, "dtmf": nothing}


def _sources(leg: Leg, takes: frozenset[str], speech: Mapping[str, Any]) -> Iterator[tuple[Leg, type[PartyInput]]]:
    """Only the first `uuid` is heard. Source: NCCO reference, Speech Recognition Settings (uuid)."""
    if "dtmf" in takes:
        yield leg, PressedKey
    if "speech" in takes:
        wanted = (speech.get("uuid") or [leg.uuid])[0]
        yield from ((other, Speech) for other in leg.conversation.legs if other.uuid == wanted)


def _each_key(playback: Playback, action: Action) -> Routine[None]:
    """Send each key at once, while the NCCO continues, until the leg ends (unverified).

    Source: NCCO reference, Input (mode).
    """
    platform = playback.platform
    leg = playback.leg
    with InputQueue((leg, PressedKey)) as queue:  # until the prompts end, or a key interrupts them
        first = yield from playback.play_until(queue)
    leg.processes.append(platform.scheduler.spawn(listen_for_keys(platform, leg, platform.target(action, leg), first)))


def listen_for_keys(platform: CallControl, leg: Leg, target: Target, first: PartyInput | None = None) -> Routine[None]:
    """Send each key that a party presses; `first` was pressed before."""
    is_together = platform.assumes.keys_while_asynchronous == "together"
    digits = ""
    with InputQueue((leg, PressedKey)) as queue:
        if first is not None:
            queue.put(first)
        while True:
            key = yield from queue.take(within=TOGETHER_S if digits else None)
            digits += key.digit if isinstance(key, PressedKey) else ""
            if digits and (key is None or not is_together):
                fields = payloads.collected(leg, {"dtmf": {"digits": digits, "timed_out": False}})
                platform.send("input", target, fields, leg)
                digits = ""
