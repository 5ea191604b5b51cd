"""Spoken forms of values by language: dates and times, numbers, amounts of money, digits, spelling, lists.

The result is plain text, escaped like every other value. Some languages have word lists (words.yaml), others use CLDR's
formats (through Babel, which is slow to import); an unknown one is spoken as American English. Functions raise
ValueError with a sentence that says what is expected, without the value.
"""

from __future__ import annotations

from ncco_server.flow.speech.characters import digits, listed, spelled
from ncco_server.flow.speech.times import FORMS, in_zone, spoken

__all__ = ["FORMS", "digits", "in_zone", "listed", "spelled", "spoken"]
