"""Checks the texts and targets of a flow's actions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import product
from math import prod
from typing import Any, Final, TypeAlias

from jinja2 import nodes

from ncco_server.errors import RenderError
from ncco_server.flow.action import Action
from ncco_server.flow.actions.check import as_sent
from ncco_server.flow.actions.connect import ConnectTarget
from ncco_server.flow.checks.facts import Facts, needs_in, reads_in, uses_of
from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.scope import ScopeTypes
from ncco_server.flow.templates.checker import known_type
from ncco_server.flow.templates.references import Reference, walk
from ncco_server.flow.templates.values import Computed, Expression, Value
from ncco_server.flow.values import Object, find, leaves
from ncco_server.issue import keys_of
from ncco_server.ncco import check
from ncco_server.ncco.ssml import MAX_TALK_CHARACTERS
from ncco_server.ncco.value_types import Kind

_OUR_NUMBER = "to"
"""The field of `call` with our number, which the caller dialled; in a call that we place, it is `from`."""


def check_actions(facts: Facts) -> Iterator[FlowIssue]:
    yield from _check_targets(facts)
    yield from _check_words(facts)
    yield from _check_lengths(facts)
    yield from _check_nameless(facts)


def _check_targets(facts: Facts) -> Iterator[FlowIssue]:
    for step in facts.steps:
        for target in step.targets:
            number = find(target.fields["endpoint"], ("0", "number"))
            if not isinstance(number, Object):
                yield from _check_dialled_number(number, facts.flow)
            yield from _check_from(target)
    placed = {id(hook.definition): hook.definition.placing for hook in facts.flow.hooks}
    for placing in filter(None, placed.values()):
        yield from _check_dialled_number(placing.to, facts.flow)
    yield from _check_opt_out(facts)


def _check_opt_out(facts: Facts) -> Iterator[FlowIssue]:
    """Report W640 for our own number in a table of people who must not be called."""
    outbound = facts.flow.outbound
    if outbound is None or facts.flow.is_startable:
        return
    unless = outbound.unless or ()
    saves = (save for step in facts.steps for save in step.saves if save.table in unless)
    for value in (value for save in saves for value in save.key.values()):
        if _is_our_number(value, "from"):
            message = "a placed call comes from your own number, so this person will be called again"
            yield RULES["W640"].at(value.place, message, "write call.person")


def _check_dialled_number(number: Value, flow: Flow) -> Iterator[FlowIssue]:
    shown = str(number.render({})).removeprefix("+") if number.is_literal else ""
    is_called = _is_our_number(number, _OUR_NUMBER) and flow.outbound is None  # a placed call is to the person
    if shown in flow.numbers or is_called:
        why = f"calls to {shown} start in this flow" if shown else "this is the number that the call came in on"
        message = f"{why}, so a call to it starts the flow again"
        yield RULES["W640"].at(number.place, message)


def _is_our_number(value: Value, field: str) -> bool:
    match value.template.body if isinstance(value, Computed) else []:
        case [nodes.Output(nodes=parts)]:
            outputs = (part for part in parts if not isinstance(part, nodes.TemplateData) or part.data.strip(" +"))
            return all(_reads(part, field) for part in outputs)
    return False


def _reads(node: nodes.Node, field: str) -> bool:
    match node:
        case nodes.Getattr(node=nodes.Name(name="call"), attr=attr):
            return bool(attr == field)
    return False


def _check_from(target: ConnectTarget) -> Iterator[FlowIssue]:
    """Report W647 if a phone's `from` is the caller's number or input. A handler in Python reports it where it dials.

    Source: NCCO reference, Connect (`from`); Numbers guide, Outgoing Caller ID.
    """
    value = target.fields.get("from") if target.kind == "phone" else None
    for need in needs_in(value) if value is not None else ():
        if need.name == "input" or (need.name == "call" and need.field != _OUR_NUMBER):
            message = f"`from` is {need.name}.{need.field}, which is not one of your numbers: it may not connect"
            yield RULES["W647"].at(need.place, message)
            return


_COMBINATION_LIMIT: Final = 20
"""Our choice. A value with more combinations is not checked."""

Words: TypeAlias = Mapping[tuple[str, str], tuple[str, ...]]
"""(name, field) → the allowed words of the field, or of the name itself for ""."""


def _check_words(facts: Facts) -> Iterator[FlowIssue]:
    scope = facts.source.reader.scope
    if not any(map(_has_words, scope.types.values())):
        return
    for step in facts.steps:
        for action in (action for part in step.played for action in part.actions):
            for name, value in action.fields.items():
                if name != "text" and not value.is_literal:
                    yield from _field(action, value, scope, scope.samples)


def _has_words(type_: Kind) -> bool:
    return bool(type_.words) or any(map(_has_words, type_.fields.values()))


def _field(action: Action, value: Value, scope: ScopeTypes, samples: Mapping[str, Any]) -> Iterator[FlowIssue]:
    for leaf in leaves(value):
        words = _words(leaf, scope)
        if words and prod(map(len, words.values())) <= _COMBINATION_LIMIT:
            each = (dict(zip(words, said, strict=True)) for said in product(*words.values()))
            found = [issue for said in each if (issue := _try(action, leaf, said, samples)) is not None]
            yield from sorted(found, key=lambda issue: not issue.is_error)[:1]


def _words(leaf: Value, scope: ScopeTypes) -> Words:
    """Return {} if any of the names can have other values."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for read in reads_in(leaf):
        type_ = scope.get(read.name) if not read.is_local else None
        if type_ is not None and type_.is_record and read.field:
            type_ = type_.fields.get(read.field)
        if type_ is None or not type_.words:
            return {}
        found[read.name, read.field] = type_.words
    return found


def _try(
    action: Action, leaf: Value, said: Mapping[tuple[str, str], str], samples: Mapping[str, Any]
) -> FlowIssue | None:
    names = dict(samples)
    for (name, field), word in said.items():
        names[name] = {**names[name], field: word} if field else word
    shown = " and ".join(f'{".".join(filter(None, name))} is "{word}"' for name, word in said.items())
    try:
        leaf.render(names)
    except RenderError as error:
        return RULES["E313"].at(leaf.place, f"this is not valid when {shown}: {error.message}", "allow other words")
    whole = Object(action.fields, action.place)
    for issue in check([as_sent(action, names)]):
        if find(whole, keys_of(issue.path)[1:]) is leaf:
            rule = RULES["E401" if issue.is_error else "W401"]
            return rule.at(leaf.place, f"{issue.message} (when {shown})", issue.fix)
    return None


_TAG = re.compile(r"<[^>]*>")


def _check_lengths(facts: Facts) -> Iterator[FlowIssue]:
    """Report W641 for every talk that is too long when its allowed words are at their longest.

    Any other value counts as empty.
    """
    scope = facts.source.reader.scope
    for text in (text for step in facts.steps for text in _texts_of(step)):
        longest = _longest(text.template.body, scope)
        if longest > MAX_TALK_CHARACTERS:
            message = (
                f"this text has {longest:,} characters when its values are at their longest; "
                f"{MAX_TALK_CHARACTERS:,} can be said"
            )
            yield RULES["W641"].at(text.place, message)


def _longest(body: Iterable[nodes.Node], scope: ScopeTypes) -> int:
    length = 0
    for part in body:
        match part:
            case nodes.TemplateData(data=text):
                length += len(_TAG.sub("", text))
            case nodes.If(body=then, elif_=arms, else_=other):
                length += max(_longest(each, scope) for each in (then, *(arm.body for arm in arms), other))
            case nodes.Expr():
                kind = known_type(scope, part)
                length += max(map(len, kind.words), default=0) if kind is not None else 0
            case nodes.Output() | nodes.For() | nodes.Scope():
                length += _longest(part.iter_child_nodes(), scope)
    return length


def _texts_of(step: Step) -> Iterator[Computed]:
    for effect in uses_of(step):
        if effect.name == "talk.text" and not isinstance(effect.value, Expression):
            yield from (leaf for leaf in leaves(effect.value) if isinstance(leaf, Computed))


def _check_nameless(facts: Facts) -> Iterator[FlowIssue]:
    """Report W639 for each calendar, where a text first speaks the name of a day that may have none.

    A flow that tests the name anywhere is assumed to speak it only when there is one. A step counts as one for
    holidays, unless a `branch` line that leads to it tests for days with changed hours (`override`).
    """
    steps = facts.steps if "hours" in facts.read else ()
    if any(_is_day_name(need) for step in steps for test in step.exit.reads() for need in needs_in(test)):
        return
    texts = ((step, text) for step in steps for text in _texts_of(step) if "hours" in text.used_names)
    spoken = [
        (step, need) for step, text in texts for need in needs_in(text) if _is_day_name(need) and need.is_unguarded
    ]
    reported: set[str] = set()
    for step, need in sorted(spoken, key=lambda each: each[1].place):
        name = str(need.path[0])
        calendar = facts.flow.calendars[name]
        day = None if name in reported else _first_nameless(calendar, _reasons(facts, step))
        if day is not None:
            reported.add(name)
            message = f'"hours.{name}.holiday" is empty on {day}'
            yield RULES["W639"].at(need.place, message, "write the `name` of that day under `holidays` or `override`")


def _is_day_name(need: Reference) -> bool:
    return need.name == "hours" and need.path[1:] == ("holiday",)


def _reasons(facts: Facts, step: Step) -> frozenset[str]:
    """`holiday`, `override` or both."""
    ways = [way for each in facts.steps for way, _ in each.leaving if way.target.step == step.name]
    tests = [way.condition.node for way in ways if way.condition is not None]
    asked = {node.value for test in tests for node in walk(test) if isinstance(node, nodes.Const)}
    return frozenset(asked & {"holiday", "override"}) or frozenset({"holiday"})


def _first_nameless(calendar: Calendar, reasons: frozenset[str]) -> date | None:
    dates = {"holiday": calendar.holidays.keys() - calendar.override.keys(), "override": calendar.override.keys()}
    return min((day for reason in reasons for day in dates[reason] if not calendar.holiday_on(day)), default=None)
