"""Words of other languages for units of time, days of the week and countries, for fixes. Source: Unicode CLDR."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from typing import Final

_LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "nb", "fi", "cs", "tr")
_UNITS: Final = ("millisecond", "second", "minute", "hour", "day", "week", "month", "year")
_EXTRA: Final = {"mins": "minute", "hrs": "hour", "msecs": "millisecond", "msec": "millisecond", "secs": "second"}
_COUNTS: Final = (1, 2, 5)
"""Languages have up to three forms after these numbers."""


def unit_of(word: str) -> str:
    """`hour` for `Std.`, `heures` and `hrs`; "" for a word that is not a unit of time, or of two kinds."""
    found = _units().get(_bare(word), set())
    return next(iter(found)) if len(found) == 1 else ""


def day_of(word: str, beside: Iterable[str] = ()) -> int | None:
    """Monday is 0. None if it is not a day, or another one in two languages that know all the words `beside` it."""
    known = [days for days in _days().values() if _bare(word) in days and all(_bare(each) in days for each in beside)]
    found = {days[_bare(word)] for days in known}
    return next(iter(found)) if len(found) == 1 else None


def country_of(name: str) -> str:
    """The two-letter code of a country's name in one of the languages, or ""."""
    return _countries().get(_bare(name), "")


def _bare(word: str) -> str:
    return word.strip().rstrip(".").casefold()


@cache
def _units() -> Mapping[str, set[str]]:
    from babel.units import format_unit  # noqa: PLC0415 - only fixes need it

    found: dict[str, set[str]] = {word: {unit} for word, unit in _EXTRA.items()}
    for language, unit, count in product(_LANGUAGES, _UNITS, _COUNTS):
        long = format_unit(count, f"duration-{unit}", "long", locale=language)
        short = format_unit(count, f"duration-{unit}", "short", locale=language)
        for written in (long, short):
            found.setdefault(_bare(re.sub(r"[\d\s]", "", written)), set()).add(unit)
    return found


@cache
def _days() -> Mapping[str, Mapping[str, int]]:
    from babel.dates import get_day_names  # noqa: PLC0415 - only fixes need it

    return {
        language: {
            _bare(name): number
            for width in ("wide", "abbreviated", "short")
            for number, name in get_day_names(width, locale=language).items()
        }
        for language in _LANGUAGES
    }


@cache
def _countries() -> Mapping[str, str]:
    return {_bare(name): code for language in _LANGUAGES for code, name in _territories(language)}


def _territories(language: str) -> Iterator[tuple[str, str]]:
    from babel import Locale  # noqa: PLC0415 - only fixes need it

    return ((code, name) for code, name in Locale(language).territories.items() if len(code) == 2 and code.isalpha())
