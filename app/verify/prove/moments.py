"""Representative moments: one for each way in which the opening hours, and what the flow asks of `now`, can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from jinja2 import UndefinedError, nodes

from app.flow.checks.usage.conditions import Key, key_of
from app.flow.hours.calendar import DAY_MINUTES, Calendar
from app.flow.hours.moment import hours_view
from app.flow.model import Flow
from app.flow.templates import LANGUAGE
from app.flow.templates.filters import Unfit
from app.flow.templates.references import Occurrence, root_names, walk
from app.flow.templates.values import Run, compiled_expression
from app.verify.prove.literals import Literals
from app.verify.prove.uses import assigned, expressions_of, family, uses_in

DAYS: Final = 400
"""How many days ahead are looked at."""
MOST_RESULTS: Final = 32
"""Results of one question about `now`; an expression with more of them is only spoken."""
_WEEK_MINUTES: Final = 7 * 24 * 60
_STEP_MINUTES: Final = 30
_YEAR_DAYS: Final = 366
_MAY_END: Final = ("reopens", "next_open", "next_close")
"""Fields of opening hours that may be missing."""
_COMPARING: Final = frozenset({"contains", "starts_with", "ends_with"})


class Moments(NamedTuple):
    """The moments from now on, and the calendars, by name, that had others which are over."""

    all: tuple[datetime, ...]
    over: tuple[str, ...] = ()


def moments_of(root: Flow, literals: Literals, now: datetime) -> Moments:
    """The first moment of each kind from `now` on; `now` alone without any hours.

    Two moments are of one kind when every calendar is open or closed for the same reason, and every question about
    `now` has the same result.
    """
    calendars = {id(each): each for flow in family(root).values() for each in flow.calendars.values()}.values()
    questions = _questions_of(root)
    if not calendars and not questions:
        return Moments((now,))
    moments = sorted(dict.fromkeys([*_changes(calendars, now), *(_asked_at(now) if questions else ())]))
    results = _results(questions, moments)
    found: dict[Any, datetime] = {}
    for moment in sorted(moments, key=lambda at: at < now):
        kind = tuple(_kind(calendar, moment, literals) for calendar in calendars)
        found.setdefault((kind, results[moment]), moment)
    coming = tuple(moment for moment in found.values() if moment >= now)
    is_over = len(coming) < len(found)
    return Moments(coming, tuple(each.name for each in calendars if is_over and _special_days(each)))


# opening hours


def _kind(calendar: Calendar, at: datetime, literals: Literals) -> tuple[Any, ...]:
    view = hours_view({"it": calendar}, at)["it"]
    compared = literals.of("", ("hours", calendar.name, "holiday")).literals
    holiday = str(view["holiday"])
    coming = tuple(
        view[name] not in (None, False) for name in _MAY_END if literals.of("", ("hours", calendar.name, name)).names
    )
    return view["open"], view["reason"], holiday if holiday in compared else bool(holiday), coming


def _changes(calendars: Iterable[Calendar], now: datetime) -> Iterator[datetime]:
    """The moments right after something changes, on each day that may differ."""
    yield now
    for calendar in calendars:
        today = now.astimezone(calendar.zone).date()
        days = {today + timedelta(days=ahead) for ahead in range(DAYS)}
        special = (day for day in _special_days(calendar) if date.min < day < date.max)
        days.update(day + timedelta(days=step) for day in special for step in (-1, 0, 1))
        for day in sorted(days):
            spans = calendar.spans_on(day)
            minutes = {0, *(span.start for span in spans), *(span.end for span in spans)} - {DAY_MINUTES}
            yield from (_after(calendar, day, minute) for minute in minutes)


def _special_days(calendar: Calendar) -> tuple[date, ...]:
    return (*calendar.holidays, *calendar.override)


def _after(calendar: Calendar, day: date, minute: int) -> datetime:
    start = datetime.combine(day, time(0), calendar.zone)
    return (start + timedelta(minutes=minute)).replace(second=1).astimezone(UTC)


# questions about `now`


def _questions_of(root: Flow) -> tuple[Run, ...]:
    """Every expression that only the time decides, and every value that is kept of it."""
    found: dict[tuple[str, Key], Run] = {}
    for flow in family(root).values():
        languages = dict.fromkeys((LANGUAGE, *(locale.language for locale in flow.locales.values())))
        for question in _questions(flow):
            for language in languages if root_names(question.node) == {"now"} else ():
                run = compiled_expression(question.template, question.node, language)
                found.setdefault((language, key_of(question.node)), run)
    return tuple(found.values())


def _questions(flow: Flow) -> Iterator[Occurrence]:
    for occurrence in (each for use in uses_in(flow) for each in expressions_of(use.source)):
        for part in walk(occurrence.node):
            is_filter = isinstance(part, nodes.Filter) and part.name in _COMPARING
            if isinstance(part, nodes.Compare) or is_filter:
                yield occurrence._replace(node=part)
    for step in flow.steps.values():
        for _, _, assignment in assigned(flow, step):
            yield from expressions_of(assignment.value)


def _asked_at(now: datetime) -> Iterator[datetime]:
    """Each half hour of a week, and each day of a year."""
    yield from (now + timedelta(minutes=minute) for minute in range(0, _WEEK_MINUTES, _STEP_MINUTES))
    yield from (now + timedelta(days=ahead) for ahead in range(_YEAR_DAYS))


def _results(questions: tuple[Run, ...], moments: list[datetime]) -> dict[datetime, tuple[str, ...]]:
    """The results at each moment, without those of questions that have too many."""
    rows = [[_result(run, moment) for moment in moments] for run in questions]
    few = [row for row in rows if len(set(row)) <= MOST_RESULTS]
    return {moment: tuple(row[number] for row in few) for number, moment in enumerate(moments)}


def _result(run: Run, moment: datetime) -> str:
    try:
        return repr(run({"now": moment}))
    except (UndefinedError, Unfit):
        return ""
