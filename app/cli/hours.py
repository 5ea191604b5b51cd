"""`ncco hours`: when opening hours are open in a year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from app.cli import options
from app.cli.environment import folders
from app.cli.output import FINE, CannotRun, columns, print_json
from app.cli.project import Source, did_you_mean
from app.flow.hours.calendar import Calendar, CurrentHours, Span, hours_view
from app.flow.hours.holidays import FIRST_YEAR, LAST_YEAR
from app.flow.hours.weekly import DAYS, shown_days, shown_duration, shown_spans, shown_time
from app.flow.hours.year import ClockChange, ExceptionalDates, Gap, Year, summarise
from app.flow.report import counted


@click.command(
    "hours",
    epilog="""\b
Examples:
  ncco hours                         all opening hours of the project, and whether they are open now
  ncco hours office                  this year of `hours: office` in flows/shared.yaml
  ncco hours office --year 2027      another year
  ncco hours shop.office             the hours that flow shop declares itself

Exit codes: 0 shown, 1 the flows have errors, 2 there are no such hours.""",
)
@click.argument("name", required=False)
@click.option("--year", type=click.IntRange(2000, 2100), help="Which year [this one].")
@options.flows
@options.templates
@options.output("text", "json")
def command(name: str | None, year: int | None, flows: Path | None, templates: Path | None, form: str) -> int:
    """Show when the opening hours NAME are open in a year; without NAME, list all opening hours."""
    if name is None and year is not None:
        raise click.UsageError("--year needs the NAME of opening hours")
    source, now = Source(*folders(flows, templates)), datetime.now(UTC)
    calendars = dict(sorted(source.load_sound().project.calendars.items()))
    if name is not None and name not in calendars:
        raise CannotRun(f'there are no hours "{name}"', did_you_mean(name, calendars))
    moments = hours_view(calendars, now)
    files = {each: source.path_of(calendar.place.file) for each, calendar in calendars.items()}
    if name is not None:
        calendar = calendars[name]
        surveyed = summarise(calendar, year or now.astimezone(calendar.zone).year)
        if form == "json":
            print_json({**_document(name, calendar, files[name], moments[name]), **_year_document(surveyed)})
        else:
            click.echo(f"{name}  {calendar.zone.key}  {files[name]}:{calendar.place.line}")
            click.echo(f"now: {state_of(moments[name])}\n")
            click.echo("\n".join(_year_lines(calendar, surveyed)))
    elif form == "json":
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


def state_of(moment: CurrentHours) -> str:
    """Whether a calendar is open, and until when."""
    year = moment.now.year
    if not moment.reopens:
        return "closed, and does not open any more"
    if moment.open:
        closes = moment.next_close < moment.horizon
        return f"open until {_shown_time(moment.next_close, year)}" if closes else "always open"
    why = "" if moment.reason == "closed" else f" ({moment.holiday or moment.reason})"
    return f"closed{why}, opens {_shown_time(moment.next_open, year)}"


def _document(name: str, calendar: Calendar, file: str, moment: CurrentHours) -> dict[str, Any]:
    """A calendar as JSON; `next_open` and `next_close` are null when they never come."""
    changes = {word: moment[word] for word in ("next_open", "next_close")}
    return {
        "name": name,
        "timezone": calendar.zone.key,
        "file": file,
        "line": calendar.place.line,
        "open": moment.open,
        "reason": moment.reason,
        **{
            word: change.isoformat(timespec="minutes") if change is not None else None
            for word, change in changes.items()
        },
        "week": {day: _span_documents(spans) for day, spans in zip(DAYS, calendar.week, strict=True)},
    }


def _year_document(year: Year) -> dict[str, Any]:
    """A year as JSON; dates and times are ISO 8601."""

    def dates(each: ExceptionalDates | Gap) -> dict[str, str]:
        return {"from": each.first.isoformat(), "to": each.last.isoformat()}

    return {
        "year": year.year,
        "open_minutes": year.open_minutes,
        "open_days": year.open_days,
        "holidays_known": year.is_known,
        "exceptions": [
            {**dates(each), "hours": _span_documents(each.spans), "reason": each.reason, "name": each.name}
            for each in year.exceptions
        ],
        "clock_changes": [
            {
                "from": each.before.isoformat(timespec="minutes"),
                "to": each.after.isoformat(timespec="minutes"),
                "open_minutes": each.minutes,
            }
            for each in year.clock_changes
        ],
        "gaps": [{**dates(each), "days": each.days} for each in year.gaps],
        "overlaps": [
            {"date": each.day.isoformat(), "hours": _span_documents((each.span,))[0]} for each in year.overlaps
        ],
    }


def _span_documents(spans: tuple[Span, ...]) -> list[list[str]]:
    """Pairs of times; an end before its start is on the next day."""
    return [[shown_time(span.start), shown_time(span.end)] for span in spans]


def _year_lines(calendar: Calendar, year: Year) -> Iterator[str]:
    """The week of the calendar, then the year."""
    by_hours: dict[tuple[Span, ...], list[int]] = {}
    for day, spans in enumerate(calendar.week):
        by_hours.setdefault(spans, []).append(day)
    yield from columns(((shown_days(days), shown_spans(spans)) for spans, days in by_hours.items()), "  ")
    hours, minutes = divmod(year.open_minutes, 60)
    total = f"{hours:,} h" + (f" {minutes} min" if minutes else "")
    yield f"\n{year.year}: open {total} on {counted(year.open_days, 'day')}"
    if not year.is_known:
        yield f"public holidays are known for {FIRST_YEAR} to {LAST_YEAR}, so {year.year} has none"
    sections: dict[str, list[tuple[str, ...]]] = {
        "holidays and other dates": [
            (_dates(each, year.year), _exceptional_hours(each), each.name or each.reason) for each in year.exceptions
        ],
        "clock changes during opening hours": [_change_row(each) for each in year.clock_changes if each.minutes],
        "gaps": [(f"closed for {counted(each.days, 'day')} in a row:", _dates(each, year.year)) for each in year.gaps],
        "overlaps": list(_overlap_rows(year)),
    }
    for title, rows in sections.items():
        if rows:
            yield f"\n{title}"
            yield from columns(rows, "  ")


def _exceptional_hours(each: ExceptionalDates) -> str:
    is_usual = each.spans == each.usual and each.first == each.last
    return shown_spans(each.spans) + (", as usual" if is_usual else "")


def _change_row(each: ClockChange) -> tuple[str, str, str]:
    way = "forward" if each.after > each.before else "back"
    change = f"{way} from {each.before:%H:%M} to {each.after:%H:%M}"
    longer = "longer" if each.minutes > 0 else "shorter"
    day = _date(each.before.date(), each.before.year)
    return day, change, f"open {shown_duration(abs(each.minutes))} {longer} than shown"


def _overlap_rows(year: Year) -> Iterator[tuple[str, str, str]]:
    """One row for each overlap that repeats on a weekday."""
    alike: dict[tuple[int, Span], list[date]] = {}
    for each in year.overlaps:
        alike.setdefault((each.day.weekday(), each.span), []).append(each.day)
    for (_, span), days in alike.items():
        when = _date(days[0], year.year) + (f" and {len(days) - 1} more" if len(days) > 1 else "")
        yield when, shown_spans((span,)), "the hours of the day before are not over yet"


def _dates(each: ExceptionalDates | Gap, year: int) -> str:
    first, last = _date(each.first, year), _date(each.last, year)
    return first if each.first == each.last else f"{first} - {last}"


def _date(day: date, year: int) -> str:
    """`Tue 29 Dec`, with the year unless it is `year`."""
    other = f" {day.year}" if day.year != year else ""
    return f"{DAYS[day.weekday()].capitalize()} {day.day} {day:%b}{other}"


def _shown_time(time: datetime, year: int) -> str:
    return f"{_date(time.date(), year)} {time:%H:%M}"
