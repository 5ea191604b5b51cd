"""What a party does, kept for those who listen to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from app.simulator.kernel import Signal, Steps, first_of


@dataclass(frozen=True, slots=True)
class Key:
    """One key: a digit, * or #."""

    digit: str


@dataclass(frozen=True, slots=True)
class Speech:
    """Somebody begins to speak.

    Attributes:
        seconds: how long it lasts.
        results: what the recogniser makes of it, best first: `text` and `confidence`, both as text.
        error: what the recogniser says instead; "" for nothing.
    """

    seconds: float
    results: tuple[Mapping[str, str], ...] = ()
    error: str = ""


Doing: TypeAlias = Key | Speech


class Mailbox:
    """What was done since it was opened, in order. Nothing gets lost between two looks into it."""

    def __init__(self) -> None:
        self._items: deque[Doing] = deque()
        self._arrived = Signal()

    def put(self, item: Doing) -> None:
        """Let it arrive."""
        self._items.append(item)
        self._arrived.fire()

    def take(self, within: float | None, unless: Signal | None = None) -> Steps[Doing | None]:
        """The next thing that is done; None when `within` seconds have passed before, or `unless` has happened."""
        if not self._items:
            self._arrived = Signal()
            yield from first_of(self._arrived, *([unless] if unless is not None else ()), within=within)
        return self._items.popleft() if self._items else None
