"""Spelling, letter by letter."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from babel import Locale

from app.flow.speaking.languages import locale_of

_SIGNS: Mapping[str, Mapping[str, str]] = {
    "de": {
        "@": "at", ".": "Punkt", "-": "Bindestrich", "_": "Unterstrich", "+": "plus", "/": "Schrägstrich",
        "*": "Stern", "#": "Raute", "&": "und", ",": "Komma", ":": "Doppelpunkt", "'": "Apostroph",
    },
    "en": {
        "@": "at", ".": "dot", "-": "dash", "_": "underscore", "+": "plus", "/": "slash",
        "*": "star", "#": "hash", "&": "and", ",": "comma", ":": "colon", "'": "apostrophe",
    },
    "en_US": {"#": "pound"},
    "es": {
        "@": "arroba", ".": "punto", "-": "guion", "_": "guion bajo", "+": "más", "/": "barra",
        "*": "asterisco", "#": "almohadilla", "&": "y", ",": "coma", ":": "dos puntos", "'": "apóstrofo",
    },
    "fr": {
        "@": "arobase", ".": "point", "-": "tiret", "_": "tiret bas", "+": "plus", "/": "barre oblique",
        "*": "étoile", "#": "dièse", "&": "et", ",": "virgule", ":": "deux points", "'": "apostrophe",
    },
    "it": {
        "@": "chiocciola", ".": "punto", "-": "trattino", "_": "trattino basso", "+": "più", "/": "barra",
        "*": "asterisco", "#": "cancelletto", "&": "e commerciale", ",": "virgola", ":": "due punti",
        "'": "apostrofo",
    },
    "pt": {
        "@": "arroba", ".": "ponto", "-": "hífen", "_": "underline", "+": "mais", "/": "barra",
        "*": "asterisco", "#": "jogo da velha", "&": "e comercial", ",": "vírgula", ":": "dois pontos",
        "'": "apóstrofo",
    },
    "pt_PT": {"_": "underscore", "#": "cardinal"},
}  # fmt: skip # a table is read by its rows
"""How signs are said, by language and, where it says something else, by country. A voice of another language says
the sign itself in its own words.
"""

_DOTTED = frozenset({"az", "tr"})


def spelled(value: object, language: str) -> str:
    """`value` sign by sign, with a pause behind each: `A, N, N, at, X, dot, D, E`. A blank parts words by a stop."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("a text is needed to spell it")
    locale = locale_of(language)
    words = unicodedata.normalize("NFC", str(value)).split()
    return ". ".join(", ".join(sign_of(sign, locale) for sign in word if sign.isprintable()) for word in words)


def sign_of(sign: str, locale: Locale) -> str:
    """One letter as a capital, one sign by its name."""
    for table in (_SIGNS.get(str(locale)), _SIGNS.get(locale.language)):
        if table and sign in table:
            return table[sign]
    if sign == "i" and locale.language in _DOTTED:
        return "\u0130"
    capital = sign.upper()
    return capital if len(capital) == 1 else sign
