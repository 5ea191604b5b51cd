"""Converts days, dates and phone numbers between the notation of people and that of flows."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Final

from ncco_server.flow.hours.weekly import days_of, shown_days

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:\.\.\d{4}-\d{2}-\d{2})?")
_DATE_NOTATIONS: Final = ("%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y", "%d.%m.%Y")
_DAYS: Final = {
    day[:3].lower(): day for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
}
_DAY_SIGNS: Final = ((re.compile(r"\s*(?:\u2013|\bto\b)\s*"), "-"), (re.compile(r"\s*(?:&|\band\b)\s*"), ","))
"""The words between days, and the sign for each in flows."""


def days_in_words(key: str) -> str:
    """Write `mon-fri` as "Monday to Friday", `sat,sun` as "Saturday, Sunday", `2026-12-28` as "28 December 2026"."""
    if days_of(key) is None:
        return " to ".join(map(_date_in_words, key.split("..")))
    words = re.sub("[a-z]+", lambda day: _DAYS[day[0][:3]], key.lower())
    return re.sub(r"\s*,\s*", ", ", re.sub(r"\s*-\s*", " to ", words))


def _date_in_words(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return f"{day.day} {day:%B %Y}"


def day_key(words: str) -> str:
    """Read "Monday to Friday" as `mon-fri`; return "" for other texts."""
    key = words.lower().replace("days", "day")
    for sign, written_sign in _DAY_SIGNS:
        key = sign.sub(written_sign, key)
    days = days_of(key)
    return shown_days(set(days)) if days else ""


def date_key(words: str) -> str:
    """Read "24 December 2026" as `2026-12-24`, also in a range with "to"; leave any other text unchanged."""
    return "..".join(map(_iso_date, re.split(r"\s*(?:\.\.|\bto\b)\s*", words)))


def is_date(key: str) -> bool:
    return _DATE.fullmatch(key) is not None


def _iso_date(words: str) -> str:
    plain = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", words.replace(",", " "))
    for notation in _DATE_NOTATIONS:
        with suppress(ValueError):
            return datetime.strptime(" ".join(plain.split()), notation).replace(tzinfo=UTC).date().isoformat()
    return words
