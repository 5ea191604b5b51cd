"""Detects changes of calls, recordings or placed calls."""

from __future__ import annotations

import asyncio
import hashlib
import math
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Final

from ncco_server.errors import StoreError
from ncco_server.store import Records, Store, milliseconds

LOOK_S: Final = 1.0
"""The store is read no more often, for any number of pages."""
WATCHED: Final = 200
"""The newest results, recordings and placed calls to watch for changes."""
WATCHED_AGE: Final = timedelta(hours=4)
"""Open calls that began earlier are not watched: their end may never be reported."""


class CallChanges:
    """The version of the newest calls, recordings and placed calls, from one read of the store for all requests.

    `look_s` is how long a version is valid.
    """

    def __init__(self, store: Store, look_s: float = LOOK_S) -> None:
        self._store = store
        self._records: Records | None = None
        self._opened = AsyncExitStack()
        self._look_s = look_s
        self._lock = asyncio.Lock()
        self._looked_at = -math.inf
        self._version = ""
        self._problem: StoreError | None = None

    async def version(self) -> str:
        """Raises StoreError."""
        time = asyncio.get_running_loop().time
        async with self._lock:
            if time() - self._looked_at >= self._look_s:
                self._version = ""
                self._problem = None
                try:
                    self._version = await self._look()
                except StoreError as error:
                    self._problem = error
                    await self.close()
                self._looked_at = time()
            if self._problem is not None:
                raise self._problem.with_traceback(None)
            return self._version

    async def close(self) -> None:
        """The next read opens the connection again."""
        self._records = None
        await self._opened.aclose()

    async def _look(self) -> str:
        await self._store.open()
        if self._records is None:
            self._records = await self._opened.enter_async_context(self._store.records())
        calls = await self._records.version(milliseconds(datetime.now(UTC) - WATCHED_AGE), WATCHED)
        recordings = [tuple(row) for row in await self._store.recordings.changes(WATCHED)]
        found = calls, recordings, await self._store.placed.changes(WATCHED)
        return hashlib.sha256(repr(found).encode()).hexdigest()[:32]
