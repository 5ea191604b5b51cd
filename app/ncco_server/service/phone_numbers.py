"""Phone numbers as people write them."""

from __future__ import annotations

import re
from typing import Final

import phonenumbers

_WRITTEN: Final = re.compile(r"[+\d ()/.-]+")
_LIKE_A_NUMBER: Final = re.compile(r"\+?[\d ()/.-]{3,}")
_MOST_DIGITS: Final = 15
_LEAST_DIGITS: Final = 7
"""Source: ITU-T E.164, 6.1. Shorter numbers only work within a network."""


def readable(number: str, line: str = "") -> str:
    """`447700900123` becomes `+44 7700 900123`, or `07700 900123` on a British line (the called number).

    Anything else, such as a user's name, is unchanged.
    """
    found = _parsed(number)
    if found is None:
        return number
    called = _parsed(line)
    is_national = called is not None and called.country_code == found.country_code
    form = phonenumbers.PhoneNumberFormat.NATIONAL if is_national else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(found, form)


def digits_of(words: str, line: str = "") -> str:
    """The inverse of `readable`. Anything but a number is unchanged."""
    called = _parsed(line)
    region = phonenumbers.region_code_for_number(called) if called is not None else None
    if _parsed(words) is not None or not _WRITTEN.fullmatch(words):
        return words
    try:
        found = phonenumbers.parse(words, region)
    except phonenumbers.NumberParseException:
        return words
    # Short numbers such as 112 stay as they are, because they have no country code.
    length = phonenumbers.is_possible_number_with_reason(found)
    is_whole = length == phonenumbers.ValidationResult.IS_POSSIBLE
    return f"{found.country_code}{phonenumbers.national_significant_number(found)}" if is_whole else words


def is_number(words: str) -> bool:
    return _LIKE_A_NUMBER.fullmatch(words) is not None


def dialable(number: str) -> str:
    """Return "" for anything but digits, such as `anonymous`."""
    return f"+{number}" if number.isascii() and number.isdecimal() else ""


def _parsed(number: str) -> phonenumbers.PhoneNumber | None:
    """Return None if the text is not a number, or has an unknown country code."""
    if not (number.isascii() and number.isdecimal() and _LEAST_DIGITS <= len(number) <= _MOST_DIGITS):
        return None
    try:
        return phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return None
