"""The language of a voice (`en-GB`, `cmn-CN`) as CLDR knows it."""

from __future__ import annotations

import re
from functools import lru_cache

from babel import Locale, UnknownLocaleError

_RENAMED = {"no": "nb"}
_BLANKS = re.compile(r"[\u00a0\u2009\u202f]")
_MARKS = re.compile(r"[\u200e\u200f]")
_UNKNOWN = Locale("en", "US")


@lru_cache(maxsize=256)
def locale_of(language: str) -> Locale:
    """The nearest that CLDR has: the language with its country, the language alone, or else American English."""
    parts = re.split("[-_]", language)
    parts[0] = _RENAMED.get(parts[0].lower(), parts[0])
    for length in range(len(parts), 0, -1):
        try:
            return Locale.parse("_".join(parts[:length]))
        except (ValueError, UnknownLocaleError):
            continue
    return _UNKNOWN


def plain(text: str) -> str:
    """`text` with ordinary blanks and without marks of direction, as a voice reads it."""
    return _MARKS.sub("", _BLANKS.sub(" ", text))
