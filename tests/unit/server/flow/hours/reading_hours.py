"""Reads calendars from YAML, as in a flow file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.hours.calendar import Calendar, CurrentHours
from ncco_server.flow.hours.declaration import read_hours
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.nodes import Map
from ncco_server.flow.source import read_yaml

SAMPLE = """\
hours:
  office:
    timezone: Europe/London
    week: {mon-fri: 09:00-17:30, sat: 10:00-14:00}
    holidays: {country: GB, subdivision: ENG}
    override: {2026-12-24: 09:00-12:00}
"""


def read(text: str, dates: Mapping[str, str] | None = None) -> tuple[dict[str, Calendar], list[FlowIssue]]:
    """The calendars under `hours:` of a file, and all its issues."""
    node, issues = read_yaml("flows/shared.yaml", text)
    reader = Reader()
    hours = node.get("hours") if isinstance(node, Map) else None
    return read_hours(hours, reader, dates or {}) if hours is not None else {}, [*issues, *reader.issues]


def calendar(week: str, zone: str = "Europe/London", **more: str) -> Calendar:
    """One calendar; `more` are `holidays` and `override`. Raises AssertionError if it has an issue."""
    calendars, issues = read(text_of(week, zone, **more))
    if issues:
        raise AssertionError(issues)
    return calendars["office"]


def text_of(week: str, zone: str = "Europe/London", **more: str) -> str:
    """A file with one calendar and each part on its own line: timezone 3, week 4, the others 5."""
    lines = [f"    {word}: {value}\n" for word, value in more.items()]
    return f"hours:\n  office:\n    timezone: {zone}\n    week: {week}\n{''.join(lines)}"


def told(text: str) -> list[tuple[str, str, str]]:
    """Place, code and cure of each issue."""
    return [(f"{issue.place.line}:{issue.place.column}", issue.code, issue.cure) for issue in read(text)[1]]


def at(moment: str, calendar: Calendar) -> CurrentHours:
    """The calendar at an ISO 8601 moment with its offset."""
    return calendar.at(datetime.fromisoformat(moment))
