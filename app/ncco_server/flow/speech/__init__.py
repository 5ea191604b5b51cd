"""Spoken forms of values in each language: dates and times, numbers, amounts of money, digits, spelling, lists.

The result is plain text that any voice of the language reads as intended; it is escaped like every other value.
English, German, French, Spanish, Italian and Portuguese have their own word lists (words.yaml). Other languages use
CLDR's formats (through Babel). An unknown language is spoken as American English.

Babel is slow to import, so this package is imported only when something is spoken. Every function takes a value, a
language and the arguments of its filter. It raises ValueError with a sentence that says what is expected, without
repeating the value.
"""

from __future__ import annotations

from ncco_server.flow.speech.characters import digits, listed, spelled
from ncco_server.flow.speech.times import in_zone, spoken

__all__ = ["digits", "in_zone", "listed", "spelled", "spoken"]
