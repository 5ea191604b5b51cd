"""Reads the hours of a week: `mon-fri: 09:00-17:30`, several ranges, hours past midnight, or `closed`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.hours.calendar import DAY_MINUTES, Span, Spans, Week
from ncco_server.flow.issues import RULES, meant_word
from ncco_server.flow.nodes import Map, Node, Place, Seq, is_missing

CLOSED: Final = "closed"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FULL: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS: Final = {name: number for names in (DAYS, _FULL) for number, name in enumerate(names)}
_SPAN: Final = re.compile(r"([0-9]{1,2}):([0-5][0-9])\s*-\s*([0-9]{1,2}):([0-5][0-9])")
_HALF_DAY: Final = DAY_MINUTES // 2
_LONG_DAY: Final = 18 * 60
_EVENING: Final = 18 * 60
_EARLY: Final = 6 * 60
_MORNING: Final = 8 * 60


def read_week(node: Node, what: str, reader: Reader) -> Week:
    """A day that is not listed is closed. E504: not a day, or a day that is named twice."""
    found = reader.map(node, what, "write `week: {mon-fri: 09:00-17:30}`")
    week: dict[int, Spans] = {}
    for entry in found.entries if found else ():
        days = days_of(entry.key.value)
        hours = read_spans(entry.value, f"{what}, {entry.key.value}", reader)
        if days is None:
            message = f'{what}: "{entry.key.value}" is not a day of the week'
            reader.report("E504", entry.key.place, message, meant_word(entry.key.value, _NUMBERS, RULES["E504"].cure))
        elif repeated := [day for day in days if day in week]:
            reader.report("E504", entry.key.place, f"{what}: {shown_days(repeated)} is listed twice", "name a day once")
        week |= dict.fromkeys(days or (), hours)
    return tuple(week.get(day, ()) for day in range(7))


def read_spans(node: Node, what: str, reader: Reader) -> Spans:
    """Sorted; () for a closed day, and without those that cannot be read.

    E501: not hours, or hours that overlap. W522: hours past midnight that were probably meant otherwise.
    """
    pieces = list(_texts_of(node, what, reader))
    if [text for text, _ in pieces] == [CLOSED]:
        return ()
    spans: list[Span] = []
    for text, place in pieces:
        span = span_of(text)
        if span is None:
            reader.report("E501", place, f'{what}: "{text}" is not a range of hours')
            continue
        if any(span.start < other.end and other.start < span.end for other in spans):
            reader.report("E501", place, f"{what}: {text} overlaps other hours of the day", "let them end before")
        if _is_doubtful(span):
            length = f"{(span.end - span.start) / 60:.3g} hours"
            message = f"{what}: {text} continues until {shown_time(span.end)} the next day, {length}"
            reader.report("W522", place, message, "write both times on a 24-hour clock")
        spans.append(span)
    return tuple(sorted(spans))


def span_of(text: str) -> Span | None:
    """`09:00-17:30`; an end before the start is on the next day, and 00:00 the day's end. None for anything else."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
    start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
    if start >= DAY_MINUTES or end > DAY_MINUTES or start == end:
        return None
    return Span(start, end if end > start else end + DAY_MINUTES)


def _is_doubtful(span: Span) -> bool:
    """Our choice: a restaurant closes before 06:00, and a night service works from 18:00 until 08:00."""
    end = span.end - DAY_MINUTES
    length = span.end - span.start
    is_night_service = span.start >= _EVENING and end <= _MORNING
    return end > 0 and (length > _LONG_DAY or (length > _HALF_DAY and end >= _EARLY and not is_night_service))


def days_of(words: str) -> list[int] | None:
    """Monday is 0; None if one of the names in `mon-wed,fri` is not a day."""
    days: list[int] = []
    for piece in words.split(","):
        ends = [_NUMBERS.get(name.strip().lower()) for name in piece.split("-")]
        first, last = ends[0], ends[-1]
        if first is None or last is None or len(ends) > 2:
            return None
        days += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    return list(dict.fromkeys(days))


def shown_days(days: Iterable[int]) -> str:
    """`mon-wed,fri`."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    ends = [DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}{'-,'[len(run) == 2]}{DAYS[run[-1]]}" for run in runs]
    return ",".join(ends)


def shown_time(minute: int) -> str:
    """1440 is `24:00`; a later minute is the time on the next day."""
    minute = minute if minute <= DAY_MINUTES else minute - DAY_MINUTES
    return f"{minute // 60:02}:{minute % 60:02}"


def shown_spans(spans: Spans) -> str:
    """`09:00-12:00, 13:00-17:00` or `closed`."""
    return ", ".join(f"{shown_time(span.start)}-{shown_time(span.end)}" for span in spans) or CLOSED


def _texts_of(node: Node, what: str, reader: Reader) -> Iterator[tuple[str, Place]]:
    if isinstance(node, Map):
        reader.report("E201", node.place, f"{what} is a map", "write hours such as 09:00-17:30, or a list of them")
        return
    for item in node.items if isinstance(node, Seq) else (node,):
        text = reader.text(item, f"an entry of {what}")
        if text is not None and not is_missing(text):
            yield from text.between_commas()
