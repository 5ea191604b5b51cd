"""Writes a played call as the script of a scenario."""

from __future__ import annotations

from dataclasses import replace

from ncco_server.ncco.durations import plain
from ncco_studio.simulator.legs import BETWEEN_KEYS_S, Leg
from ncco_studio.simulator.transcript import CallMoment, Waited
from ncco_studio.verify.played_call import HistoryEntry, PlayedCall
from ncco_studio.verify.scenarios.listener import SPOKEN
from ncco_studio.verify.scenarios.script import (
    EndStep,
    HangUpStep,
    HearStep,
    PressStep,
    ScriptStep,
    SilenceStep,
    SpeakStep,
    WaitStep,
)
from ncco_studio.verify.scenarios.values import Excerpt


def script_of(call: PlayedCall) -> list[ScriptStep]:
    """Write the end of the call too, if it is over."""
    writer = _ScriptWriter(call.leg)
    for entry in call.history:
        writer.write(entry)
    writer.end()
    return writer.script


class _ScriptWriter:
    def __init__(self, leg: Leg) -> None:
        self.script: list[ScriptStep] = []
        self._leg = leg
        self._transcript = leg.transcript
        self._written = 0
        """Counts transcript entries."""
        self._waits_at = 0.0
        self._awaited: Waited | None = None
        self._key_at = 0.0
        self._keyed: Waited | None = None
        """The open input when the last step pressed keys; None after any other step."""
        self._thought_s = 0.0
        """Reaction time to leave out: a scenario's caller acts as soon as the call waits."""

    def write(self, entry: HistoryEntry) -> None:
        """Write the sounds before an entry, and its step; keys that continue an input extend the previous step."""
        step = entry.step
        moment = entry.moment
        if step is None:
            self._hear(entry.heard, moment)
            if entry.waited is not self._awaited:
                self._awaited = entry.waited
                self._waits_at = moment.at
            return
        if isinstance(step, WaitStep):  # a scenario skips the prompts in between
            self.script.append(step)
            self._written = entry.heard
            self._awaited = entry.waited
            self._waits_at = entry.at
            return
        last = self.script[-1] if self.script else None
        is_continued = self._keyed is not None and self._keyed is entry.open
        if isinstance(step, PressStep) and isinstance(last, PressStep) and is_continued:
            self.script[-1] = replace(last, keys=last.keys + step.keys)
            self._thought_s += entry.at - self._key_at - BETWEEN_KEYS_S
        else:
            self._hear(entry.heard, moment)
            self.script.append(self._timed(step, moment))
        self._key_at = moment.at
        self._keyed = entry.open if isinstance(step, PressStep) else None

    def end(self) -> None:
        if self._leg.is_over:
            self._hear(len(self._transcript), CallMoment(self._leg.at, "end"))
            if self._leg.ended_by == "platform":
                self.script.append(EndStep())

    def _timed(self, step: ScriptStep, moment: CallMoment) -> ScriptStep:
        """Keep a step's time unless the call waits for it.

        It leaves out reaction times at earlier waits.
        """
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

    def _hear(self, heard: int, moment: CallMoment) -> None:
        """Write the sounds up to a moment. Those that start after an `until` come later."""
        for each in self._transcript[self._written : heard]:
            if moment.kind == "until" and each.at > moment.at:
                return
            if each.kind in SPOKEN and (text := plain(each.text)):
                self.script.append(HearStep(texts=(Excerpt(text),)))
            self._written += 1
