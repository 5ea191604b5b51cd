"""Numbers and amounts of money, written so that a voice of the language reads them as one number.

CLDR has the official names of currencies; everyday names and the names of subunits are in words.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml
from babel import Locale, UnknownLocaleError
from babel.numbers import (
    format_currency,
    format_decimal,
    get_currency_name,
    get_currency_precision,
    get_group_symbol,
    get_minus_sign_symbol,
)

_RENAMED = {"no": "nb"}
_BLANKS = re.compile(r"[\u00a0\u2009\u202f]")
_MARKS = re.compile(r"[\u200e\u200f]")
_UNKNOWN = Locale("en", "US")
_LARGE = 10**18
_MILLION = 1_000_000
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_FINEST = Decimal("0.001")

_WORDS: Final[Mapping[str, Mapping[str, Any]]] = yaml.load(
    Path(__file__).with_name("words.yaml").read_bytes(), yaml.CSafeLoader
)


@lru_cache(maxsize=256)
def locale_of(language: str) -> Locale:
    """The language with its country, the language alone, or American English."""
    parts = re.split("[-_]", language)
    parts[0] = _RENAMED.get(parts[0].lower(), parts[0])
    for length in range(len(parts), 0, -1):
        try:
            return Locale.parse("_".join(parts[:length]))
        except (ValueError, UnknownLocaleError):
            continue
    return _UNKNOWN


def word_of(locale: Locale, *keys: str) -> Any:
    """The entry of words.yaml for the country or else the language."""
    for name in (str(locale), locale.language):
        found: Any = _WORDS.get(name, {})
        for key in keys[:-1]:
            found = found.get(key, {})
        if keys[-1] in found:
            return found[keys[-1]]
    return None


def plain(text: str) -> str:
    return _MARKS.sub("", _BLANKS.sub(" ", text))


def number_of(value: object) -> Decimal | None:
    """None unless it is a number, or text with one."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, Decimal) and not value.is_finite():
        return None  # a comparison would raise
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and -_LARGE < value < _LARGE:
        return Decimal(str(value))
    return None


def number(value: Decimal, locale: Locale) -> str:
    """At most three decimals: `1,234.5`, `1.234,5`, `minus 3`."""
    rounded = value.quantize(_FINEST, ROUND_HALF_UP)
    return _signed(_written(abs(rounded), locale), locale, is_negative=rounded < 0)


def amount(value: Decimal, currency: str, locale: Locale) -> str:
    """Rounded to the smallest unit. Hundredths are spoken by their own name, if known."""
    code = currency.upper()
    places = get_currency_precision(code)
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    has_words = word_of(locale, "and") is not None
    said = _in_words(abs(rounded), code, places, locale) if has_words else _by_cldr(abs(rounded), code, locale)
    return _signed(said, locale, is_negative=rounded < 0)


def _written(value: Decimal, locale: Locale, pattern: str | None = None) -> str:
    return plain(format_decimal(value, pattern, locale=locale, group_separator=_groups_thousands(locale)))


def _groups_thousands(locale: Locale) -> bool:
    """False if the separator is a space, which a voice may read as the end of a number."""
    return not get_group_symbol(locale).isspace()


def _signed(text: str, locale: Locale, *, is_negative: bool) -> str:
    if not is_negative:
        return text
    word = word_of(locale, "minus")
    return f"{word} {text}" if word else f"{plain(get_minus_sign_symbol(locale))}{text}"


def _by_cldr(value: Decimal, code: str, locale: Locale) -> str:
    has_parts = bool(value % 1)
    groups = _groups_thousands(locale)
    exact = value if has_parts else Decimal(int(value))
    return plain(
        format_currency(
            exact, code, locale=locale, format_type="name", currency_digits=has_parts, group_separator=groups
        )
    )


def _in_words(value: Decimal, code: str, places: int, locale: Locale) -> str:
    """`12 pounds and 50 pence`, `50 pence`; or, without a name for hundredths, `12.50 rupees`."""
    whole = int(value)
    parts = int(value % 1 * 100)
    names = word_of(locale, "parts", code)
    if value % 1 and names is None:
        return f"{_written(value, locale, '#,##0.' + '0' * places)} {_unit(value, code, locale)}"
    count = Decimal(whole)
    units = f"{_written(count, locale)} {_millions_of(whole, code, locale)}{_unit(count, code, locale)}"
    if names is None or not parts:
        return units
    cents = f"{parts} {_plural_form(names, Decimal(parts), locale)}"
    return f"{units} {word_of(locale, 'and')} {cents}" if whole else cents


def _unit(count: Decimal, code: str, locale: Locale) -> str:
    names = word_of(locale, "units", code)
    if names:
        return _plural_form(names, count, locale)
    name = plain(get_currency_name(code, count, locale))
    return name.lower() if locale.language == "pt" else name


def _plural_form(names: Sequence[str], count: Decimal, locale: Locale) -> str:
    return names[0] if locale.plural_form(count) == "one" else names[1]


def _millions_of(whole: int, code: str, locale: Locale) -> str:
    """The word before the currency, as in `un million d'euros`; "" for none."""
    word = word_of(locale, "millions_of") or "" if whole and whole % _MILLION == 0 else ""
    return "d'" if word == "de " and locale.language == "fr" and code == "EUR" else word
