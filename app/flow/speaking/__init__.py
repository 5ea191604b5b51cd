"""How values are said, by language: dates and times, numbers, amounts of money, digits, spelling, lists.

What comes out is plain text that any voice of the language reads as meant; it is escaped like every other value.
English, German, French, Spanish, Italian and Portuguese are written with care; for the other languages of CLDR
(through Babel) its own forms are taken, and a language that is not known is spoken as American English.

Babel takes a while to import: whoever speaks imports this package late. Every function raises ValueError with a
sentence that says what is needed and never repeats the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.flow.speaking.digits import MAX_GROUP, digits
from app.flow.speaking.lists import WORDS, listed
from app.flow.speaking.spelling import spelled
from app.flow.speaking.spoken import FORMS, is_currency, spoken
from app.flow.speaking.zones import in_zone, is_zone, known_zones

__all__ = ["FORMS", "MAX_GROUP", "SPEAKERS", "WORDS", "is_currency", "is_zone", "known_zones"]

SPEAKERS: Mapping[str, Callable[..., Any]] = {
    "digits": digits,
    "in_zone": in_zone,
    "list": listed,
    "spell": spelled,
    "spoken": spoken,
}
"""By the name of the filter: the value, the language and what stands in the filter's brackets → what is said."""
