"""What callers hear that depends on opening hours: the steps that say it, and their words on a date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Final, NamedTuple
from urllib.parse import quote

from ncco_server.engine import CallData, begin
from ncco_server.errors import StoreError
from ncco_server.flow.checks.facts import reads_in
from ncco_server.flow.hours.calendar import DAY_MINUTES, Calendar, Span, Spans, seconds
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.templates.values import Expression, Value
from ncco_server.ncco.durations import plain
from ncco_server.sample_calls import FROM
from ncco_studio.console.change.fields import group_title
from ncco_studio.console.change.notation import day_in_words, weekdays_in_words
from ncco_studio.console.stored_rows import PlayedWorld
from ncco_studio.editor.project import ReadProject
from ncco_studio.verify.prove.turns import context_at

_NOON: Final = 720
WEEKS: Final = 4
"""In which each day of the week is once an ordinary one; our choice."""


class HeardAt(NamedTuple):
    """What callers hear at a time of day (`09:00`)."""

    at: str
    words: str


def steps_by_hours(read: ReadProject, file: str) -> dict[str, dict[str, str]]:
    """The addresses of the steps that say the hours, or that a condition on them leads to, by name, by the calendar."""
    found = dict[str, dict[str, str]]()
    for flow in read.project.flows.values():
        page = "" if flow.place.file == file else f"/change/{quote(flow.place.file)}"
        for name, calendar in flow.calendars.items():
            steps = found.setdefault(calendar.name, {}) if calendar.place.file == file else {}
            for step in flow.steps.values():
                leads = _leads(step, name)
                heard = [step.name] * _says(step, name)
                heard += [way.target.step for way, _ in step.leaving if leads and way.target.step]
                talks = (each for each in heard if any(action.word == "talk" for action in flow.steps[each].actions))
                steps |= {each.replace("_", " "): f"{page}#step-{each}" for each in talks}
    return found


def heard_on(
    read: ReadProject, calendar: Calendar, days: Iterable[date], env: Mapping[str, str], played: PlayedWorld
) -> dict[date, HeardAt]:
    """Leave out days on which it depends on more than the time and stored rows."""
    by_hand = calendar.with_hand(played.by_hand.get(calendar.key, ()))
    flows = (flow for flow in read.project.flows.values() if calendar.key in flow.asks_hours and flow.handler is None)
    starts = ((flow, _asking(flow, calendar)) for flow in flows)
    asking = next(((flow, start) for flow, start in starts if start), None)
    found: dict[date, HeardAt] = {}
    for day in days if asking else ():
        if day in days_by_hand(by_hand):
            minute = _telling_minute(_hours_of(calendar, day), _hours_of(by_hand, day))
        else:
            minute = _telling_minute(calendar.week[day.weekday()], calendar.spans_on(day))
        moment = datetime.combine(day, time(), calendar.zone) + timedelta(minutes=minute)
        if asking and (words := _words(*asking, moment, env, played)):
            found[day] = HeardAt(f"{moment:%H:%M}", words)
    return found


class WeekHeard(NamedTuple):
    """The form of the opening hours that a step depends on, and what callers hear on which days of a week."""

    title: str
    address: str
    days: list[tuple[str, HeardAt]]


def heard_in_week(
    read: ReadProject, flow: Flow, env: Mapping[str, str], played: PlayedWorld
) -> dict[str, list[WeekHeard]]:
    """By the names of the flow's steps that say the hours, or decide by them. Days with the same hours are one line."""
    found = dict[str, list[WeekHeard]]()
    for name, calendar in flow.calendars.items():
        asking = [step.name for step in flow.steps.values() if _leads(step, name) or _says(step, name)]
        if asking:
            week = week_heard(read, calendar, env, played)
            for step in asking:
                found.setdefault(step, []).append(week)
    return found


def form_of(calendar: Calendar) -> str:
    group = f"step-Opening hours: {calendar.name}".replace(" ", "-")
    return f"/change/{quote(calendar.place.file)}#{quote(group)}"


def week_heard(read: ReadProject, calendar: Calendar, env: Mapping[str, str], played: PlayedWorld) -> WeekHeard:
    """A day for which something was decided by hand has its own line."""
    today = datetime.now(calendar.zone).date()
    coming = [today + timedelta(days) for days in range(WEEKS * 7)]
    decided = days_by_hand(calendar.with_hand(played.by_hand.get(calendar.key, ())))
    own = [day for day in coming if day in decided]
    alike: dict[Spans, dict[int, date]] = {}
    for day in coming:
        if day not in calendar.override and day not in calendar.holidays and day not in decided:
            alike.setdefault(calendar.week[day.weekday()], {}).setdefault(day.weekday(), day)
    groups = sorted(alike.values(), key=min)
    heard = heard_on(read, calendar, [*(each[min(each)] for each in groups), *own], env, played)
    days = [(weekdays_in_words(each), heard[each[min(each)]]) for each in groups if each[min(each)] in heard]
    days += [(day_in_words(day), heard[day]) for day in own if day in heard]
    return WeekHeard(group_title(calendar.name), form_of(calendar), days)


def days_by_hand(calendar: Calendar) -> frozenset[date]:
    """The days from today on for which something was decided by hand."""
    now = seconds(datetime.now(UTC))
    found = set[date]()
    for each in calendar.by_hand:
        if each.end > max(each.start, now):
            day = calendar.local_datetime(max(each.start, now)).date()
            last = calendar.local_datetime(each.end - 1).date()
            found.update(day + timedelta(days) for days in range((last - day).days + 1))
    return frozenset(found)


def _hours_of(calendar: Calendar, day: date) -> Spans:
    """When it is open on a day, by the clock."""
    midnight = datetime.combine(day, time(), calendar.zone)
    openings = calendar.openings(midnight, midnight + timedelta(1))
    spans = [[calendar.local_datetime(at) for at in opening] for opening in openings]
    return tuple([Span(_minute_of(start, day), _minute_of(end, day)) for start, end in spans])


def _minute_of(moment: datetime, day: date) -> int:
    return (moment.date() - day).days * DAY_MINUTES + moment.hour * 60 + moment.minute


def _asking(flow: Flow, calendar: Calendar) -> str:
    """The step that decides by the hours, or else one that says them; "" if another flow does."""
    names = [name for name, each in flow.calendars.items() if each.key == calendar.key]
    steps = [(step, name) for step in flow.steps.values() for name in names]
    leading = (step.name for step, name in steps if _leads(step, name))
    return next(leading, next((step.name for step, name in steps if _says(step, name)), ""))


def _telling_minute(usual: Spans, own: Spans) -> int:
    """The first minute of a day at which it differs from the usual one; noon if it never does."""
    minutes = sorted(each for span in (*usual, *own) for each in span)
    return next((each for each in minutes if _covers(usual, each) != _covers(own, each)), _NOON)


def _covers(spans: Spans, minute: int) -> bool:
    return any(span.start <= minute < span.end for span in spans)


def _words(flow: Flow, start: str, moment: datetime, env: Mapping[str, str], played: PlayedWorld) -> str:
    """What a caller with the sample number hears; "" if it depends on a lookup that is not in a table."""
    call = CallData(next(iter(flow.numbers), ""), FROM, uuid="leg")
    context = context_at(moment.astimezone(UTC), env)._replace(by_hand=played.by_hand)
    playing = begin(replace(flow, start=start, stretches={}), "call", call, context)
    try:
        wanted = next(playing)
        while all(each.request.method == "TABLE" for each in wanted):
            wanted = playing.send(played.rows(wanted))
    except StoreError:
        return ""
    except StopIteration as done:
        turn = done.value
        heard = takewhile(lambda action: action["action"] != "input", turn.ncco)
        said = (plain(action["text"]) for action in heard if action["action"] == "talk")
        return "" if turn.has_fault else " ".join(said)
    return ""


def _leads(step: Step, hours: str) -> bool:
    return any(_asks(test, hours) for test in step.exit.reads())


def _says(step: Step, hours: str) -> bool:
    return any(_asks(effect.value, hours) for effect in step.effects if effect.phase == "do")


def _asks(value: Value | Expression, hours: str) -> bool:
    return "hours" in value.used_names and any(
        each.name == "hours" and each.field in ("", hours) for each in reads_in(value)
    )
