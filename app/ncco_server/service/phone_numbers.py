"""Phone numbers as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import phonenumbers

from ncco_server.flow.model import Flow
from ncco_server.ncco.value_types import digits_in, is_withheld, read_number

_WITH_LETTERS: Final = re.compile(r"tel:|[\d.,]+e\+?\d+$", re.IGNORECASE)
"""A number in spite of its letters."""
_LIKE_A_NUMBER: Final = re.compile(r"[0-9]{3,}")
_MOST_DIGITS: Final = 15
_LEAST_DIGITS: Final = 7
"""Source: ITU-T E.164, 6.1. Shorter numbers only work within a network."""


def readable(number: str, line: str = "") -> str:
    """`447700900123` becomes `+44 7700 900123`, or `07700 900123` on a British line (the called number).

    Return "" for a withheld number. Anything else, such as a user's name, is unchanged.
    """
    if is_withheld(number):
        return ""
    found = _parsed(number)
    if found is None:
        return number
    called = _parsed(line)
    is_national = called is not None and called.country_code == found.country_code
    form = phonenumbers.PhoneNumberFormat.NATIONAL if is_national else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(found, form)


def line_of(flows: Iterable[Flow], flow: Flow | None = None) -> str:
    """A number of ours, whose country decides what national numbers mean: of `flow`, which places calls, or of any.

    Return "" if the flows name none.
    """
    flows = list(flows)
    own, *placed = (each.outbound.from_number if each and each.outbound else "" for each in (flow, *flows))
    return next((number for number in (own, *(each for flow in flows for each in flow.numbers), *placed) if number), "")


def read_party(number: str, line: str) -> str:
    """See `read_number`. A number within a network, or an emergency number, has no country code."""
    short = digits_in(number)
    return short if short.isdecimal() and len(short) < _LEAST_DIGITS else read_number(number, line)


def read_called(called: str, line: str = "") -> str:
    """Read a number, or an app user's name; "" without either. Raises ValueError."""
    is_name = re.search(r"[^\W\d_]", called) and not _WITH_LETTERS.match(called)
    return called if not called or is_name else read_party(called, line)


def read_caller(caller: str, line: str = "") -> str:
    """Read a number, a `sip:` address, or "", anonymous and the like for a withheld number. Raises ValueError."""
    is_unchanged = is_withheld(caller) or caller.lower().startswith(("sip:", "sips:"))
    return caller if is_unchanged else read_party(caller, line)


def digits_of(words: str, line: str = "") -> str:
    """See `read_number`. Anything but a number is unchanged."""
    try:
        return read_number(words, line)
    except ValueError:
        return words


def is_number(words: str) -> bool:
    return _LIKE_A_NUMBER.fullmatch(digits_in(words)) is not None


def sought_digits(words: str) -> str:
    """The digits of a number or a part of one, as they are stored; "" for any other text."""
    digits = digits_in(words.strip())
    return digits.lstrip("0") if _LIKE_A_NUMBER.fullmatch(digits) else ""


def dialable(number: str) -> str:
    return f"+{number}" if number.isascii() and number.isdecimal() else ""


def _parsed(number: str) -> phonenumbers.PhoneNumber | None:
    """Return None if the text is not a number, or has an unknown country code."""
    if not (number.isascii() and number.isdecimal() and _LEAST_DIGITS <= len(number) <= _MOST_DIGITS):
        return None
    try:
        return phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return None
