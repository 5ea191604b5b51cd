"""Matches the texts of a scenario against what the caller hears."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from ncco_server.ncco.durations import plain
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.transcript import Heard
from ncco_studio.verify.scenarios.values import Excerpt

SPOKEN: Final = frozenset({"talk", "stream", "music"})
"""Transcript kinds that texts match: speech by its text, audio files by their URL."""


class PromptListener:
    """Matches texts against what a call plays, from start to end. A piece is one action's prompt."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._starts: list[int] = []
        """Where each piece starts in `_text`."""
        self._entries: list[int] = []
        """The transcript index of each piece."""
        self._text = ""
        self._at = 0
        """Matching continues here in `_text`."""
        self._seen = 0

    def take(self, leg: Leg) -> None:
        for number, heard in enumerate(leg.heard_since(self._seen), self._seen):
            if heard.kind in SPOKEN and (piece := plain(heard.text)):
                self._starts.append(len(self._text) + 1 if self._pieces else 0)
                self._pieces.append(piece)
                self._entries.append(number)
                self._text = " ".join(self._pieces)
        self._seen = leg.heard_count

    def skip(self) -> None:
        self._at = len(self._text) + 1 if self._pieces else 0

    def finds(self, wanted: str) -> bool:
        """Whether a text is heard next; if so, move past it.

        It must start in the rest of the current piece or in the next piece, and can span several pieces.
        """
        number = self._next
        sought = plain(wanted)
        end = self._starts[number] + len(self._pieces[number]) if number < len(self._pieces) else len(self._text)
        return bool(sought) and self._move_past(sought, end)

    def finds_later(self, wanted: str) -> bool:
        return self._move_past(plain(wanted), len(self._text) + 1)

    def may_find(self, wanted: str) -> bool:
        """Whether the unread part ends with a text's beginning; the rest may follow."""
        sought = plain(wanted)
        rest = f"{self._text[self._at :]} "
        return any(rest.endswith(sought[:size]) for size in range(1, len(sought)))

    def _move_past(self, sought: str, before: int) -> bool:
        found = self._text.find(sought, self._at)
        if not 0 <= found < before:
            return False
        self._at = found + len(sought)
        if self._at == len(self._text) or self._at + 1 in self._starts:
            self._at += 1  # the piece has ended
        return True

    @property
    def _next(self) -> int:
        return bisect_left(self._starts, self._at)

    @property
    def next_piece(self) -> str:
        return self._pieces[self._next] if self._next < len(self._pieces) else ""

    @property
    def next_entry(self) -> int | None:
        return self._entries[self._next] if self._next < len(self._pieces) else None

    def take_next(self) -> str:
        number = self._next
        found = self.next_piece
        if found:
            self._at = self._starts[number] + len(found) + 1
        return found


def first_unheard(wanted: Iterable[Excerpt], transcript: tuple[Heard, ...]) -> Excerpt | None:
    """Return None if all texts are heard in order."""
    text = " ".join(plain(heard.text) for heard in transcript if heard.kind in SPOKEN)
    at = 0
    for each in wanted:
        sought = plain(each.text or "")
        found = text.find(sought, at)
        if found < 0:
            return each
        at = found + len(sought)
    return None
