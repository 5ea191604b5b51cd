"""Sessions of the console: what one may do, and until when."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, TypeVar

from app.errors import StoreError, StoreUnavailable
from app.store import ConsoleSessionRow, ConsoleSessions, Store, milliseconds

T = TypeVar("T")
Role: TypeAlias = Literal["look", "change"]
"""`change` may do everything that `look` may."""

LONGEST: Final = timedelta(hours=12)
"""How long a session lasts, and a link that nobody has opened."""
IDLE: Final = timedelta(hours=2)
"""A session ends when it was not used for so long."""
TOUCH_AFTER: Final = timedelta(minutes=1)
"""How precisely it is known when a session was used last, so that reading pages writes little."""
AWAY_S: Final = 3.0
"""How long a store that was away is not asked again, so that requests do not wait for it one after another."""
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

    While the store is away, this process knows the sessions that it has seen, and opens and ends others; they are
    written once the store is back.

    Args:
        store: opened at the first use.
        credentials: the credential that a session was opened with → the role.
        clock: the current time in UTC.
        link: the token of a link that opens a session once, "" for none.

    Attributes:
        problem: why the store cannot be used; None if it could be, when it was tried last.
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
        self._seen: dict[str, ConsoleSessionRow] = {}
        self._unwritten: dict[str, ConsoleSessionRow | None] = {}
        """By hash: what is to be written, None for what is to be deleted."""
        self.problem: StoreError | None = None
        self._away_until = 0.0
        """By the clock of the event loop."""

    async def prepare(self) -> None:
        """Open the store, unless it is open. Raises StoreError."""
        await self._use(_nothing)

    async def open(self, credential: str) -> str:
        """The id of a new session."""
        now, id_ = self._clock(), secrets.token_urlsafe(32)
        row = ConsoleSessionRow(hash_of(id_), credential, _ms(now), _ms(now))
        began = _ms(now - LONGEST)
        self._seen = {known: seen for known, seen in self._seen.items() if seen.created_at > began} | {row.hash: row}
        self._unwritten[row.hash] = row
        with suppress(StoreError):
            await self._use(lambda rows: rows.sweep(began, began))
        return id_

    async def redeem(self, token: str) -> str | None:
        """The id of a new session for the token of a link, which is then used up; None for an unknown token."""
        now, id_ = self._clock(), secrets.token_urlsafe(32)
        session = ConsoleSessionRow(hash_of(id_), BY_LINK, _ms(now), _ms(now))
        if BY_LINK not in self.credentials:
            return None
        is_known = await self._use(lambda rows: rows.redeem(hash_of(token), LINK, _ms(now - LONGEST), session))
        return id_ if is_known else None

    async def find(self, id_: str, *, is_use: bool = True) -> ConsoleSession | None:
        """The open session with this id, or None. Raises StoreError when that is in the store alone, which is away.

        Args:
            id_: as the browser sent it.
            is_use: whether this keeps an idle session open.
        """
        if not id_:
            return None
        hash_, now = hash_of(id_), self._clock()
        row, seen = None, self._seen.get(hash_)
        try:
            row = await self._use(lambda rows: rows.find(hash_))
        except StoreError:
            if seen is None and hash_ not in self._unwritten:
                raise
            row = seen
        role = self.credentials.get(row.credential) if row else None
        if row is None or role is None or row.created_at <= _ms(now - LONGEST):
            self._seen.pop(hash_, None)
            return None
        used_at = max(row.used_at, seen.used_at if seen else 0)
        if used_at <= _ms(now - IDLE):
            return None
        if is_use and used_at <= _ms(now - TOUCH_AFTER):
            used_at = _ms(now)
            with suppress(StoreError):  # such as a full disk: it can be read still
                await self._use(lambda rows: rows.touch(hash_, used_at))
        self._seen[hash_] = row._replace(used_at=used_at)
        return ConsoleSession(id_, role, hmac.digest(id_.encode(), b"csrf", "sha256").hex())

    async def close(self, id_: str) -> None:
        """End a session."""
        self._seen.pop(hash_of(id_), None)
        self._unwritten[hash_of(id_)] = None
        with suppress(StoreError):
            await self._use(_nothing)

    async def _use(self, work: Callable[[ConsoleSessions], Awaitable[T]]) -> T:
        """Do this with the store, after what could not be written before. Raises StoreError.

        A store that was away a moment ago is not waited for again.
        """
        time = asyncio.get_running_loop().time
        try:
            async with self._opening:
                if self.problem is not None and time() < self._away_until:
                    raise StoreUnavailable(str(self.problem), self.problem.cure)
                if not self._is_open:
                    await self._store.open()
                    await self._rows.prepare()
                    if self._link:
                        await self._rows.add(link_row(self._link, self._clock()))
                    self._is_open = True
                for hash_, row in list(self._unwritten.items()):
                    await (self._rows.add(row) if row else self._rows.delete(hash_))
                    if self._unwritten[hash_] is row:  # it may have been closed meanwhile
                        del self._unwritten[hash_]
            done = await work(self._rows)
            self.problem = None
            return done
        except StoreError as error:
            if time() >= self._away_until:
                self.problem, self._away_until = error, time() + AWAY_S
            raise


async def _nothing(_: ConsoleSessions) -> None:
    """What is written is all there is to do."""


def _ms(time: datetime) -> int:
    return milliseconds(time)
