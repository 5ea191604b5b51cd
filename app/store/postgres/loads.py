"""Calls that several tasks ask for in the same moment, read with one statement.

One that comes alone is read at once, as if there were no groups. Those who would have to wait for a connection gather,
and are read together when one is free: never by a statement that was sent before they asked, so that everybody sees
what was committed before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.errors import StoreError, StoreUnavailable
from app.store.postgres.connecting import READ_S
from app.store.postgres.statements import SELECT_CALL, SELECT_CALLS
from app.store.waiting import waited

if TYPE_CHECKING:
    import asyncpg

    from app.store.postgres.pool import Pool

    _Asked = tuple[str, asyncio.Future[asyncpg.Record | None]]

GROUP_LIMIT: Final = 128
"""Calls read together at most."""


class Loads:
    """Reads calls by their ids, through a pool.

    Args:
        pool: open.
        lanes: statements on their way at once: as many as the pool has connections.
    """

    def __init__(self, pool: Pool, lanes: int) -> None:
        self._pool = pool
        self._lanes = lanes
        self._busy = 0
        self._waiting: deque[_Asked] = deque()
        self._groups: set[asyncio.Task[None]] = set()

    async def load(self, id_: str) -> asyncpg.Record | None:
        """The row of a call, or None. Raises StoreUnavailable."""
        if self._busy < self._lanes:
            self._busy += 1
            try:
                rows = await self._pool.read(SELECT_CALL, id_)
            finally:
                self._next()
            return rows[0] if rows else None
        found: asyncio.Future[asyncpg.Record | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((id_, found))
        try:
            return await found
        except asyncio.CancelledError as error:
            waited(error)
            raise

    def _next(self) -> None:
        """A lane is free: read those who wait."""
        count = min(len(self._waiting), GROUP_LIMIT)
        group = [asked for asked in (self._waiting.popleft() for _ in range(count)) if not asked[1].done()]
        if not group:
            self._busy -= 1
            return
        task = asyncio.create_task(self._read(group))
        self._groups.add(task)
        task.add_done_callback(self._groups.discard)

    async def _read(self, group: Sequence[_Asked]) -> None:
        found: dict[str, asyncpg.Record] = {}
        problem = StoreUnavailable("the calls were not read to the end")
        is_read = False
        try:
            async with asyncio.timeout(2 * READ_S):  # what hangs for ever keeps no lane
                rows = await self._pool.read(SELECT_CALLS, [id_ for id_, _ in group])
            found, is_read = {row[0]: row for row in rows}, True
        except (StoreError, TimeoutError) as error:
            problem = StoreUnavailable(str(error) or "the calls were not read in time")
        finally:
            for id_, done in group:
                _settle(done, found.get(id_) if is_read else problem)
            self._next()

    async def close(self) -> None:
        """Wait for what is being read."""
        while running := [task for task in self._groups if not task.done()]:
            await asyncio.wait(running)


def _settle(done: asyncio.Future[asyncpg.Record | None], found: asyncpg.Record | StoreUnavailable | None) -> None:
    """Wake a task. One that was cancelled meanwhile hears nothing."""
    if done.done():
        return
    if isinstance(found, StoreUnavailable):
        done.set_exception(StoreUnavailable(str(found)))
        done.exception()  # seen: a task that is cancelled at this very moment leaves no complaint in the log
    else:
        done.set_result(found)
