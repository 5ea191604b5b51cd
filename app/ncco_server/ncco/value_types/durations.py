"""Durations such as `700ms`, `30s`, `5m`, `2h` and `90d`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ncco_server.ncco.value_types.foreign_words import unit_of

UNITS_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MS_OF: Final = {
    "millisecond": 1,
    "second": 1000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 7 * 86_400_000,
}
"""Months and years have no fixed length."""

_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_DECIMAL: Final = re.compile(r"[0-9]{0,9}\.[0-9]{1,6}")
_PIECE: Final = re.compile(r"([0-9]{1,9}(?:[.,][0-9]{1,6})?)\s*([^\W\d_]*\.?)\s*")
_ISO: Final = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_CLOCK: Final = re.compile(r"()()(\d+):(\d\d):(\d\d)")


def duration_ms(text: str) -> int | None:
    """Return None if the text is not a duration."""
    found = _DURATION.fullmatch(text)
    return round(float(found[1]) * UNITS_MS[found[2]]) if found else None


def meant_durations(text: str, unit: str) -> Iterator[str]:
    """What a text in another notation probably means: `48h` for `48 Std.`, `90m` for `1h30m`.

    `unit` is the likeliest for a number without one; seconds are the last; minutes come between hours and seconds.
    """
    written = text.strip()
    if written.isdecimal() and len(written) < 10:
        yield from (f"{written}{each}" for each in (unit, *("m" * (unit == "h")), "s"))
    elif _DECIMAL.fullmatch(written):
        yield from (shown_duration(round(float(written) * UNITS_MS[each])) for each in (unit, "s"))
    elif (found := _meant_ms(written)) is not None:
        yield shown_duration(*found)


def meant_seconds(text: str) -> int | None:
    """`60` for `1 min`; None if it is not a duration in whole seconds."""
    found = _meant_ms(text.strip())
    return found[0] // 1000 if found is not None and found[0] % 1000 == 0 else None


def shown_duration(ms: int, unit: str = "") -> str:
    """In `unit` if the number is whole there, otherwise in the largest unit in which it is."""
    units = (unit, *reversed(UNITS_MS)) if unit else tuple(reversed(UNITS_MS))
    return next(f"{ms // UNITS_MS[each]}{each}" for each in units if ms % UNITS_MS[each] == 0)


def _meant_ms(text: str) -> tuple[int, str] | None:
    """Milliseconds, and the unit in which they are written; "" for several, or one that we do not have."""
    if (iso := _ISO.fullmatch(text) or _CLOCK.fullmatch(text)) and any(iso.groups()):
        sizes = ("week", "day", "hour", "minute", "second")
        return sum(int(number or 0) * _MS_OF[size] for number, size in zip(iso.groups(), sizes, strict=True)), ""
    pieces = list(_PIECE.finditer(text))
    if "".join(each[0] for each in pieces) != text or not pieces:
        return None
    total, letter = 0.0, ""
    for piece in pieces:
        unit = _unit(piece[2])
        if unit is None:
            return None
        total += float(piece[1].replace(",", ".")) * unit[0]
        letter = unit[1] if len(pieces) == 1 else ""
    return round(total), letter


def _unit(word: str) -> tuple[int, str] | None:
    """Its milliseconds, and its letter, or ""; None for a word that is not a unit with a fixed length."""
    letter = word.rstrip(".").lower()
    if word == "M":  # months or minutes
        return None
    if letter in UNITS_MS:
        return UNITS_MS[letter], letter
    size = _MS_OF["week"] if letter == "w" else _MS_OF.get(unit_of(word)) if len(letter) > 1 else None
    return None if size is None else (size, next((name for name, ms in UNITS_MS.items() if ms == size), ""))
