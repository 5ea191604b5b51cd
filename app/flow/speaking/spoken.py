"""What a person says for a point in time, a date, a time of day, a number or an amount of money."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeAlias

from babel import Locale

from app.flow.speaking.calendar import day, day_and_time, full_date, weekday
from app.flow.speaking.clock import clock
from app.flow.speaking.languages import locale_of
from app.flow.speaking.money import amount, is_currency
from app.flow.speaking.numbers import number, number_of

__all__ = ["FORMS", "is_currency", "point_of", "spoken"]

Point: TypeAlias = datetime | date | time

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d\d?:\d\d(:\d\d)?", re.ASCII)

FORMS: Mapping[str, Callable[[Any, Locale], str]] = {
    "date": full_date,
    "day": day,
    "time": lambda moment, locale: clock(moment if isinstance(moment, time) else moment.time(), locale),
    "weekday": weekday,
}
"""What may be said of a point in time: `5 March 2026`, `Thursday 5 March`, `9 AM`, `Thursday`."""


def spoken(value: object, language: str, form: object = "") -> str:
    """How `value` is said.

    Args:
        value: a point in time, a number, or the text of one: a number, or a date, a time or both by ISO 8601.
        language: of the voice, `en-GB`.
        form: one of `FORMS`, a currency (`GBP`), or "": weekday, day, month and time of a point in time, day, month
            and year of a date.
    """
    locale = locale_of(language)
    if not isinstance(form, str):
        raise ValueError("the way of speaking is a text")
    if (count := number_of(value)) is not None:
        return _number(count, form, locale)
    return _point(point_of(value), form, locale)


def point_of(value: object) -> Point:
    """A point in time, or the text of one by ISO 8601: `2026-03-05T09:30`, `2026-03-05`, `09:30`."""
    if isinstance(value, datetime):
        return value
    written = value.strip() if isinstance(value, str) else ""
    try:
        if _MOMENT.fullmatch(written):
            return datetime.fromisoformat(written)
        if _DATE.fullmatch(written):
            return date.fromisoformat(written)
        if _TIME.fullmatch(written):
            return time.fromisoformat(written if written[1] != ":" else f"0{written}")
    except ValueError:
        pass  # the 30th of February; its message would repeat the value
    raise ValueError("a number, a point in time, or the text of one such as 2026-03-05T09:30 is needed")


def _number(count: Decimal, form: str, locale: Locale) -> str:
    if not form:
        return number(count, locale)
    if is_currency(form):
        return amount(count, form, locale)
    raise ValueError("a number is said as it is or as an amount of money")


def _point(point: Point, form: str, locale: Locale) -> str:
    if not form:
        return _whole(point, locale)
    tell = FORMS.get(form)
    if tell is None:
        raise ValueError(f"a point in time is said as {', '.join(FORMS)}")
    if isinstance(point, time) and form != "time":
        raise ValueError("a time alone has no day")
    if not isinstance(point, time | datetime) and form == "time":
        raise ValueError("a date alone has no time")
    return tell(point, locale)


def _whole(point: Point, locale: Locale) -> str:
    if isinstance(point, datetime):
        return day_and_time(point, locale)
    return clock(point, locale) if isinstance(point, time) else full_date(point, locale)
