"""What a party does, kept for those who listen to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

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

    def take(self, *signals: Signal, within: float | None) -> Steps[Any]:
        """The next thing that is done; or the first of `signals`; or None when `within` seconds have passed."""
        if not self._items:
            self._arrived = Signal()
            found = yield from first_of(self._arrived, *signals, within=within)
            if found is not self._arrived:
                return found
        return self._items.popleft()
