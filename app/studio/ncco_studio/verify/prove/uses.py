"""A flow's values and conditions, with their weight: only spoken or sent, or able to affect the path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from ncco_server.flow.effects import Effect, Phase
from ncco_server.flow.frame import Target
from ncco_server.flow.language.hooks import Later
from ncco_server.flow.model import Flow, Step, later_effects
from ncco_server.flow.runtime import Way
from ncco_server.flow.templates.values import Expression, Value
from ncco_studio.verify.prove.expressions import RETURNED
from ncco_studio.verify.sample_values import Path

SPOKEN: Final = 1
"""It affects the path only if it is missing or has the wrong type."""
DECIDES: Final = 2
"""It affects where a call goes or how an action is built."""


class Use(NamedTuple):
    """A value or condition, and its weight: SPOKEN or DECIDES."""

    source: Value | Expression
    weight: int


def flows_run_from(root: Flow) -> dict[str, Flow]:
    return {root.name: root, **root.subs}


# what a step uses


def asked_by(step: Step) -> Iterator[Use]:
    yield from _uses(step.effects, "lookup")


def sent_by(step: Step) -> Iterator[Use]:
    yield from (
        Use(effect.value, SPOKEN) for effect in step.effects if effect.kind == "send" and effect.phase == "enter"
    )


def sent_later(flow: Flow, step: Step) -> Iterator[Use]:
    """Events can happen while the call waits in a step."""
    yield from (*_sent(flow.events), *_uses(step.effects, "event"))


def _sent(events: Mapping[str, tuple[Later, ...]]) -> Iterator[Use]:
    yield from _uses(later_effects(events), "event")


def _uses(effects: Iterable[Effect], *phases: Phase) -> Iterator[Use]:
    yield from (Use(effect.value, SPOKEN) for effect in effects if effect.phase in phases and effect.kind != "receive")


def played_by(step: Step) -> Iterator[Use]:
    for effect in step.effects:
        if effect.kind in ("play", "give") and effect.phase in ("do", "retry"):
            yield Use(effect.value, SPOKEN if effect.name == "talk.text" else DECIDES)


def tested_by(step: Step) -> Iterator[Use]:
    yield from (Use(test, DECIDES) for test in step.exit.reads())


def collected_digits(root: Flow, path: Path) -> Iterator[int]:
    """The minimum digits of each `collect`; `path` is (flow, variable)."""
    flow = flows_run_from(root).get(path[0])
    for step in flow.steps.values() if flow is not None else ():
        asked = step.exit.asked
        variable = step.exit.fills
        if asked is not None and asked.lengths is not None and variable is not None and (variable.name,) == path[1:]:
            yield asked.lengths[0]


def assigned(flow: Flow, step: Step) -> Iterator[tuple[Path, Value]]:
    """An assignment's path is (flow, variable); that of a returned value starts with RETURNED."""
    error = () if step.error is not None or flow.error is None else flow.error.effects("error")
    for effect in (*step.effects, *error):
        if effect.kind in ("set", "give", "return") and not effect.is_repeated:
            owner = (RETURNED, flow.name) if effect.kind == "return" else (effect.into or flow.name,)
            yield (*owner, effect.name), effect.value


def uses_in(flow: Flow) -> Iterator[Use]:
    """Assigned values get the weight SPOKEN."""
    for step in flow.all_steps:
        yield from (*asked_by(step), *sent_by(step), *played_by(step), *tested_by(step))
        yield from (Use(value, SPOKEN) for _, value in assigned(flow, step))
        yield from _uses(step.effects, "event")
    yield from _sent(flow.events)
    yield from _sent(flow.outbound.hooks if flow.outbound is not None else {})


# where a step leads


def targets_of(flow: Flow, step: Step) -> Iterator[Target]:
    yield from (way.target for way, _ in step.leaving)
    error = step.error or flow.error
    if error is not None:
        yield error


def ways_here(step: Step) -> Iterator[Way]:
    """Leave out a way into a flow that returns to the step."""
    yield from (way for way, _ in step.leaving if way.target.runs is None or not way.target.runs.comes_back)
