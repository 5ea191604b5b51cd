"""Amounts of money: `12 pounds and 50 pence`, `12 Euro und 50 Cent`.

CLDR has the names of currencies, but neither what they are called in daily life nor their hundredths.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from babel import Locale
from babel.numbers import format_currency, get_currency_name, get_currency_precision
from babel.numbers import is_currency as _is_currency

from app.flow.speech.numbers import parts_thousands, plain, signed, word_of, written

_MILLION = 1_000_000


def is_currency(code: str) -> bool:
    """Whether `code` is the code of a currency (ISO 4217), in any case: `GBP`."""
    return _is_currency(code.upper())


def amount(value: Decimal, currency: str, locale: Locale) -> str:
    """`value` of `currency`, rounded to its smallest unit; hundredths by their own name where it is known."""
    code = currency.upper()
    places = get_currency_precision(code)
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    value = abs(rounded)
    has_words = word_of(locale, "and") is not None
    said = _in_words(value, code, places, locale) if has_words else _by_cldr(value, code, locale)
    return signed(said, locale, is_negative=rounded < 0)


def _by_cldr(value: Decimal, code: str, locale: Locale) -> str:
    whole = value if value % 1 else Decimal(int(value))
    return plain(
        format_currency(
            whole,
            code,
            locale=locale,
            format_type="name",
            currency_digits=bool(value % 1),
            group_separator=parts_thousands(locale),
        )
    )


def _in_words(value: Decimal, code: str, places: int, locale: Locale) -> str:
    """Units and hundredths: `12 pounds and 50 pence`, `50 pence`; without a name for hundredths `12.50 rupees`."""
    whole, parts = int(value), int(value % 1 * 100)
    names = word_of(locale, "parts", code)
    if value % 1 and names is None:
        return f"{written(value, locale, '#,##0.' + '0' * places)} {_name(value, code, locale)}"
    units = (
        f"{written(Decimal(whole), locale)} {_millions_of(whole, code, locale)}{_name(Decimal(whole), code, locale)}"
    )
    if names is None or not parts:
        return units
    cents = f"{parts} {_one_of(names, Decimal(parts), locale)}"
    return f"{units} {word_of(locale, 'and')} {cents}" if whole else cents


def _name(count: Decimal, code: str, locale: Locale) -> str:
    names = word_of(locale, "units", code)
    if names:
        return _one_of(names, count, locale)
    name = plain(get_currency_name(code, count, locale))
    return name.lower() if locale.language == "pt" else name


def _one_of(names: Sequence[str], count: Decimal, locale: Locale) -> str:
    return names[0] if locale.plural_form(count) == "one" else names[1]


def _millions_of(whole: int, code: str, locale: Locale) -> str:
    """The word between whole millions and what there are millions of: `un million d'euros`."""
    word = word_of(locale, "millions_of") or "" if whole and whole % _MILLION == 0 else ""
    return "d'" if word == "de " and locale.language == "fr" and code == "EUR" else word
