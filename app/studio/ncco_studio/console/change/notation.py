"""Converts days, dates and phone numbers between the notation of people and that of flows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Final

from ncco_server.flow.hours.calendar import DAY_MINUTES, Span, Spans
from ncco_server.flow.hours.public_holidays import country_names
from ncco_server.flow.hours.weekly import CLOSED, days_of, shown_days, shown_time, span_of

DAY_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:\.\.\d{4}-\d{2}-\d{2})?")
_DATE_NOTATIONS: Final = ("%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y", "%d.%m.%Y")
_TIME: Final = r"([0-9]{1,2})(?:[:.]([0-5][0-9]))?\s*([ap]m)?"
_SPAN: Final = re.compile(rf"{_TIME}\s*(?:-|to)\s*{_TIME}")
_HALF_DAY: Final = DAY_MINUTES // 2
_CLOCK: Final = re.compile(r"[0-9]{2}:[0-9]{2}\D+[0-9]{2}:[0-9]{2}")
_WEEKDAY: Final = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\s+(?=\w)", re.IGNORECASE)


def date_in_words(key: str) -> str:
    """Write `2026-12-28` as "Mon 28 December 2026", also in a range; leave any other text unchanged."""
    return " to ".join(map(_one_date, key.split("..")))


def _one_date(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return f"{day_in_words(day)} {day.year}"


def day_in_words(day: date) -> str:
    return f"{day:%a} {day.day} {day:%B}"


def weekdays_in_words(days: Iterable[int]) -> str:
    """Such as "Monday to Friday"."""
    words = re.sub("[a-z]+", lambda day: DAY_NAMES[(days_of(day[0]) or [0])[0]], shown_days(days))
    return words.replace("-", " to ").replace(",", ", ")


def spans_in_words(spans: Iterable[Span]) -> str:
    return " and ".join(f"{shown_time(start)} to {shown_time(end)}" for start, end in spans) or CLOSED


def hours_in_words(hours: str) -> str:
    """Leave hours that are not in the notation of flows unchanged."""
    spans = [span for piece in hours.split(",") if (span := span_of(piece.strip()))]
    is_read = hours.strip() == CLOSED or len(spans) == len(hours.split(","))
    return spans_in_words(spans) if is_read else hours


def meant_spans(words: str) -> Spans | None:
    """Hours as people write them, `9am to 2pm and 15:00 to 18:00`: () for a closed day, None if they are not clear.

    Without am or pm, `9 to 12 and 1 to 5` ends in the afternoon; `09:00 to 05:00` ends on the next day.
    """
    if words.strip().lower() == CLOSED:
        return ()
    spans: list[Span] = []
    for piece in re.split(r",|\band\b", words.lower().replace("noon", "12pm").replace("midnight", "24:00")):
        found = _SPAN.fullmatch(piece.strip())
        if found is None:
            return None
        start, end = _minute(*found.group(1, 2, 3)), _minute(*found.group(4, 5, 6))
        is_clock = _CLOCK.fullmatch(piece.strip())
        if spans and not found[3] and not is_clock and start < spans[-1].end <= start + _HALF_DAY:
            start += _HALF_DAY
        if not found[6] and not is_clock and end <= start < end + _HALF_DAY:
            end += _HALF_DAY
        span = span_of(f"{shown_time(start)}-{shown_time(end)}") if max(start, end) <= DAY_MINUTES else None
        if span is None:
            return None
        spans.append(span)
    return tuple(spans)


def _minute(hour: str, minute: str | None, half: str | None) -> int:
    shift = {"am": -12 * (hour == "12"), "pm": 12 * (hour != "12")}.get(half or "", 0)
    return (int(hour) + shift) * 60 + int(minute or 0)


def time_fields(hours: str) -> list[str]:
    """What the fields for opening and closing contain, also while it is not clear."""
    spans = meant_spans(hours)
    parts = re.split(" (?:to|and) ", hours) if spans is None else [shown_time(each) for span in spans for each in span]
    return parts + [""] * max(4 - len(parts), len(parts) % 2)


def joined_times(fields: Sequence[str]) -> str:
    """The reverse of `time_fields`; the whole text may be in the first field, and *Closed* is the last one."""
    if len(fields) == 1 or CLOSED in fields:
        return CLOSED if CLOSED in fields else fields[0]
    pairs = (" to ".join(filter(None, map(str.strip, fields[at : at + 2]))) for at in range(0, len(fields), 2))
    return " and ".join(filter(None, pairs))


def date_key(words: str) -> str:
    """Read "24 December 2026" as `2026-12-24`, also in a range with "to"; leave any other text unchanged."""
    return "..".join(map(_iso_date, re.split(r"\s*(?:\.\.|\bto\b)\s*", words)))


def country_code(words: str) -> str:
    """Read "Germany" or "de" as `DE`; return "" for any other text."""
    codes = {each.lower(): code for code, name in country_names().items() for each in (code, name)}
    return codes.get(words.strip().lower(), "")


def first_day(key: str) -> date | None:
    """The first day of a range; None for a date that does not exist."""
    with suppress(ValueError):
        return date.fromisoformat(key.partition("..")[0])
    return None


def is_date(key: str) -> bool:
    return _DATE.fullmatch(key) is not None


def _iso_date(words: str) -> str:
    plain = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", _WEEKDAY.sub("", words).replace(",", " "))
    for notation in _DATE_NOTATIONS:
        with suppress(ValueError):
            return datetime.strptime(" ".join(plain.split()), notation).replace(tzinfo=UTC).date().isoformat()
    return words
