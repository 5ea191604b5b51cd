"""The passwords of the console: hashed with Argon2, and hard to guess."""

from __future__ import annotations

import asyncio
import unicodedata
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

WINDOW: Final = timedelta(minutes=15)
MAX_FAILURES: Final = 10
"""After so many failures of one client within the window, it is refused every password."""
MAX_FAILURES_OF_ALL: Final = 100
"""After so many of all clients together, everybody is refused: the failures come from many addresses."""
MAX_WAITING: Final = 8
"""Logins that may wait for the one that is being checked, which takes 64 MiB."""

_HASHER: Final = PasswordHasher()


class TooManyLogins(Exception):
    """No password is checked at the moment.

    Attributes:
        retry_after_s: seconds to wait, at least 1.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


def hash_password(password: str) -> str:
    """The Argon2 hash of a password, with a random salt."""
    return _HASHER.hash(_normalised(password))


class Passwords:
    """Checks passwords one after another, and refuses a client, or everybody, after too many failures.

    Failures are counted in this process: what somebody without a session sends writes nothing to the database. A right
    password does not reset the count.

    Args:
        hashes: Argon2 hashes; none when nobody can log in by a password.
        clock: the current time in UTC.

    Attributes:
        hashes: the same.
    """

    def __init__(self, hashes: tuple[str, ...], clock: Callable[[], datetime]) -> None:
        self.hashes = hashes
        self._clock = clock
        self._failures: deque[tuple[datetime, str]] = deque(maxlen=MAX_FAILURES_OF_ALL)
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def matching(self, password: str, client: str) -> str | None:
        """The hash that the password fits, or None. Raises TooManyLogins.

        Args:
            password: as it was typed.
            client: by which its failures are counted.
        """
        self._require_few(client)
        if self._waiting >= MAX_WAITING:
            raise TooManyLogins(1)
        self._waiting += 1
        try:
            async with self._lock:
                self._require_few(client)  # others may have failed meanwhile
                found = await asyncio.to_thread(self._verify, password)
                if found is None:
                    self._failures.append((self._clock(), client))
                return found
        finally:
            self._waiting -= 1

    def _require_few(self, client: str) -> None:
        now = self._clock()
        of_all = [(at, who) for at, who in self._failures if at <= now]  # none of before the clock was set back
        own = [(at, who) for at, who in of_all if who == client]
        for failures, most in ((of_all, MAX_FAILURES_OF_ALL), (own, MAX_FAILURES)):
            if len(failures) >= most:
                wait_s = (failures[-most][0] + WINDOW - now).total_seconds()
                if wait_s > 0:
                    raise TooManyLogins(ceil(wait_s))

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
