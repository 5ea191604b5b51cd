"""Where a call leads in vain: to the number that it came in on (W640), to what has just failed (W645)."""

from __future__ import annotations

from collections.abc import Iterator

from app.flow.checks.usage.facts import Facts
from app.flow.issues import Issue
from app.flow.model import Step
from app.flow.nodes import Place
from app.flow.parts.address import ADDRESS_FIELDS
from app.flow.parts.connect import Connect
from app.flow.parts.values import Object, find
from app.flow.rules import RULES
from app.flow.templates import Computed, Native


def check_leading(facts: Facts) -> Iterator[Issue]:
    """Both, for every step of a flow."""
    numbers = frozenset(facts.flow.numbers)
    for step in facts.flow.steps.values():
        if numbers:
            yield from _dialled(step, numbers)
        yield from _failed(step)
    dialled = {name: computed for name, step in facts.flow.steps.items() if (computed := frozenset(_computed(step)))}
    told: set[Place] = set()
    for name, computed in dialled.items():
        error = facts.flow.steps[name].error or facts.flow.error
        if error is None or error.step == name or error.place in told:
            continue
        if computed & dialled.get(str(error.step), frozenset()):
            told.add(error.place)
            message = f'when the step "{name}" cannot dial, this leads to "{error.step}", which dials the same'
            yield RULES["W645"].at(error.place, message, "lead to a step that dials somebody else, or that says so")


def _computed(step: Step) -> Iterator[str]:
    """The addresses that a step computes, as they are written."""
    for part in step.parts:
        for target in part.targets if isinstance(part, Connect) else ():
            each = (find(target.fields["endpoint"], ("0", name)) for name in ADDRESS_FIELDS)
            yield from (value.unit.text.value for value in each if isinstance(value, Computed | Native))


def _dialled(step: Step, numbers: frozenset[str]) -> Iterator[Issue]:
    for part in step.parts:
        for target in part.targets if isinstance(part, Connect) else ():
            number = find(target.fields["endpoint"], ("0", "number"))
            if not isinstance(number, Object) and number.is_literal and number.render({}) in numbers:
                message = f"calls to {number.render({})} start in this flow: whoever is put through here begins anew"
                cure = "to begin anew lead to the first step; else dial the number of a person or a team"
                yield RULES["W640"].at(number.place, message, cure)


def _failed(step: Step) -> Iterator[Issue]:
    """A step is not entered again in the turn in which it has failed, so its own `error` cannot be itself."""
    if step.error is not None and step.error.step == step.name:
        message = f'when the step "{step.name}" fails, this leads back to it, and it is not tried again'
        cure = "lead to another step, which plays nothing that can fail"
        yield RULES["W645"].at(step.error.place, message, cure)
