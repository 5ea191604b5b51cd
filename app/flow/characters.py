"""Characters that nobody sees and YAML or a phone number stumbles over: found before the parser runs."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

from app.flow.issues import Issue
from app.flow.page import FILLER, Page
from app.flow.rules import RULES

_NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\u2060\ufeff\ufffe\uffff\ud800-\udfff]")
"""What YAML forbids, and what is invisible everywhere."""
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Comes along when a phone number is copied from a contact list."""
_SPACES = "\xa0\u2000-\u200a\u202f\u205f\u3000"
_STRANGE_SPACE = re.compile(rf"(?:^|(?<=[\r\n]))[ ]*(?:- *)*(?:[\w-]+: *)?([{_SPACES}]+)")
"""In the indentation and behind a key, where YAML knows only the space bar's space."""
_BREAKS = ("\x85", "\u2028", "\u2029")
_MOST = 20


def check_characters(page: Page) -> list[Issue]:
    """Report and mask what is invisible or forbidden: at most twenty of each sort, since all come from one paste."""
    patterns = (_NEVER,) if page.text.isascii() else (_NEVER, _STRANGE_SPACE, _DIRECTION)
    return [issue for pattern in patterns for issue in _check(page, pattern)]


def _check(page: Page, pattern: re.Pattern[str]) -> list[Issue]:
    spans = [found.span(pattern.groups) for found in islice(pattern.finditer(page.text), _MOST)]
    if spans and pattern is not _DIRECTION:
        page.masked = pattern.sub(_filler, page.masked)
    return [_issue(page, start, end) for start, end in spans if not _is_in_place(page, start)]


def _filler(found: re.Match[str]) -> str:
    group = found.re.groups
    strange = found[group]
    is_space = group == 1 or strange in _BREAKS
    return found[0].removesuffix(strange) + (" " if is_space else FILLER) * len(strange)


def _is_in_place(page: Page, index: int) -> bool:
    """Whether it is a direction mark in a line that holds Hebrew or Arabic letters."""
    line = page.line(page.position(index)[0])
    has_letters = any(unicodedata.bidirectional(char) in ("R", "AL") for char in line)
    return has_letters and bool(_DIRECTION.match(page.text[index]))


def _issue(page: Page, start: int, end: int) -> Issue:
    char = page.text[start]
    name = unicodedata.name(char, "control character").lower()
    place = page.place(start, end)
    if unicodedata.category(char) == "Zs":
        cure = "type a normal space instead"
        return RULES["E117"].at(place, f"a space that YAML does not know (U+{ord(char):04X}, {name})", cure)
    return RULES["E117"].at(place, f"an invisible character (U+{ord(char):04X}, {name})", "delete it")
