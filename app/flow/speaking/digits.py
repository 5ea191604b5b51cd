"""Digits one by one, with a pause between groups.

Single digits with blanks between them are read as digits by every voice; a comma makes it pause.
"""

from __future__ import annotations

import re

from app.flow.speaking.languages import locale_of
from app.flow.speaking.spelling import sign_of

MAX_GROUP = 9
_PARTED = re.compile(r"[\s./()\u2010-\u2015-]+")
_WITH_COUNTRY = range(11, 16)
"""How many digits a phone number with the code of its country has; shorter ones may be without."""

_TWO_DIGITS = frozenset(
    str(code)
    for code in (
        *(20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50)),
        *(*range(51, 59), *range(60, 67), 81, 82, 84, 86, *range(90, 96), 98),
    )
)
"""Country codes of two digits; 1 and 7 have one, all others three. Source: ITU-T E.164, list of country codes."""

_SIGNS = frozenset("+*#")


def digits(value: object, language: str, group: object = None) -> str:
    """`value` digit by digit: `4 4, 7 7 0 0, 9 0 0, 1 2 3`.

    Groups are those of the text (`12-34-56`), else of three or four digits, else of `group` digits (1 to 9).
    `+`, `*` and `#` are said by their names.
    """
    if group is not None and (not isinstance(group, int) or isinstance(group, bool) or not 1 <= group <= MAX_GROUP):
        raise ValueError(f"groups of 1 to {MAX_GROUP} digits are needed")
    parts = [part for part in _PARTED.split(_written(value)) if part]
    if group is not None or len(parts) == 1:
        parts = _regrouped("".join(parts), group)
    locale = locale_of(language)
    return ", ".join(" ".join(sign_of(sign, locale) for sign in part) for part in parts)


def _regrouped(whole: str, group: int | None) -> list[str]:
    """The groups of digits that nothing parts; a `+` before them belongs to the first."""
    bare = whole.removeprefix("+")
    if not bare:
        return [whole]
    groups = _cut(bare, group) if group else _phone(bare) if _has_country(whole, bare) else _grouped(bare)
    return [f"+{groups[0]}", *groups[1:]] if whole != bare else groups


def _has_country(whole: str, bare: str) -> bool:
    return bare[0] != "0" and (whole != bare or len(bare) in _WITH_COUNTRY)


def _phone(number: str) -> list[str]:
    """A number with the code of its country before it."""
    length = 1 if number[0] in "17" else 2 if number[:2] in _TWO_DIGITS else 3
    return [part for part in (number[:length], *_grouped(number[length:])) if part]


def _written(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str) and all(sign.isdecimal() or sign in _SIGNS or _PARTED.match(sign) for sign in value):
        return "".join(str(int(sign)) if sign.isdecimal() else sign for sign in value)
    raise ValueError("digits are needed: a text of them, or a whole number from 0; for letters there is `spell`")


def _cut(whole: str, size: int) -> list[str]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def _grouped(whole: str) -> list[str]:
    """Up to five digits stay together, sixteen are a card's; else threes, with fours where they would leave rests."""
    length = len(whole)
    if length <= 5:
        return [whole]
    if length == 16:
        return _cut(whole, 4)
    fours = length % 3
    threes = length - 4 * fours
    return [*_cut(whole[:threes], 3), *_cut(whole[threes:], 4)]
