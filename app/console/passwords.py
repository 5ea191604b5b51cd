"""The passwords of the console: hashed with Argon2, and hard to guess."""

from __future__ import annotations

import asyncio
import unicodedata
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

WINDOW: Final = timedelta(minutes=15)
"""How long a failure counts."""
FREE_FAILURES: Final = 5
"""Failures of one client after which its next tries take longer."""
MAX_FAILURES_OF_ALL: Final = 100
"""Failures of all clients together after which every try takes longest: they come from many addresses."""
LONGEST_S: Final = 4.0
"""How long a try is held up at most. It takes 1 s at first, and then twice as long each time."""
MAX_WAITING_OF_ONE: Final = 4
"""Logins of one client at a time, which are checked one after another."""
MAX_WAITING: Final = 16
"""Logins at a time. Together with `LONGEST_S`: four guesses a second from all clients together."""

_HASHER: Final = PasswordHasher()


class TooManyLogins(Exception):
    """Too many passwords wait to be checked; there is room in a second or some."""


def hash_password(password: str) -> str:
    """The Argon2 hash of a password, with a random salt."""
    return _HASHER.hash(_normalised(password))


class Passwords:
    """Checks passwords one after another. After failures it takes its time, and a right password always passes.

    Failures are counted in this process: what somebody without a session sends writes nothing to the database. A right
    password does not reset the count.

    Args:
        hashes: Argon2 hashes; none when nobody can log in by a password.
        clock: the current time in UTC.
        pause: waits for some seconds.

    Attributes:
        hashes: the same.
    """

    def __init__(
        self,
        hashes: tuple[str, ...],
        clock: Callable[[], datetime],
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.hashes = hashes
        self._clock = clock
        self._pause = pause
        self._failures: deque[tuple[datetime, str]] = deque(maxlen=MAX_FAILURES_OF_ALL)
        self._checking = asyncio.Lock()
        self._waiting = Counter[str]()
        self._turns: dict[str, asyncio.Lock] = {}

    async def matching(self, password: str, client: str) -> str | None:
        """The hash that the password fits, or None. Raises TooManyLogins.

        Args:
            password: as it was typed.
            client: by which its failures are counted.
        """
        if self._waiting[client] >= MAX_WAITING_OF_ONE or self._waiting.total() >= MAX_WAITING:
            raise TooManyLogins
        self._waiting[client] += 1
        try:
            async with self._turns.setdefault(client, asyncio.Lock()):
                await self._pause(self._held_up_s(client))
                async with self._checking:
                    found = await asyncio.to_thread(self._verify, password)
                if found is None:
                    self._failures.append((self._clock(), client))
                return found
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client], self._turns[client]

    def _held_up_s(self, client: str) -> float:
        """How long the next try of a client is held up."""
        now = self._clock()
        counted = [who for at, who in self._failures if now - WINDOW < at <= now]  # the clock may have been set back
        if len(counted) >= MAX_FAILURES_OF_ALL:
            return LONGEST_S
        more = counted.count(client) - FREE_FAILURES
        return 0.0 if more < 0 else min(2.0**more, LONGEST_S)

    def _verify(self, password: str) -> str | None:
        """Compares with every hash, so that the time says nothing about which one fits. Blocks some 50 ms for each."""
        fitting = [hash_ for hash_ in self.hashes if _fits(hash_, _normalised(password))]
        return fitting[0] if fitting else None


def _fits(hash_: str, password: str) -> bool:
    try:
        return _HASHER.verify(hash_, password)
    except VerifyMismatchError:
        return False


def _normalised(password: str) -> str:
    """The same text for the same characters, which keyboards compose differently."""
    return unicodedata.normalize("NFC", password)
