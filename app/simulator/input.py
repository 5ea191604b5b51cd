"""`input`: what it collects, and when it is over. Source: NCCO reference, Input."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from app.simulator import payloads
from app.simulator.legs import InputQueue, Leg, PartyInput, PressedKey, Speech, Waited
from app.simulator.scheduler import Steps, milliseconds

if TYPE_CHECKING:
    from app.simulator.player import Action, Ncco, Playback

NOT_ENABLED: Final = "Speech was not enabled"
OVERRIDDEN: Final = "Speech overridden by DTMF"
"""Source: webhook reference, Input (speech.error)."""


Collected: TypeAlias = Mapping[str, Any]
"""What goes into the webhook: its `speech` and `dtmf`."""


class Collector:
    """Collects for one input action.

    Args:
        action: the input action, with real types.
        speech_when_off: what `speech` holds when only keys are asked for.

    Attributes:
        deadline_ms: when it is over unless something more comes; None before `begin`.
    """

    def __init__(self, action: Mapping[str, Any], speech_when_off: Literal["results", "error"]) -> None:
        dtmf, speech = action.get("dtmf") or {}, action.get("speech") or {}
        self.takes = frozenset(action["type"])
        self.deadline_ms: int | None = None
        self._time_out = milliseconds(dtmf.get("timeOut", 3))
        self._max_digits = max(int(dtmf.get("maxDigits", 4)), 1)
        self._submits_on_hash = bool(dtmf.get("submitOnHash"))
        self._start_timeout = milliseconds(speech.get("startTimeout", 10))
        self._end_on_silence = milliseconds(speech.get("endOnSilence", 2.0))
        self._max_duration = milliseconds(speech.get("maxDuration", 60))
        self._speech_when_off = speech_when_off
        self._digits = ""
        self._spoken: Speech | None = None
        self._spoken_since = 0
        self._is_too_long = False

    def begin(self, now_ms: int) -> None:
        """Nothing is played any more, and the time-outs run (unverified: from the end of the prompts).

        Without a word or key an input for both is over when that for speech would be (unverified).
        Source: NCCO reference, DTMF Input Settings (timeOut), Speech Recognition Settings (startTimeout).
        """
        if self.deadline_ms is None:
            self.deadline_ms = now_ms + (self._start_timeout if "speech" in self.takes else self._time_out)

    def take(self, given: PartyInput, now_ms: int) -> Collected | None:
        """Something is pressed or said; what has been collected when that is the end of it."""
        if isinstance(given, PressedKey):
            return self._take_key(given.digit, now_ms)
        if not self._digits:
            self._take_speech(given, now_ms)
        return None

    def expire(self) -> Collected:
        """The deadline has come. Source: NCCO reference, Input (eventUrl); webhook reference, Input."""
        if self._digits:
            return self._keys(timed_out=True)
        if self._spoken is not None:
            return {"speech": self._heard(self._spoken), "dtmf": {"digits": None, "timed_out": False}}
        if "speech" not in self.takes:
            return self._keys(timed_out=True)
        nothing: Mapping[str, Any] = {"timeout_reason": "start_timeout", "results": []}
        is_for_both = "dtmf" in self.takes
        return {"speech": nothing, "dtmf": {"digits": "" if is_for_both else None, "timed_out": is_for_both}}

    def _take_key(self, digit: str, now_ms: int) -> Collected | None:
        """Source: NCCO reference, DTMF Input Settings (maxDigits, submitOnHash); without submitOnHash, # is a digit."""
        if digit == "#" and self._submits_on_hash:
            return self._keys(timed_out=False)
        self._digits += digit
        if len(self._digits) >= self._max_digits:
            return self._keys(timed_out=False)
        self.deadline_ms = now_ms + self._time_out
        return None

    def _take_speech(self, speech: Speech, now_ms: int) -> None:
        """Source: NCCO reference, Speech Recognition Settings (endOnSilence, maxDuration)."""
        if self._spoken is None:
            self._spoken_since = now_ms
        self._spoken = speech
        ends = now_ms + milliseconds(speech.seconds) + self._end_on_silence
        latest = self._spoken_since + self._max_duration
        self._is_too_long = now_ms + milliseconds(speech.seconds) > latest
        self.deadline_ms = min(ends, latest)

    def _keys(self, *, timed_out: bool) -> Collected:
        """Keys win over speech. Source: webhook reference, Input (Speech overridden by DTMF)."""
        speech: Mapping[str, Any] = {"results": []}
        if "speech" in self.takes:
            speech = {"error": OVERRIDDEN}
        elif self._speech_when_off == "error":
            speech = {"error": NOT_ENABLED}
        return {"speech": speech, "dtmf": {"digits": self._digits, "timed_out": timed_out}}

    def _heard(self, spoken: Speech) -> Mapping[str, Any]:
        if spoken.error:
            return {"error": spoken.error}
        reason = "max_duration" if self._is_too_long else "end_on_silence_timeout"
        return {"timeout_reason": reason, "results": [dict(each) for each in spoken.results]}


def collect(playback: Playback, action: Action) -> Steps[Ncco | None]:
    """Listen, send what was pressed or said, and play what comes back.

    After an empty reply the NCCO continues behind the input.
    Source: webhook reference, Input (reply; unverified for input).
    """
    if action.get("mode") == "asynchronous":
        return (yield from _each_key(playback, action))
    platform, leg = playback.platform, playback.leg
    waited = Waited("input", action, frozenset(action["type"]))
    leg.open = waited
    try:
        collected = yield from _collected(playback, action, waited)
    finally:
        leg.wait_no_more()
    speech = dict(collected["speech"])
    if "timeout_reason" in speech and (action.get("speech") or {}).get("saveAudio"):
        speech["recording_url"] = f"{platform.application.region_url}/v1/files/{platform.ids.dashed()}"
    fields = payloads.collected(leg, {**collected, "speech": speech}, platform.clock.now)
    result = yield from platform.ask("input", *platform.target(action), fields, leg)
    return result.ncco


def _collected(playback: Playback, action: Action, waited: Waited) -> Steps[Collected]:
    clock, leg = playback.platform.clock, playback.leg
    collector = Collector(action, playback.platform.application.speech_when_off)
    queue = InputQueue()
    with ExitStack() as listening:
        if "dtmf" in waited.takes:
            listening.enter_context(leg.collected_in(queue, PressedKey))
        if "speech" in waited.takes and (speaker := _speaker(leg, action)) is not None:
            listening.enter_context(speaker.collected_in(queue, Speech))
        given = yield from playback.play_until(queue)
        collector.begin(clock.ms)
        if given is None:
            leg.wait_for_party(waited)
        while True:
            if given is not None and (collected := collector.take(given, clock.ms)) is not None:
                return collected
            deadline_ms = collector.deadline_ms or 0
            given = yield from queue.take(within=(deadline_ms - clock.ms) / 1000)
            if given is None:
                return collector.expire()


def _speaker(leg: Leg, action: Action) -> Leg | None:
    """Whose speech is taken. Source: NCCO reference, Speech Recognition Settings (uuid): the first leg of the call."""
    wanted = (action.get("speech") or {}).get("uuid")
    if not wanted:
        return leg
    return next((other for other in leg.conversation.legs if other.uuid == wanted[0]), None)


def _each_key(playback: Playback, action: Action) -> Steps[Ncco | None]:
    """Asynchronous mode: the NCCO continues, and each key is sent at once for as long as the leg lives (unverified).

    Source: NCCO reference, Input (mode).
    """
    leg, queue = playback.leg, InputQueue()
    with leg.collected_in(queue, PressedKey):
        first = yield from playback.play_until(queue)
    process = playback.platform.scheduler.spawn(_send_keys(playback, action, first))
    leg.processes.append(process)
    return None


def _send_keys(playback: Playback, action: Action, first: PartyInput | None) -> Steps[None]:
    platform, leg, queue = playback.platform, playback.leg, InputQueue()
    with leg.collected_in(queue, PressedKey):
        key = first
        while True:
            if isinstance(key, PressedKey):
                dtmf = {"digits": key.digit, "timed_out": False}
                fields = payloads.collected(leg, {"dtmf": dtmf}, platform.clock.now)
                platform.send("input", fields, leg, action)
            key = yield from queue.take(within=None)
