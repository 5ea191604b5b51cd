"""Single dates whose hours win."""

from __future__ import annotations

from datetime import date

import pytest

from app.flow.hours import Span, Special
from tests.flow.hours.reading_hours import calendar, read, text_of, told

WEEK = "{mon: 09:00-10:00}"
EVE = date(2026, 12, 24)


@pytest.mark.parametrize(
    ("written", "special"),
    [
        ("09:00-12:00", Special((Span(540, 720),))),
        ("closed", Special(())),
        ("{hours: 09:00-12:00}", Special((Span(540, 720),))),
        ("{hours: closed, name: Inventory}", Special((), "Inventory")),
        ("{hours: [09:00-10:00, 11:00-12:00], name: ' Eve '}", Special((Span(540, 600), Span(660, 720)), "Eve")),
    ],
)
def test_a_date_has_its_hours_and_may_have_a_name(written: str, special: Special) -> None:
    assert {EVE: special} == calendar(WEEK, override=f"{{2026-12-24: {written}}}").override


def test_a_range_has_its_hours_on_each_day() -> None:
    override = calendar(WEEK, override="{2026-12-24..2026-12-26: closed}").override

    assert [date(2026, 12, day) for day in (24, 25, 26)] == list(override)


@pytest.mark.parametrize(
    ("written", "place", "code", "cure"),
    [
        ("closed", "5:15", "E201", "write `override: {2026-12-24: 09:00-12:00}`"),
        ("{2026-12-24: {name: Eve}}", "5:16", "E204", "write `hours: closed`, or `hours: 09:00-12:00`"),
        ("{2026-12-24: {open: closed}}", "5:29", "E202", "write `hours`"),
        ("{2026-12-24: {hours: closed, to: 12:00}}", "5:44", "E202", "write both times as `hours: 09:00-12:00`"),
        ("{2026-12-24: {hours: closed, title: Eve}}", "5:44", "E202", "write `name`"),
        ("{2026-12-24: {hours: closed, name: [Eve]}}", "5:50", "E201", "write a text here"),
        ("{2026-12-24: {hours: closed, name: '{% x %}'}}", "5:51", "E512", "write the text itself, without braces"),
        ("{2026-12-24: 9-12}", "5:28", "E501", "write 09:00-12:00"),
        ("{2026-12-24: {hours: 9-12}}", "5:36", "E501", "write 09:00-12:00"),
        ("{2026-12-24..2026-12-26: closed, 2026-12-25: 10:00-12:00}", "5:48", "E507", "delete one of the two"),
        ("{24.12.2026: closed}", "5:16", "E506", "write 2026-12-24"),
    ],
)
def test_faulty_overrides(written: str, place: str, code: str, cure: str) -> None:
    assert [(place, code, cure)] == told(text_of(WEEK, override=written))


def test_what_cannot_be_read_is_closed() -> None:
    calendars, _ = read(text_of(WEEK, override="{2026-12-24: sometimes}"))

    assert {EVE: Special(())} == calendars["office"].override
