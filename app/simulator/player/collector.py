"""What an input collects: keys and words, and when it is over. Source: NCCO reference, Input.

Nothing here waits; times are milliseconds that are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.simulator import payloads
from app.simulator.clock import milliseconds
from app.simulator.mailbox import Doing, Key, Speech

NOT_ENABLED = "Speech was not enabled"
OVERRIDDEN = "Speech overridden by DTMF"
"""Source: webhook reference, Input (speech.error)."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What goes into the webhook: its `dtmf` and `speech`."""

    dtmf: Mapping[str, Any]
    speech: Mapping[str, Any]


class Collector:
    """Collects for one input action.

    Args:
        action: the input action, with real types.
        unasked_speech: what `speech` holds when only keys are asked for.

    Attributes:
        deadline_ms: when it is over unless something more comes; None before `begin`.
    """

    def __init__(self, action: Mapping[str, Any], unasked_speech: Literal["results", "error"]) -> None:
        dtmf, speech = action.get("dtmf") or {}, action.get("speech") or {}
        self.takes = frozenset(action["type"])
        self.deadline_ms: int | None = None
        self._time_out = milliseconds(dtmf.get("timeOut", 3))
        self._max_digits = max(int(dtmf.get("maxDigits", 4)), 1)
        self._submits_on_hash = bool(dtmf.get("submitOnHash"))
        self._start_timeout = milliseconds(speech.get("startTimeout", 10))
        self._end_on_silence = milliseconds(speech.get("endOnSilence", 2.0))
        self._max_duration = milliseconds(speech.get("maxDuration", 60))
        self._unasked = unasked_speech
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

    def take(self, doing: Doing, now_ms: int) -> Collected | None:
        """Something is pressed or said; what has been collected when that is the end of it."""
        if isinstance(doing, Key):
            return self._take_key(doing.digit, now_ms)
        if not self._digits:
            self._take_speech(doing, now_ms)
        return None

    def expire(self) -> Collected:
        """The deadline has come. Source: NCCO reference, Input (eventUrl); webhook reference, Input."""
        if self._digits:
            return self._keys(timed_out=True)
        if self._spoken is not None:
            return Collected({"digits": None, "timed_out": False}, self._heard(self._spoken))
        if "speech" not in self.takes:
            return self._keys(timed_out=True)
        nothing: Mapping[str, Any] = {"timeout_reason": "start_timeout", "results": []}
        is_for_both = "dtmf" in self.takes
        return Collected({"digits": "" if is_for_both else None, "timed_out": is_for_both}, nothing)

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
        elif self._unasked == "error":
            speech = {"error": NOT_ENABLED}
        return Collected({"digits": self._digits, "timed_out": timed_out}, speech)

    def _heard(self, spoken: Speech) -> Mapping[str, Any]:
        if spoken.error:
            return {"error": spoken.error}
        reason = "max_duration" if self._is_too_long else "end_on_silence_timeout"
        return {"timeout_reason": reason, "results": payloads.results(spoken.results)}
