"""The proof of a flow, made in the subprocess of `ncco_studio.editor.worker`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from ncco_studio.editor.project import project_in
from ncco_studio.verify.prove import CallLimits, FoundViolation, SearchLimits, prove
from ncco_studio.verify.prove.rehearsal import confirmed
from ncco_studio.verify.scenarios import script as steps
from ncco_studio.verify.scenarios.files import WrittenScenario
from ncco_studio.verify.scenarios.model import read_scenarios

MOST_STATES: Final = 50_000
_BY_CALLER: Final = ("press", "speak", "silence", "record", "hangup")
_WORDS: Final = {"dial": "the called party:"}
_PLAYED: Final = {"flow", "to", "from", "at"}
"""What the phone can say of a call."""
_UNTIMED: Final = (steps.HearStep, steps.WaitStep, steps.EndStep)
"""The phone always continues to the next wait for the caller."""


def prove_flow(folder: Mapping[str, Any], texts: Mapping[str, str], flow: str, seconds: float) -> dict[str, Any]:
    """The verdict on a flow, and its violations, each with the shortest call that shows it.

    Args:
        folder: see `ProjectFolder.as_values`, with the values of `env`.
        texts: the texts of the whole project by display path; the flow must have no error.
        flow: the name of the flow.
        seconds: time limit of the exploration.
    """
    env = folder["env"]
    project = replace(project_in(folder).with_texts(texts).project, issues=())  # other flows may have errors
    bounds = SearchLimits(MOST_STATES, seconds)
    proof = prove(project.flows[flow], datetime.now(UTC), env=env, bounds=bounds, call_limits=CallLimits())
    verdict = confirmed(project, proof)
    return {
        "verdict": verdict.status,
        "stopped": verdict.stopped,
        "states": verdict.states,
        "growth": verdict.growth,
        "sampled": sorted(verdict.representatives),
        "violations": [_document(violation, flow) for violation in verdict.violations],
    }


def _document(found: FoundViolation, flow: str) -> dict[str, Any]:
    written = found.example
    return {
        **{name: getattr(found, name) for name in ("kind", "severity", "flow", "step", "message", "cure")},
        "file": found.place.file,
        "line": found.place.line,
        "call": list(_conversation(written)) if written else [],
        "played": _played(written, flow) if written else None,
    }


def _conversation(written: WrittenScenario) -> Iterator[tuple[str, str]]:
    """Yield each line with its kind (`said`, `caller` or `note`)."""
    for name, answer in written.body.get("given", {}).items():
        yield "note", f"{name} answers {answer}"
    for line in written.body["script"]:
        word, value = (line, "") if isinstance(line, str) else next(iter(line.items()))
        if word == "dial":
            value = value["outcome"] if isinstance(value, Mapping) and "outcome" in value else value or "answered"
        elif isinstance(value, Mapping):
            value = ", ".join(f"{name} {each}" for name, each in value.items())
        if word == "hear":
            yield "said", str(value)
        else:
            yield "caller" if word in _BY_CALLER else "note", f"{_WORDS.get(word, word)} {value}".strip()


def _played(written: WrittenScenario, flow: str) -> dict[str, Any] | None:
    """The call as the console's phone plays it (`play` in proof.js); None if it cannot."""
    (scenario,), _ = read_scenarios("call.yaml", written.text)
    given = written.body.get("given", {})
    is_played = all(map(_plays, scenario.script)) and all(isinstance(answer, Mapping) for answer in given.values())
    if not is_played or written.body.get("env") or not written.body["call"].keys() <= _PLAYED:
        return None
    answers = {name: each if each.keys() & {"value", "timeout"} else {"value": each} for name, each in given.items()}
    return {
        "flow": "" if scenario.to else flow,
        "to": scenario.to,
        "caller": scenario.from_,
        "made_at": scenario.made_at.isoformat(),
        "world": {"given": answers},
        "steps": [step.as_written() for step in scenario.script if not isinstance(step, _UNTIMED)],
    }


def _plays(step: steps.ScriptStep) -> bool:
    """The phone cannot do faults and keys of called parties."""
    is_other = isinstance(step, steps.FaultStep | steps.EventStep | steps.UntilStep)
    return not (is_other or (isinstance(step, steps.DialStep) and step.party.presses))
