"""`ncco hours`: the opening hours, and whether they are open now."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from ncco_server.desk import options
from ncco_server.desk.database import server_store
from ncco_server.desk.output import FINE, CannotRun, columns, print_json
from ncco_server.desk.project import Source
from ncco_server.errors import SettingsError, StoreError
from ncco_server.flow.hours.calendar import Calendar, CurrentHours
from ncco_server.flow.hours.weekly import DAYS, shown_time
from ncco_server.service.hand_hours import HandHours, hand_hours


@click.command(
    "hours",
    epilog="""\b
Examples:
  ncco hours                             the project's opening hours, and which are open now
  ncco hours --format json               the same for a program, with the hours of each weekday
  ncco render main --at 2026-12-25T10:00  what a caller hears at another time

Exit codes: 0 shown, 1 the flows have errors.""",
)
@options.flows
@options.templates
@options.output("text", "json")
def command(flows: Path | None, templates: Path | None, form: str) -> int:
    """List all opening hours, and whether they are open now, also by hand if there is a database."""
    source = Source.here(flows, templates)
    calendars = dict(sorted(source.load_sound().project.calendars.items()))
    now = datetime.now(UTC)
    by_hand = asyncio.run(_by_hand(now)) if calendars else {}
    moments = {name: each.with_hand(by_hand.get(each.key, ())).at(now) for name, each in calendars.items()}
    files = {each: source.path_of(calendar.place.file) for each, calendar in calendars.items()}
    if form == "json":
        print_json([_document(each, calendars[each], files[each], moments[each]) for each in calendars])
    elif not calendars:
        click.echo("no opening hours: add `hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}`")
    else:
        rows = (
            (each, calendar.zone.key, f"{files[each]}:{calendar.place.line}", state_of(moments[each]))
            for each, calendar in calendars.items()
        )
        click.echo("\n".join(columns(rows)))
    return FINE


async def _by_hand(now: datetime) -> HandHours:
    """Return {} without a database: then the files' own hours hold."""
    with suppress(CannotRun, SettingsError, StoreError):
        async with server_store() as store:
            return await hand_hours(store.tables, now)
    return {}


def state_of(moment: CurrentHours) -> str:
    year = moment.now.year
    if not moment.reopens:
        return "closed, and will not open again"
    if moment.open:
        closes = moment.next_close < moment.horizon
        why = " (by hand)" if moment.told else ""
        return f"open{why} until {_shown_time(moment.next_close, year)}" if closes else "always open"
    why = "" if moment.reason == "closed" else f" ({moment.holiday or moment.reason})"
    if decided := moment.calendar.decided(moment.now):
        why = f" (by hand{': ' if decided.reason else ''}{decided.reason})"
    return f"closed{why}, opens {_shown_time(moment.next_open, year)}"


def _document(name: str, calendar: Calendar, file: str, moment: CurrentHours) -> dict[str, Any]:
    """`next_open` and `next_close` are null if there will be no such time.

    A closing time before the opening time is on the next day.
    """
    changes = {word: moment[word] for word in ("next_open", "next_close")}
    return {
        "name": name,
        "timezone": calendar.zone.key,
        "file": file,
        "line": calendar.place.line,
        "open": moment.open,
        "reason": moment.reason,
        "by_hand": moment.calendar.decided(moment.now) is not None,
        **{
            word: change.isoformat(timespec="minutes") if change is not None else None
            for word, change in changes.items()
        },
        "week": {
            day: [[shown_time(span.start), shown_time(span.end)] for span in spans]
            for day, spans in zip(DAYS, calendar.week, strict=True)
        },
    }


def _date(day: date, year: int) -> str:
    """For example, `Tue 29 Dec`, followed by its year unless that is `year`."""
    other = f" {day.year}" if day.year != year else ""
    return f"{DAYS[day.weekday()].capitalize()} {day.day} {day:%b}{other}"


def _shown_time(time: datetime, year: int) -> str:
    return f"{_date(time.date(), year)} {time:%H:%M}"
