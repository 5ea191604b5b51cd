"""What a caller hears, as a text in which scenarios look for theirs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Final

from app.simulator import Heard

SPOKEN: Final = frozenset({"talk", "stream", "music"})
"""Kinds of what is heard: speech by its text, audio files by their URL."""

_TAG: Final = re.compile(r"<[^<>]*>")
_BLANKS: Final = re.compile(r"\s+")


def plain(text: str) -> str:
    """A text as it is compared: without tags, each stretch of blanks as one."""
    without_tags = html.unescape(_TAG.sub(" ", text)) if "<" in text else text
    return _BLANKS.sub(" ", without_tags).strip()


class Listener:
    """Follows what is heard, piece by piece. A piece is what one action says, or plays."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, str]] = []
        self._seen = 0
        self._piece = 0
        self._offset = 0

    def take(self, transcript: tuple[Heard, ...]) -> None:
        """Take in what was added to a transcript."""
        for number in range(self._seen, len(transcript)):
            if transcript[number].kind in SPOKEN and (text := plain(transcript[number].text)):
                self._pieces.append((number, text))
        self._seen = len(transcript)

    def skip(self) -> None:
        """Go on behind everything so far."""
        self._piece, self._offset = len(self._pieces), 0

    def finds(self, wanted: str) -> bool:
        """Whether a text is what is heard next; then it is gone on behind it.

        It has to begin in the rest of the piece that the one before it was found in, or in the next piece; it may
        reach over several.
        """
        sought = plain(wanted)
        rest = self._text()
        first = len(self._pieces[self._piece][1]) - self._offset if self._piece < len(self._pieces) else 0
        begins = first
        if self._offset and self._piece + 1 < len(self._pieces):
            begins += 1 + len(self._pieces[self._piece + 1][1])
        at = rest.find(sought)
        if not sought or at < 0 or at >= max(begins, 1):
            return False
        self._move(at + len(sought))
        return True

    def finds_later(self, wanted: str) -> bool:
        """Whether a text is heard anywhere from here on; then what follows it is heard next."""
        sought = plain(wanted)
        at = self._text().find(sought)
        if at < 0:
            return False
        self._move(at + len(sought))
        return True

    def may_find(self, wanted: str) -> bool:
        """Whether what is left ends with the beginning of a text, so that more of it may follow."""
        sought, rest = plain(wanted), f"{self._text()} "
        return any(rest.endswith(sought[:size]) for size in range(1, len(sought)))

    def _text(self) -> str:
        return " ".join(text for _, text in self._pieces[self._piece :])[self._offset :]

    def _move(self, characters: int) -> None:
        """Go on by some characters of what is left."""
        left = characters
        while self._piece < len(self._pieces):
            rest = len(self._pieces[self._piece][1]) - self._offset
            if left < rest:
                self._offset += left
                return
            left -= rest + 1
            self._piece, self._offset = self._piece + 1, 0
            if left <= 0:
                return

    @property
    def next_piece(self) -> str:
        """What is heard next as a whole; "" when nothing is."""
        number = self._piece + (1 if self._offset else 0)
        return self._pieces[number][1] if number < len(self._pieces) else ""

    @property
    def next_entry(self) -> int | None:
        """The number of the transcript's entry that is heard next; None when nothing is."""
        number = self._piece + (1 if self._offset else 0)
        return self._pieces[number][0] if number < len(self._pieces) else None

    def take_next(self) -> str:
        """Go on behind what is heard next, whatever it is: that."""
        found = self.next_piece
        self._piece, self._offset = self._piece + (2 if self._offset else 1) if found else len(self._pieces), 0
        return found


def in_order(wanted: Iterable[str], transcript: tuple[Heard, ...]) -> str | None:
    """The first of some texts that is not heard behind the one before it; None when all are."""
    text = " ".join(plain(heard.text) for heard in transcript if heard.kind in SPOKEN)
    at = 0
    for each in wanted:
        found = text.find(plain(each), at)
        if found < 0:
            return each
        at = found + len(plain(each))
    return None
