"""Spoken forms of points in time, dates, times of day, numbers and amounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, Final

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import is_currency

from ncco_server.flow.speech.numbers import amount, locale_of, number, number_of, plain, word_of
from ncco_server.flow.zones import find_zone
from ncco_server.issue import listed
from ncco_server.ncco.value_types import Point, point_of

_SKELETONS: Final = ("MMMMEEEEd", "MMMMEd", "MMMEd")
_SHORT: Final = re.compile(r"'[^']*'|[Ec]+|M{3,}|L{3,}")
_LONG: Final = {"E": "EEEE", "c": "cccc", "M": "MMMM", "L": "LLLL"}


def spoken(value: object, language: str, form: object = "") -> str:
    """Write as people speak: a point in time, a date, a time of day, a number, or the text of one (ISO 8601).

    `form` is one of `FORMS`, a currency (`GBP`), or "": the weekday, day, month and time of a point in time, or a
    date's day, month and year.
    """
    locale = locale_of(language)
    if not isinstance(form, str):
        raise ValueError("the spoken form must be text")
    count = number_of(value)
    if count is None:
        return _spoken_point(_point_of(value), form, locale)
    if form and not is_currency(form.upper()):
        raise ValueError("a number is spoken as it is or as an amount of money")
    return amount(count, form, locale) if form else number(count, locale)


def in_zone(value: object, language: str, zone: object) -> datetime:
    """Text without an offset is a time in that zone already."""
    moment = _point_of(value)
    if not isinstance(moment, datetime):
        raise ValueError("a date and a time are needed, such as 2026-03-05T09:30")
    place = find_zone(zone) if isinstance(zone, str) else None
    if place is None:
        raise ValueError("a time zone name is needed, such as Europe/London")
    if moment.tzinfo is None:
        return moment.replace(tzinfo=place)
    try:
        return moment.astimezone(place)
    except OverflowError:
        raise ValueError("a point in time from the year 1 to 9999 is needed") from None


def _point_of(value: object) -> Point:
    point = point_of(value)
    if point is None:
        raise ValueError("a number, a point in time, or text such as 2026-03-05T09:30 is needed")
    return point


def _spoken_point(point: Point, form: str, locale: Locale) -> str:
    if not form and isinstance(point, datetime):
        return _day_and_time(point, locale)
    form = form or ("time" if isinstance(point, time) else "date")
    if form not in FORMS:
        known = [each for each in FORMS if isinstance(point, datetime) or (each == "time") == isinstance(point, time)]
        raise ValueError(f"the spoken form is {listed(known)}")
    if isinstance(point, time) and form != "time":
        raise ValueError("a time on its own does not have a day")
    if not isinstance(point, time | datetime) and form == "time":
        raise ValueError("a date on its own does not have a time")
    return FORMS[form](point, locale)


def _day(moment: date, locale: Locale) -> str:
    return _formatted(moment, _day_pattern(locale), locale)


def _day_and_time(moment: datetime, locale: Locale) -> str:
    """Such as `Thursday 5 March at 9 AM`."""
    day = _day(moment, locale)
    patterns = _clock_patterns(locale)
    said = clock(moment.time(), locale)
    if patterns is None:
        return plain(str(locale.datetime_formats["medium"]).format(said, day))
    return f"{day}{_pattern_at(moment.time(), patterns, 'at')}{said}"


def clock(moment: time, locale: Locale) -> str:
    """`9 AM`, `17 Uhr 30`, `17 heures 30`, `ore 17 e 30`. Seconds are left out."""
    patterns = _clock_patterns(locale)
    hour = moment.hour
    minute = moment.minute
    if patterns is None:
        return plain(format_time(moment, "short", locale=locale))
    parts = [part for begin, part in patterns.get("parts", {}).items() if begin <= hour]
    return _pattern_at(moment, patterns, "minute" if minute else "hour").format(
        hour=hour,
        twelfth=hour % 12 or 12,
        minute=minute,
        part=parts[-1] if parts else "",
        hours=patterns.get("hours", ("", ""))[hour > 1],
        minutes=patterns.get("minutes", ("", ""))[minute > 1],
    )


def _clock_patterns(locale: Locale) -> Mapping[str, Any] | None:
    """Return None for a language that uses the CLDR's. `halves` are those of a 12-hour clock."""
    has_halves = "a" in locale.time_formats["short"].pattern
    found: Mapping[str, Any] | None = word_of(locale, "halves") if has_halves else None
    return found or word_of(locale, "clock")


def _pattern_at(moment: time, patterns: Mapping[str, Any], name: str) -> str:
    keys = (f"{name} {moment.hour}:{moment.minute:02}", f"{name} {moment.hour}", name)
    return str(next(patterns[key] for key in keys if key in patterns))


def _formatted(moment: date, pattern: str, locale: Locale) -> str:
    text = plain(format_date(moment, pattern, locale=locale))
    first = word_of(locale, "first") if moment.day == 1 else None
    return re.sub(r"\b1\b", first, text, count=1) if first else text


@lru_cache(maxsize=256)
def _day_pattern(locale: Locale) -> str:
    skeletons = locale.datetime_skeletons
    found: str = next(skeletons[name].pattern for name in _SKELETONS if name in skeletons)
    return _SHORT.sub(lambda part: _LONG.get(part[0][0], part[0]), found)


FORMS: Final[Mapping[str, Callable[[Any, Locale], str]]] = {
    "date": lambda moment, locale: _formatted(moment, "long", locale),
    "day": _day,
    "time": lambda moment, locale: clock(moment if isinstance(moment, time) else moment.time(), locale),
    "weekday": lambda moment, locale: _formatted(moment, "EEEE", locale),
}
