"""Times of day, as a person tells them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time

from babel import Locale
from babel.dates import format_time

from app.flow.speech.numbers import plain


def clock(moment: time, locale: Locale) -> str:
    """The time alone: `9 AM`, `17 Uhr 30`, `17 heures 30`, `ore 17 e 30`. Seconds are left out."""
    tell = _CLOCKS.get(locale.language)
    return tell(moment, locale) if tell else plain(format_time(moment, "short", locale=locale))


def at_clock(moment: time, locale: Locale) -> str | None:
    """The time behind a day, with the word between them: ` at 9 AM`, `, um 9 Uhr`; None: the language has none."""
    before = _AT.get(locale.language)
    return f"{before(moment, locale)}{clock(moment, locale)}" if before else None


def _english(moment: time, locale: Locale) -> str:
    hour, minute = moment.hour % 12 or 12, moment.minute
    if not minute and hour == 12:
        return "12 noon" if moment.hour else "12 midnight"
    half = "AM" if moment.hour < 12 else "PM"
    return f"{hour}:{minute:02} {half}" if minute else f"{hour} {half}"


def _german(moment: time, locale: Locale) -> str:
    return f"{moment.hour} Uhr {moment.minute}" if moment.minute else f"{moment.hour} Uhr"


def _french(moment: time, locale: Locale) -> str:
    hour, minute = moment.hour, moment.minute
    if not minute and hour in (0, 12):
        return "midi" if hour else "minuit"
    word = "heure" if hour < 2 else "heures"
    return f"{hour} {word} {minute}" if minute else f"{hour} {word}"


def _spanish(moment: time, locale: Locale) -> str:
    hour, minute = moment.hour, moment.minute
    if hour == 1 or _has_halves(locale):
        written = f"{hour % 12 or 12}:{minute:02}" if minute else f"{hour % 12 or 12}"
        return f"{written} {_spanish_half(hour, minute)}"
    return f"{hour}:{minute:02} horas" if minute else f"{hour} horas"


def _spanish_half(hour: int, minute: int) -> str:
    if hour == 12 and not minute:
        return "del mediodía"
    if 0 < hour < 12:
        return "de la mañana"
    return "de la tarde" if 12 <= hour < 19 else "de la noche"


def _has_halves(locale: Locale) -> bool:
    """Whether the country counts twice to 12, as Mexico does and Spain does not."""
    return "a" in locale.time_formats["short"].pattern


def _italian(moment: time, locale: Locale) -> str:
    return f"ore {moment.hour} e {moment.minute}" if moment.minute else f"ore {moment.hour}"


def _portuguese(moment: time, locale: Locale) -> str:
    hour, minute = moment.hour, moment.minute
    if not minute and hour in (0, 12):
        return "meio-dia" if hour else "meia-noite"
    hours = f"{hour} hora" if hour < 2 else f"{hour} horas"
    if not minute:
        return hours
    return f"{hours} e {minute} minuto" if minute == 1 else f"{hours} e {minute} minutos"


def _spanish_at(moment: time, locale: Locale) -> str:
    is_one = moment.hour == 1 or (moment.hour == 13 and _has_halves(locale))
    return ", a la " if is_one else ", a las "


def _portuguese_at(moment: time, locale: Locale) -> str:
    if moment.hour == 12 and not moment.minute:
        return ", ao "
    return ", à " if moment.hour < 2 else ", às "


Tell = Callable[[time, Locale], str]

_CLOCKS: Mapping[str, Tell] = {
    "de": _german,
    "en": _english,
    "es": _spanish,
    "fr": _french,
    "it": _italian,
    "pt": _portuguese,
}

_AT: Mapping[str, Tell] = {
    "de": lambda moment, locale: ", um ",
    "en": lambda moment, locale: " at ",
    "es": _spanish_at,
    "fr": lambda moment, locale: " à ",
    "it": lambda moment, locale: " alle ",
    "pt": _portuguese_at,
}
