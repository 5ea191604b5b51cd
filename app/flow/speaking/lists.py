"""Lists, as a person counts them up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from babel import Locale

from app.flow.speaking.languages import locale_of, plain
from app.flow.speaking.spoken import spoken

WORDS: Mapping[str, str] = {"and": "standard", "or": "or"}
"""What may stand before the last entry, and what CLDR calls it."""

_LIKE_Y = re.compile(r"h?[ií](?![ae])", re.IGNORECASE)
_LIKE_O = re.compile(r"h?[oó]|8|11(?!\d)", re.IGNORECASE)


def listed(value: object, language: str, word: object = "and") -> str:
    """The entries in one sentence: `a, b and c`, or with `or`: `a, b or c`. An empty list is an empty text."""
    if not isinstance(value, list | tuple):
        raise ValueError("a list is needed")
    if not isinstance(word, str) or word not in WORDS:
        raise ValueError('a list is said with "and" or with "or"')
    entries = [_entry(entry, language) for entry in value]
    if len(entries) < 2:
        return "".join(entries)
    return plain(_joined(entries, WORDS[word], locale_of(language)))


def _entry(entry: object, language: str) -> str:
    if isinstance(entry, str):
        return entry
    if isinstance(entry, int | float | datetime) and not isinstance(entry, bool):
        return spoken(entry, language)
    raise ValueError("entries that are texts, numbers or points in time are needed")


def _joined(entries: list[str], style: str, locale: Locale) -> str:
    patterns = locale.list_patterns[style]
    *before, last_but_one, last = entries
    text = _last(patterns["end" if before else "2"], last, locale).format(last_but_one, last)
    for entry in reversed(before[1:]):
        text = patterns["middle"].format(entry, text)
    return patterns["start"].format(before[0], text) if before else text


def _last(pattern: str, last: str, locale: Locale) -> str:
    """The pattern before the last entry as it is said.

    English leaves out the comma that American writing has there; Spanish says `e` for `y` before the sound of an `i`,
    and `u` for `o` before that of an `o`.
    """
    if locale.language == "en":
        return pattern.replace("{0}, ", "{0} ")
    if locale.language == "es" and _LIKE_Y.match(last):
        return pattern.replace(" y ", " e ")
    if locale.language == "es" and _LIKE_O.match(last):
        return pattern.replace(" o ", " u ")
    return pattern
