"""The logins in their file, and attempts at them, which are slowed down so that passwords are hard to guess."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from ncco_server.errors import SettingsError
from ncco_server.settings.logins import Login, read_logins
from ncco_server.settings.passwords import has_password

WINDOW: Final = timedelta(minutes=15)
"""How long a failed login counts."""
FREE_FAILURES: Final = 5
"""Failures per client and name after which further attempts are delayed."""
MAX_FAILURES_OF_ALL: Final = 100
"""Failures for one name, from all clients, after which each attempt at it gets the longest delay."""
_REMEMBERED: Final = 1000
"""Failures of all names. An attacker would sooner wait than push one out."""
LONGEST_DELAY_S: Final = 4.0
"""The longest delay of an attempt. It starts at 1 s and doubles each time."""
MAX_WAITING_OF_ONE: Final = 4
"""Logins that may wait per client and name. They are checked one at a time."""
MAX_WAITING: Final = 16
"""Simultaneous logins per name, and with all unknown names together.

With `LONGEST_DELAY_S`, this allows four guesses a second.
"""


class TooManyLogins(Exception):
    """Too many passwords are waiting to be checked."""


@dataclass
class Passwords:
    """Checks passwords one after another. Failures cause delays, but a correct password always passes.

    Each name has its own count and queue, so guesses at one do not delay others. This process counts failures: requests
    without a session write nothing to the database. A correct password does not reset the count.
    """

    logins: Callable[[], tuple[Login, ...]]
    clock: Callable[[], datetime]
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    _failures: deque[tuple[datetime, str, str]] = field(default_factory=partial(deque, maxlen=_REMEMBERED), init=False)
    _checking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _waiting: Counter[tuple[str, str]] = field(default_factory=Counter, init=False)
    _queues: Counter[str | None] = field(default_factory=Counter, init=False)
    _turns: dict[tuple[str, str], asyncio.Lock] = field(default_factory=dict, init=False)

    async def matching(self, name: str, password: str, client: str) -> Login | None:
        """Return the login with this name and password, or None. Raises TooManyLogins.

        `name` is `tidy_name` of the typed name, or ""; failures are counted under `client`.
        """
        who = (client, name)
        queue = name if any(login.name == name for login in self.logins()) else None
        if self._waiting[who] >= MAX_WAITING_OF_ONE or self._queues[queue] >= MAX_WAITING:
            raise TooManyLogins
        self._waiting[who] += 1
        self._queues[queue] += 1
        try:
            async with self._turns.setdefault(who, asyncio.Lock()):
                await self.pause(self._held_up_s(*who))
                async with self._checking:
                    found = await asyncio.to_thread(self._verify, name, password)
                if found is None:
                    self._failures.append((self.clock(), *who))
                return found
        finally:
            self._queues[queue] -= 1
            self._waiting[who] -= 1
            if not self._waiting[who]:
                del self._waiting[who], self._turns[who]

    def _held_up_s(self, client: str, name: str) -> float:
        """The delay is the same whether or not the name exists."""
        now = self.clock()  # the clock may have been set back
        counted = [who for at, who, tried in self._failures if tried == name and now - WINDOW < at <= now]
        if len(counted) >= MAX_FAILURES_OF_ALL:
            return LONGEST_DELAY_S
        more = counted.count(client) - FREE_FAILURES
        return 0.0 if more < 0 else min(2.0**more, LONGEST_DELAY_S)

    def _verify(self, name: str, password: str) -> Login | None:
        """Block about 50 ms for each password of this name, and as long for an unknown name.

        All are compared, so that the time does not reveal which one matches.
        """
        logins = self.logins()
        known = [login for login in logins if login.name == name]
        hashes = [login.hash for login in known] or [_like(login.hash) for login in logins[:1]]
        fits = [has_password(each, password) for each in hashes]
        return next((login for login, is_right in zip(known, fits, strict=False) if is_right), None)


def _like(hash_: str) -> str:
    """A hash without a password, which takes as long to check as a real one."""
    parameters, salt, digest = hash_.rsplit("$", 2)
    return "$".join((parameters, "A" * len(salt), "A" * len(digest)))


class Logins:
    """The logins in a file, which is read again when it changes. An unusable file counts as empty and is logged."""

    def __init__(self, file: Path, shared: tuple[Login, ...] = ()) -> None:
        self._file = file
        self._shared = shared
        self._stamp: tuple[int, ...] | None = None
        self._logins: tuple[Login, ...] = shared

    def current(self) -> tuple[Login, ...]:
        """Blocks while it checks the file."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            self._logins = self._shared
            try:
                self._logins += read_logins(self._file)
            except SettingsError as error:
                structlog.get_logger().error("logins cannot be used", problem=str(error), cure=error.cure)
        return self._logins

    def _look(self) -> tuple[int, ...]:
        try:
            found = self._file.stat()
        except OSError as error:
            return (error.errno or 0,)
        return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
