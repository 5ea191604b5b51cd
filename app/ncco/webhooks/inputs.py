"""The input webhook: what the caller pressed or said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from app.ncco.webhooks.base import LegWebhook
from app.ncco.webhooks.reading import mapping

NOT_LISTENED = ("Speech was not enabled", "Speech overridden by DTMF")
"""What `speech.error` says when keys were asked for or pressed; any other text is a fault of the recogniser.

Source: webhook reference, Input (speech recognition results).
"""


@dataclass(frozen=True, slots=True)
class SpeechResult:
    """One guess of the speech recogniser.

    Attributes:
        text: what the caller may have said.
        confidence: 0 to 1, None when it was not sent or cannot be read.
    """

    text: str
    confidence: float | None


class InputWebhook(LegWebhook):
    """What the caller pressed or said, in reply to an `input` action.

    `dtmf` was plain text until 2020 and is an object since; either may be missing, as may `speech`.
    Source: webhook reference, Input; NCCO reference, Input.
    """

    kind: ClassVar[str] = "input"

    dtmf: Any = Field(default=None, repr=False)
    speech: Any = Field(default=None, repr=False)

    @property
    def digits(self) -> str | None:
        """The pressed keys; None or "" when there were none."""
        raw = self.dtmf.get("digits") if isinstance(self.dtmf, Mapping) else self.dtmf
        if isinstance(raw, int) and not isinstance(raw, bool):
            return _number_text(raw)
        return raw if isinstance(raw, str) else None

    @property
    def timed_out(self) -> bool:
        """Whether a time-out closed the input. True also with digits, so it never means "no digits"."""
        source = self.dtmf if isinstance(self.dtmf, Mapping) else self.extras
        return str(source.get("timed_out")).lower() == "true"

    @property
    def results(self) -> tuple[SpeechResult, ...]:
        """What was recognised, best first; empty when nothing was, or when the list cannot be read."""
        raw = mapping(self.speech).get("results")
        guesses = [guess for item in (raw if isinstance(raw, list) else []) if (guess := _guess(item))]
        return tuple(sorted(guesses, key=_doubt))

    @property
    def speech_error(self) -> str | None:
        """Why speech was not recognised, in Vonage's words; None when it did not say."""
        return _text(self.speech, "error")

    @property
    def timeout_reason(self) -> str | None:
        """Why listening ended: end_on_silence_timeout, max_duration or start_timeout."""
        return _text(self.speech, "timeout_reason")

    @property
    def recording_url(self) -> str | None:
        """Where the caller's words are, when the action asked for `saveAudio`; needs the application's JWT."""
        return _text(self.speech, "recording_url")

    @property
    def is_speech(self) -> bool:
        """Whether this is about speech: words and no digits, or a listening that ended or failed without a key."""
        if self.digits:
            return False
        listened = bool(self.results) or self.timeout_reason is not None
        return listened or self._has_failed or (self.dtmf is None and self.speech is not None)

    @property
    def _has_failed(self) -> bool:
        return self.speech_error is not None and self.speech_error not in NOT_LISTENED


def _number_text(number: int) -> str | None:
    try:
        return str(number)
    except ValueError:  # more digits than Python prints; no keypad sends them
        return None


def _text(source: object, name: str) -> str | None:
    value = mapping(source).get(name)
    return value if isinstance(value, str) else None


def _guess(item: object) -> SpeechResult | None:
    text = _text(item, "text")
    return None if text is None else SpeechResult(text, _confidence(mapping(item).get("confidence")))


def _confidence(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _doubt(guess: SpeechResult) -> float:
    """The order of guesses: the surest first, those of unknown confidence behind, else as sent."""
    return math.inf if guess.confidence is None else -guess.confidence
