"""The proof of a flow, made in the subprocess of `ncco_studio.editor.worker`, and the calls of its violations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from ncco_server.flow.files import search_beside
from ncco_server.flow.loader import load
from ncco_studio.simulator.assumptions import After
from ncco_studio.verify.prove import CallLimits, FlowVerdict, SearchLimits, prove
from ncco_studio.verify.prove.rehearsal import confirmed
from ncco_studio.verify.scenarios import script as steps
from ncco_studio.verify.scenarios.files import WrittenScenario
from ncco_studio.verify.scenarios.model import read_scenarios

MOST_STATES: Final = 50_000
VERDICT: Final = TypeAdapter(FlowVerdict)
_PLAYED: Final = {"flow", "to", "from", "at"}
"""What the phone can say of a call."""
_UNTIMED: Final = (steps.HearStep, steps.WaitStep, steps.EndStep)
"""The phone always continues to the next wait for the caller."""


def verdict_on(
    folder: Mapping[str, Any], sources: Mapping[str, str], flow: str, seconds: float, after_connect: After | Literal[""]
) -> Any:
    """Return the `FlowVerdict`, as JSON, on a flow without errors. Exploring it takes at most `seconds`.

    `folder` is as in `ProjectFolder.as_values`, with the values of `env`; `sources` has texts by display path.
    """
    if folder["handlers"]:
        search_beside(Path(folder["flows"]))
    env = folder["env"]
    project = load(sources, env, handlers=tuple(folder["handlers"]))
    proof = prove(
        project.flows[flow],
        datetime.now(UTC),
        env=env,
        bounds=SearchLimits(MOST_STATES, seconds),
        call_limits=CallLimits(after_connect=after_connect),
    )
    return VERDICT.dump_python(confirmed(project, proof), mode="json")


def played(written: WrittenScenario, flow: str) -> dict[str, Any] | None:
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
