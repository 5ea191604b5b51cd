"""Hours of a day."""

from __future__ import annotations

import pytest

from app.flow.hours.calendar import Span
from app.flow.hours.times import shown_duration, shown_spans
from tests.flow.hours.reading_hours import calendar, read, text_of, told

EXAMPLE = "write 24-hour times such as 09:00-17:30, several with commas between them, or closed"


@pytest.mark.parametrize(
    ("written", "spans"),
    [
        ("09:00-17:30", [(540, 1050)]),
        ("9:00-17:30", [(540, 1050)]),
        ("09:00 - 17:30", [(540, 1050)]),
        ("[09:00-12:00, 13:00-17:00]", [(540, 720), (780, 1020)]),
        ("'09:00-12:00, 13:00-17:00'", [(540, 720), (780, 1020)]),
        ("[13:00-17:00, 09:00-12:00]", [(540, 720), (780, 1020)]),
        ("[09:00-12:00, 12:00-17:00]", [(540, 720), (720, 1020)]),
        ("18:00-02:00", [(1080, 1560)]),
        ("20:00-08:00", [(1200, 1920)]),
        ("00:00-24:00", [(0, 1440)]),
        ("22:00-24:00", [(1320, 1440)]),
        ("22:00-00:00", [(1320, 1440)]),
        ("00:00-00:01", [(0, 1)]),
    ],
)
def test_hours_are_minutes_of_their_day(written: str, spans: list[tuple[int, int]]) -> None:
    assert spans == list(calendar(f"{{mon: {written}}}").week[0])


@pytest.mark.parametrize("written", ["closed", "[]", "[closed]"])
def test_a_day_can_be_closed(written: str) -> None:
    assert ((), (Span(540, 600),)) == calendar(f"{{mon: {written}, tue: 09:00-10:00}}").week[:2]


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("17.30-18.30", "write 17:30-18:30"),
        ("9am-5pm", "write 09:00-17:00"),
        ("9:00 AM - 5:30 PM", "write 09:00-17:30"),
        ("9 to 5pm", "write 09:00-17:00"),
        ("1-5pm", "write 13:00-17:00"),
        ("12am-12pm", "write 00:00-12:00"),
        ("6pm-2am", "write 18:00-02:00"),
        ("9-17", "write 09:00-17:00"),
        ("0900-1730", "write 09:00-17:30"),
        ("09:00:00-17:30:00", "write 09:00-17:30"),
        ("9h00-17h30", "write 09:00-17:30"),
        ("9 Uhr bis 17 Uhr", "write 09:00-17:00"),
        ("09:00\u201317:30", "write 09:00-17:30"),
        ("09:00..17:30", "write 09:00-17:30"),
        ("22:00-26:00", "write 22:00-02:00"),
        ("09:00-12:00;13:00-15:00", "write 09:00-12:00, 13:00-15:00"),
        ("9-12 and 13-15", "write 09:00-12:00, 13:00-15:00"),
        ("off", "write closed"),
        ("24/7", "write 00:00-24:00"),
        ("Closed", "closed stands alone, in small letters; delete it here, or the hours beside it"),
        ("9-5", EXAMPLE),
        ("9-9", EXAMPLE),
        ("09:60-10:00", EXAMPLE),
        ("13am-5pm", EXAMPLE),
        ("25:00-26:00", EXAMPLE),
        ("24:00-01:00", EXAMPLE),
        ("09:00", EXAMPLE),
        ("09:00-12:00-13:00", EXAMPLE),
        ("sometimes", EXAMPLE),
    ],
)
def test_what_is_not_hours_comes_with_what_was_meant(written: str, cure: str) -> None:
    assert [("4:17", "E501", cure)] == told(text_of(f"{{mon: {written}}}"))


def test_each_of_several_hours_has_its_place() -> None:
    assert [("4:31", "E501", "write 13:00-17:00")] == told(text_of("{mon: [09:00-12:00, 13.00-17.00]}"))
    assert [("4:32", "E501", "write 13:00-17:00")] == told(text_of("{mon: '09:00-12:00,  13.00-17.00'}"))


def test_closed_among_hours_is_not_hours() -> None:
    cure = "closed stands alone, in small letters; delete it here, or the hours beside it"

    assert [("4:18", "E501", cure)] == told(text_of("{mon: [closed, 09:00-12:00]}"))


def test_an_empty_text_is_not_hours() -> None:
    assert [("4:18", "E501", EXAMPLE)] == told(text_of("{mon: ''}"))


@pytest.mark.parametrize("written", ["09:00-09:00", "00:00-00:00"])
def test_hours_that_end_when_they_begin_are_an_error(written: str) -> None:
    assert [("4:17", "E502", "write 00:00-24:00 for the whole day, or closed")] == told(text_of(f"{{mon: {written}}}"))


@pytest.mark.parametrize(
    ("written", "place", "cure"),
    [
        ("[09:00-12:00, 11:00-17:00]", "4:31", "write 09:00-17:00, or let the one end before the other begins"),
        ("[11:00-17:00, 09:00-12:00]", "4:18", "write 09:00-17:00, or let the one end before the other begins"),
        ("[09:00-17:00, 10:00-11:00]", "4:31", "write 09:00-17:00, or let the one end before the other begins"),
        ("[18:00-02:00, 20:00-21:00]", "4:31", "write 18:00-02:00, or let the one end before the other begins"),
    ],
)
def test_hours_of_a_day_may_not_overlap(written: str, place: str, cure: str) -> None:
    assert [(place, "E503", cure)] == told(text_of(f"{{mon: {written}}}"))


def test_each_overlap_is_told_against_what_lasts_longest() -> None:
    issues = read(text_of("{mon: [09:00-17:00, 10:00-11:00, 12:00-13:00]}"))[1]

    assert ["E503", "E503"] == [issue.code for issue in issues]
    assert 'hours "office", mon: 09:00-17:00 and 12:00-13:00 overlap' == issues[1].message


@pytest.mark.parametrize(
    ("written", "meant"),
    [("17:30-09:00", "09:00-17:30"), ("09:00-05:00", "09:00-17:00"), ("16:00-12:00", "12:00-16:00")],
)
def test_swapped_ends_are_pointed_out(written: str, meant: str) -> None:
    issue = read(text_of(f"{{mon: {written}}}"))[1][0]
    begin, end = written.split("-")

    assert "W520" == issue.code
    assert f"did you mean {meant}? " in issue.cure
    assert f"{begin}-24:00, and 00:00-{end} on the next day" in issue.cure


def test_hours_may_be_neither_a_map_nor_lists_in_a_list() -> None:
    assert [("4:17", "E201", "write a text such as 09:00-17:30, or a list of them")] == told(text_of("{mon: {a: b}}"))
    assert [("4:18", "E201", "write a text here")] == told(text_of("{mon: [[09:00-10:00]]}"))


def test_hours_cannot_be_computed() -> None:
    cure = "write the text itself, without braces"

    assert [("4:18", "E512", cure)] == told(text_of("{mon: '{{ env.OPEN }}'}"))
    assert [("4:24", "E512", cure)] == told(text_of("{mon: '09:00-{% if x %}12:00{% endif %}'}"))


def test_hours_without_a_value_are_one_issue() -> None:
    assert ["E103"] == [issue.code for issue in read(text_of("{mon: }"))[1]]


def test_hours_are_shown_as_they_are_written() -> None:
    assert "09:00-12:00, 18:00-02:00, 23:00-24:00" == shown_spans((Span(540, 720), Span(1080, 1560), Span(1380, 1440)))
    assert "closed" == shown_spans(())


@pytest.mark.parametrize(("minutes", "shown"), [(0, "0 min"), (30, "30 min"), (60, "1 h"), (510, "8 h 30 min")])
def test_durations_are_shown_in_hours_and_minutes(minutes: int, shown: str) -> None:
    assert shown == shown_duration(minutes)
