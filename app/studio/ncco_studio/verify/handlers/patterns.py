"""Writes short texts that regular expressions match."""

from __future__ import annotations

import re
import string
from contextlib import suppress
from typing import Final


def text_matching(pattern: str) -> str:
    with suppress(IndexError):  # a pattern with an error
        return _PatternWriter(pattern).choice()
    return ""


def is_in(pattern: str, text: str) -> bool:
    """Rust's regular expressions, which pydantic uses, have more forms than Python's."""
    with suppress(re.error):
        return re.search(pattern, text) is not None
    return True


_CHARACTERS: Final = f"{string.digits[1:]}0{string.ascii_letters}{string.punctuation} \n"
_TIMES: Final = re.compile(r"(?:[*+?]|\{(\d*),?\d*\})[?+]?")
_GROUP: Final = re.compile(r"\((?:\?(?:P?<\w+>|:|<?[=!]))?")
_SET: Final = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.", re.DOTALL)
_ANCHORS: Final = ("\\b", "\\B", "\\A", "\\Z", "\\z")


class _PatternWriter:
    """Writes a short text that a regular expression matches, if that has only groups, sets and repetitions."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def choice(self) -> str:
        first = self._sequence()
        while self._pattern.startswith("|", self._at):
            self._at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        text = ""
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            text += self._repeated()
        return text

    def _repeated(self) -> str:
        one = self._atom()
        times = _TIMES.match(self._pattern, self._at)
        if times is None:
            return one
        self._at = times.end()
        return one * (int(times[1] or 0) if times[0][0] == "{" else times[0][0] == "+")

    def _atom(self) -> str:
        begun = _GROUP.match(self._pattern, self._at)
        if begun is not None:
            self._at = begun.end()
            inner = self.choice()
            self._at += 1
            return "" if begun[0][-1] in "=!" else inner
        found = _SET.match(self._pattern, self._at)
        character = self._pattern[self._at]
        self._at = found.end() if found is not None else self._at + 1
        if found is None:
            return {"^": "", "$": "", ".": "a"}.get(character, character)
        if found[0] in _ANCHORS:
            return ""
        return next((each for each in _CHARACTERS if is_in(found[0], each)), "")
