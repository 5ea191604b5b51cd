"""Sessions of the console: what one may do, and until when."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from app.store import ConsoleSessionRow, ConsoleSessions, Store, milliseconds

Role: TypeAlias = Literal["look", "change"]
"""`change` may do everything that `look` may."""

LONGEST: Final = timedelta(hours=12)
"""How long a session lasts, and a link that nobody has opened."""
IDLE: Final = timedelta(hours=2)
"""A session ends when it was not used for so long."""
TOUCH_AFTER: Final = timedelta(minutes=1)
"""How precisely it is known when a session was used last, so that reading pages writes little."""
BY_LINK: Final = "link"
"""The credential of sessions that were opened by a link."""
LINK: Final = "unused link"
"""The credential of a link. No session has it."""


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """An open session.

    Attributes:
        id: random. Only the browser keeps it.
        role: what one may do with it.
        csrf_token: what each request that changes something must repeat.
    """

    id: str
    role: Role
    csrf_token: str


def hash_of(text: str) -> str:
    """SHA-256 in hexadecimal digits. Enough for what is random, and not for passwords."""
    return hashlib.sha256(text.encode()).hexdigest()


def link_row(token: str, now: datetime) -> ConsoleSessionRow:
    """A link with this token, to be written to the store."""
    return ConsoleSessionRow(hash_of(token), LINK, _ms(now), _ms(now))


class Sessions:
    """The sessions of one console.

    A session ends when the password that opened it is changed, and one that was opened by a link is good for
    development alone: what it was opened with is looked up in `credentials` at each use.

    Args:
        store: opened at the first use.
        credentials: the credential that a session was opened with → the role.
        clock: the current time in UTC.
        link: the token of a link that opens a session once, "" for none.
    """

    def __init__(
        self, store: Store, credentials: Mapping[str, Role], clock: Callable[[], datetime], link: str = ""
    ) -> None:
        self.credentials = credentials
        self._store = store
        self._rows = ConsoleSessions(store.database)
        self._clock = clock
        self._link = link
        self._opening = asyncio.Lock()
        self._is_open = False

    async def prepare(self) -> None:
        """Open the store, unless it is open. Raises StoreError."""
        await self._opened()

    async def open(self, credential: str) -> str:
        """The id of a new session."""
        rows, now = await self._opened(), self._clock()
        await rows.sweep(_ms(now - LONGEST), _ms(now - LONGEST))
        id_ = secrets.token_urlsafe(32)
        await rows.add(ConsoleSessionRow(hash_of(id_), credential, _ms(now), _ms(now)))
        return id_

    async def redeem(self, token: str) -> str | None:
        """The id of a new session for the token of a link, which is then used up; None for an unknown token."""
        rows, now, id_ = await self._opened(), self._clock(), secrets.token_urlsafe(32)
        session = ConsoleSessionRow(hash_of(id_), BY_LINK, _ms(now), _ms(now))
        is_known = BY_LINK in self.credentials and await rows.redeem(hash_of(token), LINK, _ms(now - LONGEST), session)
        return id_ if is_known else None

    async def find(self, id_: str, *, is_use: bool = True) -> ConsoleSession | None:
        """The open session with this id, or None.

        Args:
            id_: as the browser sent it.
            is_use: whether this keeps an idle session open.
        """
        if not id_:
            return None
        rows, now = await self._opened(), self._clock()
        row = await rows.find(hash_of(id_))
        role = self.credentials.get(row.credential) if row else None
        if row is None or role is None:
            return None
        if row.created_at <= _ms(now - LONGEST) or row.used_at <= _ms(now - IDLE):
            return None
        if is_use and row.used_at <= _ms(now - TOUCH_AFTER):
            await rows.touch(row.hash, _ms(now))
        return ConsoleSession(id_, role, hmac.digest(id_.encode(), b"csrf", "sha256").hex())

    async def close(self, id_: str) -> None:
        """End a session."""
        await (await self._opened()).delete(hash_of(id_))

    async def _opened(self) -> ConsoleSessions:
        async with self._opening:
            if not self._is_open:
                await self._store.open()
                await self._rows.prepare()
                if self._link:
                    await self._rows.add(link_row(self._link, self._clock()))
                self._is_open = True
        return self._rows


def _ms(time: datetime) -> int:
    return milliseconds(time)
