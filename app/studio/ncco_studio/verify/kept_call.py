"""Writes a played call into a scenario file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ncco_server.errors import AppError
from ncco_server.flow.files import locked, replace_text
from ncco_server.ncco.durations import plain
from ncco_studio.simulator.legs import BETWEEN_KEYS_S, Leg
from ncco_studio.simulator.transcript import CallMoment, Waited
from ncco_studio.verify.played_call import HistoryEntry, PlayedCall
from ncco_studio.verify.scenarios.answers import NOBODY
from ncco_studio.verify.scenarios.files import WrittenScenario, free_name, read_file
from ncco_studio.verify.scenarios.listener import SPOKEN
from ncco_studio.verify.scenarios.model import DEFAULTS, Scenario, ScenarioCall
from ncco_studio.verify.scenarios.script import (
    DialStep,
    EndStep,
    HangUpStep,
    HearStep,
    PressStep,
    ScriptedParty,
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


NAME: Final = "a call from the phone"


class CannotKeep(AppError):
    """A scenario cannot be written."""


def keep(
    path: Path,
    call: ScenarioCall,
    played: PlayedCall,
    given: Mapping[str, Sequence[Any]],
    *,
    env: Mapping[str, str] | None = None,
    tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> str:
    """Append a call as a scenario to a file, which may be new; return the scenario's name.

    Lookups without an answer are omitted, unless the file's `defaults` could answer them. The scenario of a call that
    is not over does not check its end. `tables` are the rows when the call began.

    Raises CannotKeep, OSError.
    """
    result = played.result
    phone = [DialStep(party=ScriptedParty(outcome=each.outcome)) for each in played.placed.phone]
    script = script_of(played)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.resolve().parent):
        text, before = _read(path)
        shared = {name.rpartition(".")[2] for scenario in before for name in scenario.given}
        hooks = {"hooks": [hook.name for hook in result.hooks]} if result.hooks else {}
        written = {
            "env": dict(env or {}),
            "given": {
                name: [{"error": NOBODY.problem} if each is None else each for each in found]
                for name, found in given.items()
                if name in shared or any(each is not None for each in found)
            },
            "tables": dict(tables or {}),
            "script": [step.as_written() for step in (*phone, *script)],
            "expect": {"end": result.ended} | hooks if played.leg.is_over else {},
        }
        body = call.as_written() | {word: value for word, value in written.items() if value or word == "script"}
        name = free_name(NAME, {*(scenario.name for scenario in before), DEFAULTS})
        added = WrittenScenario(name, body).text
        replace_text(path, f"{text.rstrip()}\n\n{added}" if text.strip() else added)
    return name


def _read(path: Path) -> tuple[str, tuple[Scenario, ...]]:
    """Nothing if the file does not exist. Raises CannotKeep if it has errors."""
    if not path.exists():
        return "", ()
    file = read_file(path)
    if not file.text.strip() and not any(issue.code == "S110" for issue in file.issues):
        return "", ()
    for first in (issue for issue in file.issues if issue.is_error):
        raise CannotKeep(f"{first.place} has an issue, so nothing is added: {first.message}", first.cure)
    return file.text, file.scenarios
