"""What a caller hears, as one text in which scenarios look for theirs."""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from app.simulator.legs import Heard
from app.verify.scenarios.values import Excerpt

SPOKEN: Final = frozenset({"talk", "stream", "music"})
"""Kinds of what is heard: speech by its text, audio files by their URL."""

_TAG: Final = re.compile(r"<[^<>]*>")


def plain(text: str) -> str:
    """A text as it is compared: without tags, each stretch of blanks as one."""
    return " ".join((html.unescape(_TAG.sub(" ", text)) if "<" in text else text).split())


class PromptListener:
    """Follows what is heard, piece by piece. A piece is what one action says, or plays."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._starts: list[int] = []
        """Where each piece begins in the text of all pieces, which are joined with blanks."""
        self._entries: list[int] = []
        """The number of the transcript's entry of each piece."""
        self._text = ""
        self._at = 0
        """Where the part of the text begins that was not looked for yet."""
        self._seen = 0

    def take(self, transcript: tuple[Heard, ...]) -> None:
        """Take in what was added to a transcript."""
        for number in range(self._seen, len(transcript)):
            if transcript[number].kind in SPOKEN and (piece := plain(transcript[number].text)):
                self._starts.append(len(self._text) + 1 if self._pieces else 0)
                self._pieces.append(piece)
                self._entries.append(number)
                self._text = " ".join(self._pieces)
        self._seen = len(transcript)

    def skip(self) -> None:
        """Go on behind everything so far."""
        self._at = len(self._text) + 1 if self._pieces else 0

    def finds(self, wanted: str) -> bool:
        """Whether a text is what is heard next; then it is gone on behind it.

        It has to begin in the rest of the piece that the one before it was found in, or in the next piece; it may
        reach over several.
        """
        number, sought = self._next, plain(wanted)
        end = self._starts[number] + len(self._pieces[number]) if number < len(self._pieces) else len(self._text)
        return bool(sought) and self._go_behind(sought, end)

    def finds_later(self, wanted: str) -> bool:
        """Whether a text is heard anywhere from here on; then what follows it is heard next."""
        return self._go_behind(plain(wanted), len(self._text) + 1)

    def may_find(self, wanted: str) -> bool:
        """Whether what is left ends with the beginning of a text, so that more of it may follow."""
        sought, rest = plain(wanted), f"{self._text[self._at :]} "
        return any(rest.endswith(sought[:size]) for size in range(1, len(sought)))

    def _go_behind(self, sought: str, before: int) -> bool:
        """Go on behind a text that begins before a position, if it is heard there."""
        found = self._text.find(sought, self._at)
        if not 0 <= found < before:
            return False
        self._at = found + len(sought)
        if self._at == len(self._text) or self._at + 1 in self._starts:
            self._at += 1  # the piece has ended
        return True

    @property
    def _next(self) -> int:
        """The number of the piece that is heard next as a whole."""
        return bisect_left(self._starts, self._at)

    @property
    def next_piece(self) -> str:
        """What is heard next as a whole; "" when nothing is."""
        return self._pieces[self._next] if self._next < len(self._pieces) else ""

    @property
    def next_entry(self) -> int | None:
        """The number of the transcript's entry that is heard next; None when nothing is."""
        return self._entries[self._next] if self._next < len(self._pieces) else None

    def take_next(self) -> str:
        """Go on behind what is heard next, whatever it is: that."""
        number, found = self._next, self.next_piece
        if found:
            self._at = self._starts[number] + len(found) + 1
        return found


def first_unheard(wanted: Iterable[Excerpt], transcript: tuple[Heard, ...]) -> Excerpt | None:
    """The first of some texts that is not heard behind the one before it; None when all are."""
    text = " ".join(plain(heard.text) for heard in transcript if heard.kind in SPOKEN)
    at = 0
    for each in wanted:
        sought = plain(each.text or "")
        found = text.find(sought, at)
        if found < 0:
            return each
        at = found + len(sought)
    return None
