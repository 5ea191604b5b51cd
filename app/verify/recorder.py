"""Writes a call down as the script of a scenario while it is played."""

from __future__ import annotations

from dataclasses import replace

from app.simulator.durations import plain
from app.simulator.legs import BETWEEN_KEYS_S, CallMoment, Leg, Waited
from app.verify.scenarios.listener import SPOKEN
from app.verify.scenarios.script import (
    EndStep,
    HangUpStep,
    HearStep,
    PressStep,
    ScriptStep,
    SilenceStep,
    SpeakStep,
    WaitStep,
)
from app.verify.scenarios.values import Excerpt


class ScriptRecorder:
    """Writes down what is heard and done in a call.

    Attributes:
        script: the steps so far.
    """

    def __init__(self, leg: Leg) -> None:
        self.script: list[ScriptStep] = []
        self._leg = leg
        self._written = 0
        """How much of the transcript is in the script."""
        self._waits_at = 0.0
        self._awaited: Waited | None = None
        self._key_at = 0.0
        self._keyed: Waited | None = None
        """The input that the last step, keys, has left open."""
        self._thought_s = 0.0
        """Seconds that the caller of a scenario does not take: it acts as soon as it is waited for."""

    def arrive(self, moment: CallMoment) -> None:
        """Write what was heard up to a wait, if one has begun."""
        if self._leg.waited is not None and self._leg.waited is not self._awaited:
            self._awaited = self._leg.waited
            self._hear(moment)
            self._waits_at = moment.at

    def note(self, step: ScriptStep, moment: CallMoment) -> None:
        """Write a step that is done at a moment; keys that continue an input extend the step before."""
        last = self.script[-1] if self.script else None
        is_continued = self._keyed is not None and self._keyed is self._leg.open
        if isinstance(step, PressStep) and isinstance(last, PressStep) and is_continued:
            self.script[-1] = replace(last, keys=last.keys + step.keys)
            self._thought_s += self._leg.at - self._key_at - BETWEEN_KEYS_S
        else:
            self._hear(moment)
            self.script.append(self._timed(step, moment))
        self._key_at = moment.at
        self._keyed = self._leg.open if isinstance(step, PressStep) else None

    def note_wait(self, seconds: float) -> None:
        """Write that time has passed up to now; what was heard meanwhile is left out, as a scenario skips it."""
        self.script.append(WaitStep(seconds=seconds))
        self._written = len(self._leg.transcript)
        self._awaited = self._leg.waited
        self._waits_at = self._leg.at

    def begin_wait(self, moment: CallMoment) -> None:
        """Write what was heard up to a `wait`, which begins only after what a `hear` before it names."""
        if moment.kind != "until":
            self._hear(moment)

    def end(self) -> None:
        """Write the end of a call that is over."""
        if self._leg.is_over and not (self.script and isinstance(self.script[-1], EndStep)):
            self._hear(CallMoment(self._leg.at, "end"))
            if self._leg.ended_by == "platform":
                self.script.append(EndStep())

    def _timed(self, step: ScriptStep, moment: CallMoment) -> ScriptStep:
        """The step of a script: with its second where nothing waits for it, without the time that a person takes."""
        now = round(max(moment.at - self._thought_s, 0.0), 3)
        is_awaited = moment.kind in ("input", "record")
        if isinstance(step, HangUpStep):
            is_clear = self.script and isinstance(self.script[-1], HearStep) and moment.kind in ("input", "dial")
            return HangUpStep() if is_clear else HangUpStep(when=now)
        if is_awaited and not isinstance(step, SilenceStep):
            self._thought_s += moment.at - self._waits_at
            self._waits_at = moment.at
        if isinstance(step, PressStep | SpeakStep):
            return replace(step, at_s=None if is_awaited else now)
        return step

    def _hear(self, moment: CallMoment) -> None:
        """Write what was heard up to a moment; what began after an `until` comes later."""
        for heard in self._leg.transcript[self._written :]:
            if moment.kind == "until" and heard.at > moment.at:
                return
            if heard.kind in SPOKEN and (text := plain(heard.text)):
                self.script.append(HearStep(texts=(Excerpt(text),)))
            self._written += 1
