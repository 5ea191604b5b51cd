"""Texts that are too long when their values are at their longest: W641.

What a value can be at its longest is known where its type says so: one of some words, a number, true or false, the
digits that a `collect` takes. Of any other text nothing is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from jinja2 import nodes

from app.flow.actions.action import Action
from app.flow.actions.values import leaves
from app.flow.checks.usage.facts import Facts, needs_in, parts_of, tests_of
from app.flow.hours.calendar import Calendar
from app.flow.issues import Issue
from app.flow.language.exits import Branch
from app.flow.model import Step
from app.flow.rules import RULES
from app.flow.scope import ScopeTypes
from app.flow.templates import Computed
from app.flow.templates.checker import known_type
from app.flow.templates.references import Reference, walk
from app.ncco.ssml import MAX_TALK_CHARACTERS

_TAG = re.compile(r"<[^>]*>")
_LONGEST = {"int": 19, "number": 20, "bool": 5, "phone": 15}
"""Characters of a value of a type."""

_APART = frozenset({"digits", "spell"})
"""Filters that set a comma and a blank behind each character."""


def check_lengths(facts: Facts) -> Iterator[Issue]:
    """W641 for every talk of a flow."""
    texts = tuple(text for step in facts.flow.steps.values() for text in texts_of(step))
    if texts:
        measure = _Measure(facts.source.scope, _entered(facts))
        yield from (issue for text in texts for issue in _text(text, measure))


def texts_of(step: Step) -> Iterator[Computed]:
    """Every computed text that a step says."""
    for part in parts_of(step):
        text = part.fields.get("text") if isinstance(part, Action) and part.word == "talk" else None
        if text is not None and not text.is_literal:
            yield from (leaf for leaf in leaves(text) if isinstance(leaf, Computed))


def _entered(facts: Facts) -> dict[str, int]:
    """How many digits each variable holds at most, where only a `collect` of digits fills it."""
    written = facts.written
    return {
        name: max(digits[1] for digits in each if digits is not None)
        for name, each in facts.collected.items()
        if None not in each and name not in written
    }


def _text(value: Computed, measure: _Measure) -> Iterator[Issue]:
    longest = measure.block(value.template.body)
    if longest > MAX_TALK_CHARACTERS:
        limit = f"{MAX_TALK_CHARACTERS:,} can be said"
        message = f"this text has {longest:,} characters when its values are at their longest; {limit}"
        yield RULES["W641"].at(value.place, message)


@dataclass(frozen=True, slots=True)
class _Measure:
    """Counts what texts and values have at most.

    Attributes:
        scope: the types of names.
        entered: the most digits of variables that callers key in.
    """

    scope: ScopeTypes
    entered: Mapping[str, int]

    def block(self, body: Iterable[nodes.Node]) -> int:
        """The characters of a text without its tags, and of what it includes."""
        return sum(self._part(part) for part in body)

    def _part(self, part: nodes.Node) -> int:
        match part:
            case nodes.Output():
                return self.block(part.nodes)
            case nodes.TemplateData():
                return len(_TAG.sub("", part.data))
            case nodes.If():
                return max(self.block(body) for body in (part.body, *(arm.body for arm in part.elif_), part.else_))
            case nodes.For():
                return self.block(part.body) + self.block(part.else_)
            case nodes.Scope():
                return self.block(part.body)
            case nodes.Expr():
                return self.value(part)
        return 0

    def value(self, node: nodes.Expr) -> int:
        """The characters of a value; 0 where its type does not say."""
        match node:
            case nodes.Const(value=str() as text):
                return len(text)
            case nodes.Name(name=name) if name in self.entered:
                return self.entered[name]
            case nodes.Getitem(arg=nodes.Slice(start=low, stop=nodes.Const(value=int() as high))) if high > 0:
                first = low.value if isinstance(low, nodes.Const) and low.value else 0
                return max(0, high - max(first, 0))
            case nodes.CondExpr(expr1=then, expr2=nodes.Expr() as other):
                return max(self.value(then), self.value(other))
            case nodes.BinExpr(left=left, right=right) if isinstance(node, nodes.Add | nodes.Sub):
                return self.value(left) + self.value(right)
            case nodes.Filter(node=nodes.Expr() as of, name=name, args=args):
                return 3 * self.value(of) if name in _APART else max([self.value(of), *map(self.value, args)])
        return self._typed(node)

    def _typed(self, node: nodes.Expr) -> int:
        shape = known_type(self.scope, node)
        if shape is None:
            return 0
        return max(map(len, shape.words)) if shape.words else _LONGEST.get(shape.name, 0)


_DAY_NAME: Final = "holiday"


def check_nameless(facts: Facts) -> Iterator[Issue]:
    """One issue for each calendar, at the first place where a text says the name of a day that may have none.

    A flow that asks for the name anywhere is believed to say it where there is one. A step is believed to be for
    holidays, unless a line of a `branch` that leads to it asks for changed days (`override`).
    """
    spoken = list(_said_names(facts)) if "hours" in facts.read else []
    if not spoken or _is_asked_for(facts):
        return
    reported: set[str] = set()
    for step, need in sorted(spoken, key=lambda each: each[1].place):
        name = str(need.path[0])
        found = _nameless(facts.flow.calendars[name], _reasons(facts, step)) if name not in reported else None
        if found is not None:
            reported.add(name)
            yield RULES["W639"].at(need.place, *_nameless_report(name, *found))


def _nameless_report(name: str, day: date, is_override: bool) -> tuple[str, str]:
    """Message and cure."""
    message = f'"hours.{name}.holiday" is empty on {day}: this date has no name'
    if is_override:
        return message, f"name it next to its hours, under `override`: `{day}: {{hours: .., name: stocktaking}}`"
    return message, f"name it under `holidays`: `{{{day}: stocktaking}}`"


def _said_names(facts: Facts) -> Iterator[tuple[Step, Reference]]:
    """Where a text says what a day is called, and nothing around it asks whether there is a name."""
    for step in facts.flow.steps.values():
        for text in texts_of(step):
            if "hours" in text.used_names:
                yield from ((step, need) for need in needs_in(text) if _is_name(need) and need.is_bare)


def _is_name(need: Reference) -> bool:
    return need.name == "hours" and need.path[1:] == (_DAY_NAME,)


def _is_asked_for(facts: Facts) -> bool:
    """Whether a condition of the flow asks what a day is called."""
    tests = (test for step in facts.flow.steps.values() for test in tests_of(step))
    return any(_is_name(need) for test in tests for need in needs_in(test))


def _reasons(facts: Facts, step: Step) -> frozenset[str]:
    """For which of the two reasons a call comes to a step, as far as the branches that lead to it ask."""
    branches = [each.exit for each in facts.flow.steps.values() if isinstance(each.exit, Branch)]
    tests = [arm.condition.node for each in branches for arm in each.arms if arm.target.step == step.name]
    asked = {node.value for test in tests for node in walk(test) if isinstance(node, nodes.Const)}
    return frozenset(asked & {"holiday", "override"}) or frozenset({"holiday"})


def _nameless(calendar: Calendar, reasons: frozenset[str]) -> tuple[date, bool] | None:
    """The first date without a name, and whether it is one of `override`; None when all have one."""
    dates = {"holiday": calendar.holidays.keys() - calendar.override.keys(), "override": calendar.override.keys()}
    found = [day for reason in reasons for day in dates[reason] if not calendar.holiday_on(day)]
    first = min(found, default=None)
    return None if first is None else (first, first in calendar.override)
