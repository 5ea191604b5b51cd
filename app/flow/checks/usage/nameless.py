"""The name of a day that is said, and dates of the opening hours that have none: W639."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from jinja2 import nodes

from app.flow.checks.usage.facts import Facts
from app.flow.checks.usage.lengths import texts_of
from app.flow.checks.usage.reading import needs_in
from app.flow.checks.usage.walking import tests_of
from app.flow.hours.calendar import Calendar
from app.flow.issues import Issue
from app.flow.language.exits import Branch
from app.flow.model import Step
from app.flow.rules import RULES
from app.flow.templates.references import Reference, walk

_FIELD: Final = "holiday"


def check_nameless(facts: Facts) -> Iterator[Issue]:
    """One issue for each calendar, at the first place where a text says the name of a day that may have none.

    A flow that asks for the name anywhere is believed to say it where there is one. A step is believed to be for
    holidays, unless a line of a `branch` that leads to it asks for changed days (`override`).
    """
    spoken = list(_said(facts)) if "hours" in facts.read else []
    if not spoken or _is_asked_for(facts):
        return
    told: set[str] = set()
    for step, need in sorted(spoken, key=lambda each: each[1].place):
        name = str(need.path[0])
        found = _nameless(facts.flow.calendars[name], _reasons(facts, step)) if name not in told else None
        if found is not None:
            told.add(name)
            yield RULES["W639"].at(need.place, *_told(name, *found))


def _told(name: str, day: date, is_override: bool) -> tuple[str, str]:
    """Message and cure."""
    message = f'"hours.{name}.holiday" is empty on {day}: this date has no name'
    if is_override:
        return message, f"name it where its hours stand, under `override`: `{day}: {{hours: .., name: stocktaking}}`"
    return message, f"name it under `holidays`: `{{{day}: stocktaking}}`"


def _said(facts: Facts) -> Iterator[tuple[Step, Reference]]:
    """Where a text says what a day is called, and nothing around it asks whether there is a name."""
    for step in facts.flow.steps.values():
        for text in texts_of(step):
            if "hours" in text.used_names:
                yield from ((step, need) for need in needs_in(text) if _is_name(need) and need.is_bare)


def _is_name(need: Reference) -> bool:
    return need.name == "hours" and need.path[1:] == (_FIELD,)


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
