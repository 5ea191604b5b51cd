"""Detects changes of calls, recordings, placed calls, or hours by hand."""

from __future__ import annotations

import asyncio
import hashlib
import math
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Final

from ncco_server.errors import StoreError
from ncco_server.service.hand_hours import hand_hours
from ncco_server.store import Records, Store, milliseconds

VERSION_TTL_S: Final = 1.0
"""How long a version is used before the store is read again, for any number of pages."""
WATCHED_ROWS: Final = 200
"""The newest results, recordings and placed calls to watch for changes."""
WATCHED_AGE: Final = timedelta(hours=4)
"""Open calls that began earlier are not watched: their end may never be reported."""


class CallChanges:
    """The version of the newest calls, recordings and placed calls, and of hours by hand, read once for all requests.

    `ttl_s` is how long a version is used.
    """

    def __init__(self, store: Store, ttl_s: float = VERSION_TTL_S) -> None:
        self._store = store
        self._records: Records | None = None
        self._opened = AsyncExitStack()
        self._ttl_s = ttl_s
        self._lock = asyncio.Lock()
        self._read_at = -math.inf
        self._version = ""
        self._problem: StoreError | None = None

    async def version(self) -> str:
        """Raises StoreError."""
        time = asyncio.get_running_loop().time
        async with self._lock:
            if time() - self._read_at >= self._ttl_s:
                self._version = ""
                self._problem = None
                try:
                    self._version = await self._read()
                except StoreError as error:
                    self._problem = error
                    await self.close()
                self._read_at = time()
            if self._problem is not None:
                raise self._problem.with_traceback(None)
            return self._version

    async def close(self) -> None:
        """The next read opens the connection again."""
        self._records = None
        await self._opened.aclose()

    async def _read(self) -> str:
        await self._store.open()
        if self._records is None:
            self._records = await self._opened.enter_async_context(self._store.records())
        calls = await self._records.version(milliseconds(datetime.now(UTC) - WATCHED_AGE), WATCHED_ROWS)
        recordings = [tuple(row) for row in await self._store.recordings.changes(WATCHED_ROWS)]
        hours = await hand_hours(self._store.tables, datetime.now(UTC))
        found = calls, recordings, await self._store.placed.changes(WATCHED_ROWS), hours
        return hashlib.sha256(repr(found).encode()).hexdigest()[:32]
