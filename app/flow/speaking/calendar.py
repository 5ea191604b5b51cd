"""Days and dates, as a person tells them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache

from babel import Locale
from babel.dates import format_date

from app.flow.speaking.clock import at_clock, clock
from app.flow.speaking.languages import plain

_SKELETONS = ("MMMMEEEEd", "MMMMEd", "MMMEd")
_SHORT = re.compile(r"'[^']*'|[Ec]+|M{3,}|L{3,}")
_LONG = {"E": "EEEE", "c": "cccc", "M": "MMMM", "L": "LLLL"}
_FIRST: Mapping[str, str] = {"fr": "premier", "it": "primo", "pt": "primeiro"}
"""What the first of a month is called, where it is not counted like the other days."""


def day(moment: date, locale: Locale) -> str:
    """Weekday, day and month: `Thursday 5 March`."""
    return _told(moment, _day_pattern(locale), locale)


def full_date(moment: date, locale: Locale) -> str:
    """Day, month and year: `5 March 2026`."""
    return _told(moment, "long", locale)


def weekday(moment: date, locale: Locale) -> str:
    """`Thursday`."""
    return _told(moment, "EEEE", locale)


def day_and_time(moment: datetime, locale: Locale) -> str:
    """Weekday, day, month and time: `Thursday 5 March at 9 AM`."""
    on, at = day(moment, locale), at_clock(moment.time(), locale)
    if at is not None:
        return f"{on}{at}"
    return plain(str(locale.datetime_formats["medium"]).format(clock(moment.time(), locale), on))


def _told(moment: date, pattern: str, locale: Locale) -> str:
    told = plain(format_date(moment, pattern, locale=locale))
    first = _FIRST.get(locale.language) if locale.territory != "PT" else None
    return re.sub(r"\b1\b", first, told, count=1) if first and moment.day == 1 else told


@lru_cache(maxsize=256)
def _day_pattern(locale: Locale) -> str:
    """The language's pattern for weekday, day and month, with the names written out."""
    skeletons = locale.datetime_skeletons
    found: str = next(skeletons[name].pattern for name in _SKELETONS if name in skeletons)
    return _SHORT.sub(lambda part: _LONG.get(part[0][0], part[0]), found)
