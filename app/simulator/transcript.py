"""What one party of a call experiences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "ringing", "talk", "stream", "tone", "music", "beep", "keys", "joined", "left", "voice", "pressed", "spoke",
    "hung up", "ended",
]  # fmt: skip
"""ringing: the number that is dialled rings. tone: a ringback tone. music: of a conversation that has not begun.
keys: tones that were sent to the line. joined, left: another party. voice: what another party says.
pressed, spoke, hung up: what this party did. ended: the platform hung up."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing in the experience of a party.

    Attributes:
        at: seconds since its call was answered; before that, negative.
        leg: whose experience it is.
        kind: what it was.
        text: what was said, the URL of a file, a number, keys.
        seconds: how long it lasted, or would have; None for something endless that still goes on.
        is_cut: whether a prompt ended before its end, by a key, speech or a hang-up.
        action: the NCCO action behind it; None when there is none.
    """

    at: float
    leg: str
    kind: Kind
    text: str = ""
    seconds: float | None = 0.0
    is_cut: bool = False
    action: dict[str, Any] | None = None


class Transcript:
    """What a leg has heard so far, in milliseconds of the clock until it is read."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, Heard]] = []

    def add(self, ms: int, heard: Heard) -> int:
        """Take down something that begins now; its number, for `cut`."""
        self._entries.append((ms, heard))
        return len(self._entries) - 1

    def cut(self, number: int, ms: int) -> None:
        """Something that was being heard ends now. What has come to its end by itself is left as it is."""
        begun, heard = self._entries[number]
        lasted = (ms - begun) / 1000
        if heard.seconds is None or lasted < heard.seconds:
            self._entries[number] = begun, replace(heard, seconds=lasted, is_cut=heard.kind in ("talk", "stream"))

    def __len__(self) -> int:
        return len(self._entries)

    def since(self, zero_ms: int) -> tuple[Heard, ...]:
        """All of it, with times in seconds since `zero_ms`."""
        return tuple(replace(heard, at=(ms - zero_ms) / 1000) for ms, heard in self._entries)
