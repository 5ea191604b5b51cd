"""Moments that stand for all others: one for each way in which the opening hours of a flow can be together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from app.flow.hours.calendar import DAY_MINUTES, Calendar
from app.flow.hours.moment import hours_view
from app.flow.model import Flow
from app.verify.prove.flows import family
from app.verify.prove.literals import Literals
from app.verify.prove.times import asked_of_time, moments_by, told

DAYS: Final = 400
"""How far ahead ordinary days are looked at."""
_COMING: Final = ("reopens", "next_open", "next_close")
"""What may not come any more."""


def moments_of(root: Flow, literals: Literals, now: datetime) -> tuple[datetime, ...]:
    """The first moment of each kind from `now` on; of special dates also before it. `now` alone without any hours.

    Two moments are alike when every calendar is open or closed for the same reason at both, what the day is called
    makes no difference to the flow, and whatever the flow asks of the time itself has the same answer.
    """
    calendars = {f"{flow.name}.{name}": each for flow in family(root).values() for name, each in flow.calendars.items()}
    different = {id(each): each for each in calendars.values()}
    asked = asked_of_time(root)
    if not different and not asked:
        return (now,)
    edges = dict.fromkeys([*_edges(different.values(), now), *moments_by(asked, now)])
    moments = sorted(edges, key=lambda at: (at < now, at))
    answers = told(asked, moments)
    found: dict[Any, datetime] = {}
    for moment in moments:
        found.setdefault((_kind(different.values(), moment, literals), answers[moment]), moment)
    return tuple(found.values())


def _kind(calendars: Iterable[Calendar], at: datetime, literals: Literals) -> tuple[Any, ...]:
    return tuple(_seen(calendar, at, literals) for calendar in calendars)


def _seen(calendar: Calendar, at: datetime, literals: Literals) -> tuple[Any, ...]:
    seen = hours_view({"it": calendar}, at)["it"]
    tested = literals.of("", ("hours", calendar.name, "holiday")).literals
    called = str(seen["holiday"])
    comes = tuple(
        seen[name] not in (None, False) for name in _COMING if literals.of("", ("hours", calendar.name, name)).names
    )
    return seen["open"], seen["reason"], called if called in tested else bool(called), comes


def _edges(calendars: Iterable[Calendar], now: datetime) -> Iterator[datetime]:
    """The moments at which anything changes, and those right after, over the days that may differ."""
    yield now
    for calendar in calendars:
        for day in _days(calendar, now):
            for minute in _minutes(calendar, day):
                yield _at(calendar, day, minute)


def _days(calendar: Calendar, now: datetime) -> Iterator[date]:
    today = now.astimezone(calendar.zone).date()
    days = {today + timedelta(days=ahead) for ahead in range(DAYS)}
    special = (*calendar.holidays, *calendar.override)
    days.update(day + timedelta(days=step) for day in special for step in (-1, 0, 1) if date.min < day < date.max)
    yield from sorted(days)


def _minutes(calendar: Calendar, day: date) -> set[int]:
    """Midnight, and when it opens and closes on a day; hours that go on into the next day end there."""
    spans = calendar.spans_on(day)
    return {0, *(span.start for span in spans), *(span.end for span in spans)} - {DAY_MINUTES}


def _at(calendar: Calendar, day: date, minute: int) -> datetime:
    start = datetime.combine(day, time(0), calendar.zone)
    wall = (start + timedelta(minutes=minute)).replace(second=1)
    return wall.astimezone(UTC)
