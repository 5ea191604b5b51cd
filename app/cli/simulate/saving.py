"""Records a call as a script, and writes it into a scenario file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from app.cli.output import CannotRun, read_text
from app.engine import Lookup, LookupAnswer
from app.flow.files import SUFFIXES, replace_text
from app.flow.language.lookups import LookupDefinition
from app.simulator.durations import plain
from app.simulator.legs import CallMoment, Leg
from app.store import HookRow
from app.verify.kept_call import NOBODY
from app.verify.scenarios import script as steps
from app.verify.scenarios.files import scenario_text
from app.verify.scenarios.fitting import Definitions
from app.verify.scenarios.listener import SPOKEN
from app.verify.scenarios.model import Scenario, ScenarioCall, read_scenarios
from app.verify.scenarios.values import Excerpt

MOST_ACTS: Final = 6
"""How many actions of a caller a name lists."""
_NO_WORD: Final = re.compile(r"[^\w ]")


class Recorder:
    """The script of one call.

    Attributes:
        script: so far; what was heard in the midst of it is added when it has ended.
    """

    def __init__(self, call: Leg) -> None:
        self._call = call
        self._taken = 0
        self.script: list[steps.ScriptStep] = []

    def add(self, step: steps.ScriptStep, moment: CallMoment) -> None:
        """The caller does something at `moment`."""
        self.hear_out(moment)
        self.script.append(step)

    def wait(self, seconds: float) -> None:
        """Time has passed; a scenario passes over what is heard in it."""
        self.script.append(steps.WaitStep(seconds=seconds))
        self._taken = len(self._call.transcript)

    def hang_up(self, moment: CallMoment) -> None:
        """The caller hangs up: at this second where nothing that is heard says when."""
        before = len(self.script)
        self.hear_out(moment)
        is_clear = len(self.script) > before and moment.kind in ("input", "dial")
        self.script.append(steps.HangUpStep() if is_clear else steps.HangUpStep(when=round(max(self._call.at, 0.0), 3)))

    def end(self) -> None:
        """The call is over."""
        self.hear_out(CallMoment(self._call.at, "end"))
        if self._call.ended_by == "platform":
            self.script.append(steps.EndStep())

    def hear_out(self, moment: CallMoment) -> None:
        """Write down what was heard up to a moment; what began after an `until` comes later."""
        for heard in self._call.transcript[self._taken :]:
            if moment.kind == "until" and heard.at > moment.at:
                return
            if heard.kind in SPOKEN and (text := plain(heard.text)):
                self.script.append(steps.HearStep(texts=(Excerpt(text),)))
            self._taken += 1


def check_path(path: Path) -> None:
    """See that a scenario can be written there before the call is made. Raises CannotRun."""
    if path.suffix.lower() not in SUFFIXES:
        raise CannotRun(f"{path} is not the name of a scenario file", "write a name that ends in .yaml")
    if path.is_dir():
        raise CannotRun(f"{path} is a folder", "name a file in it")
    _scenarios_in(path)
    found = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not os.access(found, os.W_OK) or (found != path and not found.is_dir()):
        raise CannotRun(f"{path} cannot be written", "name a file in a folder of your own")


def answers_given(
    answers: Iterable[tuple[Lookup, LookupAnswer]], definitions: Definitions
) -> Mapping[str, Sequence[Any]]:
    """What each lookup was answered in turn, by name, as a scenario has it."""
    given: dict[str, list[Any]] = {}
    for lookup, answer in answers:
        definition = definitions[lookup.flow, lookup.name]
        _, problem = definition.read(answer.value, answer.problem)
        given.setdefault(lookup.name, []).append(_as_given(answer, problem, definition))
    return given


def _as_given(answer: LookupAnswer, problem: str, definition: LookupDefinition) -> Any:
    """A value with the fields that are declared, a timeout or an error."""
    if not problem:
        return {"value": {name: answer.value[name] for name in definition.returns.fields}}
    return {"timeout": True} if answer.ms == definition.timeout_ms else {"error": problem.removeprefix("status ")}


def append(
    path: Path,
    call: ScenarioCall,
    script: Sequence[steps.ScriptStep],
    *,
    env: Mapping[str, str],
    given: Mapping[str, Sequence[Any]],
    ended: str,
    hooks: Iterable[HookRow],
    note: str = "",
) -> str:
    """Write a scenario behind those of the file, which is made when it does not exist; return its name.

    Lookups that nobody answered are left out, unless the `defaults` of the file could answer them.

    Args:
        path: of the file.
        call: who calls whom.
        script: what was heard and done.
        env: variables of the flows.
        given: see `answers_given`.
        ended: how the call ended; "" when it is not over, and nothing is expected of its end.
        hooks: what was sent.
        note: a comment of one line above it; "" for none.

    Raises CannotRun.
    """
    before = _scenarios_in(path)
    names = [hook.name for hook in hooks]
    shared = {name.rpartition(".")[2] for scenario in before for name in scenario.given}
    written = {
        "call": {**call.as_written(), "at": call.made_at.isoformat()},
        "env": dict(env),
        "given": {
            name: found
            for name, found in given.items()
            if name in shared or any(each != {"error": NOBODY} for each in found)
        },
        "script": [step.as_written() for step in script],
        "expect": {"end": ended} | ({"hooks": names} if names else {}) if ended else {},
    }
    body = {word: value for word, value in written.items() if value or word == "script"}
    taken, name, number = {*(scenario.name for scenario in before), "defaults"}, name_of(script), 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    text = read_text(path).rstrip() if path.exists() else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    comment = f"# {note}\n" if note else ""
    replace_text(path, (f"{text}\n\n" if text else "") + comment + scenario_text(free, body))
    return free


def name_of(script: Sequence[steps.ScriptStep]) -> str:
    """A sentence that says what the caller does: `a caller presses 1, is silent and hangs up`."""
    acts = [words for step in script if (words := _in_words(step))]
    *shown, last = [*acts[:MOST_ACTS], "goes on"] if len(acts) > MOST_ACTS else acts or ["listens to the end"]
    return f"a caller {', '.join(shown)} and {last}" if shown else f"a caller {last}"


def _in_words(step: steps.ScriptStep) -> str:
    match step:
        case steps.PressStep():
            return f"presses {step.keys}"
        case steps.SpeakStep():
            return f"says {_NO_WORD.sub(' ', step.speech.text)[:30].strip()}"
        case steps.SilenceStep():
            return "is silent"
        case steps.DialStep():
            to, outcome = step.party.to, step.party.outcome
            return f"reaches {to}" if outcome == "completed" else f"dials {to} ({outcome})"
        case steps.RecordStep():
            return "leaves a message"
        case steps.HangUpStep():
            return "hangs up"
    return ""


def _scenarios_in(path: Path) -> tuple[Scenario, ...]:
    """The scenarios of a file, which need not exist. Raises CannotRun when it has faults."""
    text = read_text(path) if path.exists() else ""
    scenarios, issues = read_scenarios(path.as_posix(), text) if text.strip() else ((), [])
    for first in (issue for issue in issues if issue.is_error):
        raise CannotRun(f"{first.place} has a fault, so nothing is added: {first.message}", first.cure)
    return scenarios
