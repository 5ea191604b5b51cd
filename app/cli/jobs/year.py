"""A year of opening hours as lines for a person, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from app.cli.jobs.counted import counted
from app.flow.hours import FIRST_YEAR, LAST_YEAR, Calendar, Span, Year
from app.flow.hours.days import DAYS, shown_days
from app.flow.hours.times import shown_duration, shown_spans, shown_time
from app.flow.hours.year import ClockChange, Exceptional, Gap


def columns(rows: Iterable[tuple[str, ...]], indent: str = "") -> Iterator[str]:
    """Rows as lines, their cells below each other."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()


def year_lines(calendar: Calendar, year: Year) -> Iterator[str]:
    """The week of the calendar, and what is to be known of the year."""
    yield from columns(_week_rows(calendar), "  ")
    yield ""
    yield f"{year.year}: open {_total(year.open_minutes)} on {counted(year.open_days, 'day')}"
    if not year.is_known:
        yield f"public holidays are known for {FIRST_YEAR} to {LAST_YEAR}: none of {year.year} is"
    for title, rows in (
        ("holidays and other dates", [_exception_row(each, year.year) for each in year.exceptions]),
        (
            "clocks that change while it is open",
            [_change_row(each, year.year) for each in year.clock_changes if each.minutes],
        ),
        ("gaps", [_gap_row(each, year.year) for each in year.gaps]),
        ("overlaps", list(_overlap_rows(year))),
    ):
        if rows:
            yield ""
            yield title
            yield from columns(rows, "  ")


def _week_rows(calendar: Calendar) -> Iterator[tuple[str, str]]:
    by_hours: dict[tuple[Span, ...], list[int]] = {}
    for day, spans in enumerate(calendar.week):
        by_hours.setdefault(spans, []).append(day)
    return ((shown_days(days), shown_spans(spans)) for spans, days in by_hours.items())


def _exception_row(each: Exceptional, year: int) -> tuple[str, str, str]:
    hours = shown_spans(each.spans)
    is_usual = each.spans == each.usual and each.first == each.last
    return _dates(each.first, each.last, year), f"{hours}, as usual" if is_usual else hours, each.name or each.reason


def _change_row(each: ClockChange, year: int) -> tuple[str, str, str]:
    way = "forward" if each.after > each.before else "back"
    longer = "longer" if each.minutes > 0 else "shorter"
    turn = f"{way} from {each.before:%H:%M} to {each.after:%H:%M}"
    return _date(each.before.date(), year), turn, f"{shown_duration(abs(each.minutes))} {longer} than on the clock"


def _gap_row(each: Gap, year: int) -> tuple[str, str]:
    return f"closed for {counted(each.days, 'day')} in a row:", _dates(each.first, each.last, year)


def _overlap_rows(year: Year) -> Iterator[tuple[str, str, str]]:
    """One row for what comes again on each day of the week."""
    alike: dict[tuple[int, Span], list[date]] = {}
    for each in year.overlaps:
        alike.setdefault((each.day.weekday(), each.span), []).append(each.day)
    for (_, span), days in alike.items():
        when = _date(days[0], year.year) + (f" and {len(days) - 1} more" if len(days) > 1 else "")
        yield when, shown_spans((span,)), "the hours of the day before are not over yet"


def _total(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h" + (f" {rest} min" if rest else "")


def _date(day: date, year: int) -> str:
    other = f" {day.year}" if day.year != year else ""
    return f"{DAYS[day.weekday()].capitalize()} {day.day} {day:%b}{other}"


def _dates(first: date, last: date, year: int) -> str:
    return _date(first, year) if first == last else f"{_date(first, year)} - {_date(last, year)}"


def shown_moment(moment: datetime, year: int) -> str:
    """`Tue 29 Dec 09:00`; the year is told when it is not `year`."""
    return f"{_date(moment.date(), year)} {moment:%H:%M}"


def year_json(year: Year) -> dict[str, Any]:
    """The year for a program; dates and times are ISO 8601."""
    return {
        "year": year.year,
        "open_minutes": year.open_minutes,
        "open_days": year.open_days,
        "holidays_known": year.is_known,
        "exceptions": [
            {**_range_json(each), "hours": spans_json(each.spans), "reason": each.reason, "name": each.name}
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
        "gaps": [{**_range_json(each), "days": each.days} for each in year.gaps],
        "overlaps": [{"date": each.day.isoformat(), "hours": spans_json((each.span,))[0]} for each in year.overlaps],
    }


def _range_json(each: Exceptional | Gap) -> dict[str, str]:
    return {"from": each.first.isoformat(), "to": each.last.isoformat()}


def spans_json(spans: tuple[Span, ...]) -> list[list[str]]:
    """Pairs of times; an end that is before its beginning is on the next day."""
    return [[shown_time(span.start), shown_time(span.end)] for span in spans]
