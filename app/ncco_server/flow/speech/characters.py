"""Spoken forms of digits, one by one, of text that is spelled, and of lists.

All voices read single digits separated by spaces as digits, and pause at a comma.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

from babel import Locale
from babel.lists import format_list
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from ncco_server.flow.speech.numbers import locale_of, plain, word_of
from ncco_server.flow.speech.times import spoken
from ncco_server.ncco.value_types import Point

MAX_GROUP = 9
_SEPARATORS = re.compile(r"[\s./()\u2010-\u2015-]+")
_INTERNATIONAL_LENGTHS = range(11, 16)
"""So many digits count as a phone number with a country code."""

_COUNTRY_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))
_WRITTEN = re.compile(rf"(?:[0-9+*#]|{_SEPARATORS.pattern})*")
_DOTTED = frozenset({"az", "tr"})
WORDS: Mapping[str, Literal["standard", "or"]] = {"and": "standard", "or": "or"}
"""Words before the last entry of a list, each with its CLDR list style."""

_BRITISH = Locale("en", "GB")
"""For all English lists: British English has no comma before `and`."""
_SPANISH = (
    (re.compile(r"h?[ií](?![ae])", re.IGNORECASE), "y", "e"),
    (re.compile(r"h?[oó]|8|11(?!\d)", re.IGNORECASE), "o", "u"),
)
"""The last entry's beginning, the word before it, and the word to write instead."""


def digits(value: object, language: str, group: object = None) -> str:
    """`value` digit by digit: `4 4, 7 7 0 0, 9 0 0, 1 2 3`.

    Groups have `group` digits (1 to 9). By default, they are the text's own (`12-34-56`), or of three or four digits.
    `+`, `*` and `#` are spoken by name.
    """
    if group is not None and (not isinstance(group, int) or isinstance(group, bool) or not 1 <= group <= MAX_GROUP):
        raise ValueError(f"groups of 1 to {MAX_GROUP} digits are needed")
    parts = [part for part in _SEPARATORS.split(_written(value)) if part]
    if group is not None or len(parts) == 1:
        parts = _regrouped("".join(parts), group)
    locale = locale_of(language)
    return ", ".join(" ".join(_character(sign, locale) for sign in part) for part in parts)


def _regrouped(whole: str, group: int | None) -> list[str]:
    """A `+` belongs to the first group."""
    bare = whole.removeprefix("+")
    if not bare:
        return [whole]
    groups = _chunks(bare, group) if group else _phone(bare) if _has_country_code(whole, bare) else _grouped(bare)
    return [f"+{groups[0]}", *groups[1:]] if whole != bare else groups


def _has_country_code(whole: str, bare: str) -> bool:
    return bare[0] != "0" and (whole != bare or len(bare) in _INTERNATIONAL_LENGTHS)


def _phone(number: str) -> list[str]:
    length = next((size for size in (1, 2) if number[:size] in _COUNTRY_CODES), 3)
    return [part for part in (number[:length], *_grouped(number[length:])) if part]


def _written(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str):
        text = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in value)
        if _WRITTEN.fullmatch(text):
            return text
    raise ValueError(
        "digits are needed: text that consists of digits, or a whole number from 0; to say letters, use `spell`"
    )


def _chunks(whole: str, size: int) -> list[str]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def _grouped(whole: str) -> list[str]:
    """Groups of three, the last ones of four if needed.

    Up to five digits are one group. 16 digits, as in a card number, are four groups of four.
    """
    length = len(whole)
    if length <= 5:
        return [whole]
    if length == 16:
        return _chunks(whole, 4)
    fours = length % 3
    threes = length - 4 * fours
    return [*_chunks(whole[:threes], 3), *_chunks(whole[threes:], 4)]


def spelled(value: object, language: str) -> str:
    """With pauses: `A, N, N, at, X, dot, D, E`. A space becomes a full stop."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("only text can be spelled")
    locale = locale_of(language)
    words = unicodedata.normalize("NFC", str(value)).split()
    return ". ".join(", ".join(_character(sign, locale) for sign in word if sign.isprintable()) for word in words)


def _character(sign: str, locale: Locale) -> str:
    if name := word_of(locale, "signs", sign):
        return str(name)
    if sign == "i" and locale.language in _DOTTED:
        return "\u0130"
    capital = sign.upper()
    return capital if len(capital) == 1 else sign


def listed(value: object, language: str, word: object = "and") -> str:
    """`a, b and c`, or with `or`: `a, b or c`. An empty list gives ""."""
    if not isinstance(value, list | tuple):
        raise ValueError("a list is needed")
    if not isinstance(word, str) or word not in WORDS:
        raise ValueError('a list is spoken with "and" or "or"')
    entries = [_entry(entry, language) for entry in value]
    if len(entries) < 2:
        return "".join(entries)
    locale = locale_of(language)
    last = entries[-1]
    text = format_list(entries, WORDS[word], _BRITISH if locale.language == "en" else locale)
    for sound, usual, instead in _SPANISH if locale.language == "es" else ():
        if sound.match(last) and text.endswith(f" {usual} {last}"):
            text = f"{text.removesuffix(f' {usual} {last}')} {instead} {last}"
    return plain(text)


def _entry(entry: object, language: str) -> str:
    if isinstance(entry, str):
        return entry
    if isinstance(entry, int | float | Point) and not isinstance(entry, bool):
        return spoken(entry, language)
    raise ValueError("the entries must be text, numbers, dates or times")
