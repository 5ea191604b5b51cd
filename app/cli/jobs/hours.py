"""`ncco hours`: the opening hours of a project, one year of them for a person or a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import click

from app.cli.jobs.environment import flow_variables, folders
from app.cli.jobs.naming import did_you_mean
from app.cli.jobs.project import Source, as_named, find, show_errors
from app.cli.jobs.year import columns, shown_moment, spans_json, year_json, year_lines
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow.hours import Calendar, Moment, hours_view, survey
from app.flow.hours.days import DAYS

Form = Literal["text", "json"]


def run(*, name: str | None, year: int | None, flows: Path | None, templates: Path | None, form: Form) -> int:
    """Print the hours; ISSUES when the flows have errors. Raises CannotRun."""
    source = Source(*folders(flows, templates))
    found = find(source, flow_variables())
    if found.has_errors:
        show_errors(found)
        return ISSUES
    now = datetime.now(UTC)
    known = {
        each: Shown(each, calendar, as_named(calendar.place.file, source), hours_view({each: calendar}, now)[each])
        for each, calendar in sorted(found.project.calendars.items())
    }
    if name is None:
        _print(listed(known.values()), [shown.as_json() for shown in known.values()], form)
        return FINE
    shown = _named(known, name)
    told = survey(shown.calendar, year or now.astimezone(shown.calendar.zone).year)
    heading = [f"{name}  {shown.calendar.zone.key}  {shown.place}", f"now: {shown.state}", ""]
    _print([*heading, *year_lines(shown.calendar, told)], {**shown.as_json(), **year_json(told)}, form)
    return FINE


@dataclass(frozen=True, slots=True)
class Shown:
    """A calendar under the name that the command knows it by, where it is written, and how it stands now."""

    name: str
    calendar: Calendar
    file: str
    moment: Moment

    @property
    def place(self) -> str:
        """`flows/shared.yaml:3`."""
        return f"{self.file}:{self.calendar.place.line}"

    @property
    def state(self) -> str:
        """Whether it is open now, and until when."""
        moment = self.moment
        if not moment.reopens:
            return "closed, and does not open any more"
        if moment.open:
            return f"open until {shown_moment(moment.next_close, moment.now.year)}" if self._closes else "always open"
        why = "" if moment.reason == "closed" else f" ({moment.holiday or moment.reason})"
        return f"closed{why}, opens {shown_moment(moment.next_open, moment.now.year)}"

    @property
    def _closes(self) -> bool:
        return self.moment.next_close < self.moment.horizon

    def as_json(self) -> dict[str, Any]:
        """What a program wants to know of it; `next_open` and `next_close` are null when they do not come."""
        turns = {name: self.moment[name] for name in ("next_open", "next_close")}
        return {
            "name": self.name,
            "timezone": self.calendar.zone.key,
            "file": self.file,
            "line": self.calendar.place.line,
            "open": self.moment.open,
            "reason": self.moment.reason,
            **{name: turn.isoformat(timespec="minutes") if turn is not None else None for name, turn in turns.items()},
            "week": {day: spans_json(spans) for day, spans in zip(DAYS, self.calendar.week, strict=True)},
        }


def _print(lines: Iterable[str], document: object, form: Form) -> None:
    click.echo(json.dumps(document, ensure_ascii=False) if form == "json" else "\n".join(lines))


def _named(known: Mapping[str, Shown], name: str) -> Shown:
    if name in known:
        return known[name]
    raise CannotRun(f'there are no hours "{name}"', did_you_mean(name, known))


def listed(all_shown: Iterable[Shown]) -> Iterator[str]:
    """A line for each calendar."""
    rows = [(shown.name, shown.calendar.zone.key, shown.place, shown.state) for shown in all_shown]
    if not rows:
        yield "no opening hours: add `hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}`"
    yield from columns(rows)
