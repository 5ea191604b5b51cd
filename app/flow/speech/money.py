"""Amounts of money: `12 pounds and 50 pence`, `12 Euro und 50 Cent`.

CLDR has the names of currencies, but neither what they are called in daily life nor their hundredths.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from babel import Locale
from babel.numbers import format_currency, get_currency_name, get_currency_precision
from babel.numbers import is_currency as _is_currency

from app.flow.speech.numbers import parts_thousands, plain, signed, written

Names = tuple[str, str]
"""Of one, and of several."""

_UNITS: Mapping[str, Mapping[str, Names]] = {
    "de": {"GBP": ("Pfund", "Pfund")},
    "en": {"GBP": ("pound", "pounds")},
    "es": {"GBP": ("libra", "libras"), "USD": ("dólar", "dólares"), "MXN": ("peso", "pesos")},
    "fr": {"GBP": ("livre", "livres"), "USD": ("dollar", "dollars")},
    "it": {"GBP": ("sterlina", "sterline"), "USD": ("dollaro", "dollari")},
    "pt": {
        "BRL": ("real", "reais"),
        "EUR": ("euro", "euros"),
        "GBP": ("libra", "libras"),
        "USD": ("dólar", "dólares"),
    },
}
"""What currencies are called where CLDR has a longer name, by language."""

_AT_HOME: Mapping[str, Names] = {
    "de_CH": ("Franken", "Franken"),
    "en_AU": ("dollar", "dollars"),
    "en_CA": ("dollar", "dollars"),
    "en_NZ": ("dollar", "dollars"),
    "en_US": ("dollar", "dollars"),
    "fr_CA": ("dollar", "dollars"),
    "fr_CH": ("franc", "francs"),
    "it_CH": ("franco", "franchi"),
}
_HOME_OF: Mapping[str, str] = {"AU": "AUD", "CA": "CAD", "CH": "CHF", "NZ": "NZD", "US": "USD"}
"""A currency in its own country needs no name of the country."""

_CENTS = ("EUR", "USD", "CAD", "AUD", "NZD", "SGD", "HKD", "ZAR")
_PESOS = ("MXN", "ARS", "COP", "DOP", "UYU", "BRL")
_PARTS: Mapping[str, Mapping[str, Names]] = {
    "de": {
        **dict.fromkeys(_CENTS, ("Cent", "Cent")),
        "CHF": ("Rappen", "Rappen"),
        "GBP": ("Penny", "Pence"),
    },
    "en": {
        **dict.fromkeys(_CENTS, ("cent", "cents")),
        **dict.fromkeys(_PESOS, ("centavo", "centavos")),
        "CHF": ("centime", "centimes"),
        "GBP": ("penny", "pence"),
        "INR": ("paisa", "paise"),
    },
    "es": {
        **dict.fromkeys(_PESOS, ("centavo", "centavos")),
        "USD": ("centavo", "centavos"),
        "EUR": ("céntimo", "céntimos"),
        "CHF": ("céntimo", "céntimos"),
        "GBP": ("penique", "peniques"),
        "PEN": ("céntimo", "céntimos"),
    },
    "fr": {
        **dict.fromkeys(_CENTS, ("cent", "cents")),
        "EUR": ("centime", "centimes"),
        "CHF": ("centime", "centimes"),
        "GBP": ("penny", "pence"),
    },
    "it": {
        **dict.fromkeys(_CENTS, ("centesimo", "centesimi")),
        "CHF": ("centesimo", "centesimi"),
        "GBP": ("penny", "pence"),
    },
    "pt": {
        **dict.fromkeys(_PESOS, ("centavo", "centavos")),
        "USD": ("centavo", "centavos"),
        "EUR": ("cêntimo", "cêntimos"),
        "CHF": ("cêntimo", "cêntimos"),
        "GBP": ("péni", "pence"),
    },
}
"""What the hundredths of currencies are called, by language."""

_AND: Mapping[str, str] = {"de": "und", "en": "and", "es": "con", "fr": "et", "it": "e", "pt": "e"}
_MILLIONS_OF: Mapping[str, str] = {"es": "de ", "fr": "de ", "it": "di ", "pt": "de "}
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
    said = _in_words(value, code, places, locale) if locale.language in _AND else _by_cldr(value, code, locale)
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
    names = _PARTS[locale.language].get(code)
    if value % 1 and names is None:
        return f"{written(value, locale, '#,##0.' + '0' * places)} {_name(value, code, locale)}"
    units = (
        f"{written(Decimal(whole), locale)} {_millions_of(whole, code, locale)}{_name(Decimal(whole), code, locale)}"
    )
    if names is None or not parts:
        return units
    cents = f"{parts} {_one_of(names, Decimal(parts), locale)}"
    return f"{units} {_AND[locale.language]} {cents}" if whole else cents


def _name(count: Decimal, code: str, locale: Locale) -> str:
    names = _AT_HOME.get(str(locale)) if _HOME_OF.get(locale.territory or "") == code else None
    names = names or _UNITS[locale.language].get(code)
    if names:
        return _one_of(names, count, locale)
    name = plain(get_currency_name(code, count, locale))
    return name.lower() if locale.language == "pt" else name


def _one_of(names: Names, count: Decimal, locale: Locale) -> str:
    return names[0] if locale.plural_form(count) == "one" else names[1]


def _millions_of(whole: int, code: str, locale: Locale) -> str:
    """The word between whole millions and what there are millions of: `un million d'euros`."""
    word = _MILLIONS_OF.get(locale.language, "") if whole and whole % _MILLION == 0 else ""
    return "d'" if word == "de " and locale.language == "fr" and code == "EUR" else word
