"""When to try again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FIRST_S: Final = 5.0
FACTOR: Final = 4.0
LONGEST_S: Final = 6 * 60 * 60.0
"""Seconds: 5, 20, 80, ... and at most 6 hours. Ten tries take 19 hours: a receiver may be away for a night."""

JITTER: Final = 0.25
"""How much shorter or longer each wait may be, so that what failed together does not come again together."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often, and when.

    Attributes:
        tries: after that many a hook is parked.
        draw: gives a number from 0 to 1.
        first_s: seconds before the second try.
    """

    tries: int = 10
    draw: Callable[[], float] = random.random
    first_s: float = FIRST_S

    def wait_s(self, tries: int, asked_s: float = 0.0) -> float:
        """Seconds to wait after so many tries (at least 1), not less than the receiver asked for, within bounds."""
        grown = min(self.first_s * FACTOR ** min(tries - 1, 20), LONGEST_S)
        own = grown * (1 - JITTER + 2 * JITTER * self.draw())
        return max(own, min(asked_s, LONGEST_S))
