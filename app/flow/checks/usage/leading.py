"""Targets that cannot work: the number that the call came in on (W640), a step that has just failed (W645).

And a `from` that cannot work: a number that is not ours (W647).
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from app.flow.actions.connect import ADDRESS_FIELDS, Connect, ConnectTarget
from app.flow.actions.values import Object, find
from app.flow.checks.usage.facts import Facts, needs_in
from app.flow.issues import Issue
from app.flow.model import Step, Value
from app.flow.nodes import Place
from app.flow.rules import RULES
from app.flow.templates import Computed, Native

_OURS = "to"
"""The field of `call` that is a number of ours."""


def check_leading(facts: Facts) -> Iterator[Issue]:
    """All of them, for every step of a flow."""
    numbers = frozenset(facts.flow.numbers)
    for step in facts.flow.steps.values():
        for target in _parties(step):
            yield from _dialled(target, numbers)
            yield from _from(target)
        yield from _failed(step)
    yield from _failed_alone(facts)
    dialled = {name: computed for name, step in facts.flow.steps.items() if (computed := frozenset(_computed(step)))}
    reported: set[Place] = set()
    for name, computed in dialled.items():
        error = facts.flow.steps[name].error or facts.flow.error
        if error is None or error.step == name or error.place in reported:
            continue
        if computed & dialled.get(str(error.step), frozenset()):
            reported.add(error.place)
            message = f'when the step "{name}" cannot dial, this leads to "{error.step}", which dials the same'
            yield RULES["W645"].at(error.place, message, "lead to a step that dials somebody else, or that says so")


def _computed(step: Step) -> Iterator[str]:
    """The addresses that a step computes, as they are written."""
    for target in _parties(step):
        each = (find(target.fields["endpoint"], ("0", name)) for name in ADDRESS_FIELDS)
        yield from (value.source for value in each if isinstance(value, Computed | Native))


def _parties(step: Step) -> Iterator[ConnectTarget]:
    """Whom a step dials."""
    for part in step.parts:
        yield from part.targets if isinstance(part, Connect) else ()


def _dialled(target: ConnectTarget, numbers: frozenset[str]) -> Iterator[Issue]:
    number = find(target.fields["endpoint"], ("0", "number"))
    if isinstance(number, Object):
        return
    shown = number.render({}) if number.is_literal else ""
    if shown in numbers or _is_called_number(number):
        why = f"calls to {shown} start in this flow" if shown else "this is the number that the call came in on"
        message = f"{why}: a caller who is put through here starts again"
        cure = "to start again, lead to the first step; else dial the number of a person or a team"
        yield RULES["W640"].at(number.place, message, cure)


def _is_called_number(value: Value) -> bool:
    """Whether a value is nothing but `{{ call.to }}`, the number that the call came in on."""
    if not isinstance(value, Computed):
        return False
    body = value.template.body
    parts = body[0].nodes if len(body) == 1 and isinstance(body[0], nodes.Output) else [*body, nodes.Const("")]
    computed = [part for part in parts if not isinstance(part, nodes.TemplateData) or part.data.strip(" +")]
    return all(_is_of_call(part, _OURS) for part in computed)


def _is_of_call(node: object, key: str) -> bool:
    match node:
        case nodes.Getattr(node=nodes.Name(name="call"), attr=attr):
            return bool(attr == key)
    return False


def _from(target: ConnectTarget) -> Iterator[Issue]:
    """A phone is only dialled from a number of ours. What the caller has or gives is none.

    Source: NCCO reference, Connect (`from`).
    """
    value = target.fields.get("from")
    if value is None or find(target.fields["endpoint"], ("0", "type")).render({}) != "phone":
        return
    for need in needs_in(value):
        if need.name == "input" or (need.name == "call" and need.field != _OURS):
            message = f"`from` is {need.name}.{need.field}, which is not one of your numbers: this never connects"
            cure = "leave `from` out: the number that was called is shown; or write another number of yours"
            yield RULES["W647"].at(need.place, message, cure)
            return


def _failed(step: Step) -> Iterator[Issue]:
    """A step is not entered again in the turn in which it has failed, so its own `error` cannot be itself."""
    if step.error is not None and step.error.step == step.name:
        message = f'when the step "{step.name}" fails, this leads back to it, but it is not tried again'
        cure = "lead to another step, which plays nothing that can fail"
        yield RULES["W645"].at(step.error.place, message, cure)


def _failed_alone(facts: Facts) -> Iterator[Issue]:
    """The error step of a flow in which no other step can lead to it."""
    error, steps = facts.flow.error, facts.flow.steps
    if error is None or error.step is None or steps[error.step].error is not None:
        return
    if all(step.error is not None for step in steps.values() if step.name != error.step):
        message = f'only the step "{error.step}" itself leads here when it fails, and it is not tried again'
        yield RULES["W645"].at(error.place, message, "lead to another step, which plays nothing that can fail")
