"""The store at the start: opened when it is there, and waited for when it is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from structlog.typing import FilteringBoundLogger

from app.errors import StoreError, StoreUnusable
from app.store import Store

RETRY_S: Final = 1.0
"""How often a store that is away is tried again."""

PATIENCE_S: Final = 2.0
"""How long a start waits for the first try; then callers are served while it goes on."""


class Opening:
    """Opens a store, now or when it comes.

    A server that starts while its store is away serves all the same: it is not ready, asks for every webhook again and
    says the failsafe NCCO on the fallback URL. If it did not listen, its callers would hear nothing.

    Args:
        store: not open yet.
        log: is told what is wrong, with the cure; once, as long as the same is wrong.
        retry_s: see `RETRY_S`.

    Attributes:
        is_awaited: whether callers are served without it already, so that its coming is told.
    """

    def __init__(self, store: Store, log: FilteringBoundLogger, retry_s: float = RETRY_S) -> None:
        self._store = store
        self._log = log
        self._retry_s = retry_s
        self._opened = asyncio.Event()
        self._told = ""
        self.is_awaited = False

    @property
    def is_done(self) -> bool:
        """Whether the store has been opened. It may be away again since; that is the store's own matter."""
        return self._opened.is_set()

    async def attempt(self) -> None:
        """Open it if it is there. Raises StoreUnusable: what is wrong with it is cured by no waiting."""
        try:
            await self._store.open()
        except StoreUnusable:
            raise
        except StoreError as error:
            self._tell(error)
        else:
            self._opened.set()
            if self.is_awaited:
                self._log.info("store opened")

    async def run(self, attempt: Awaitable[None]) -> None:
        """Try until it is open; `attempt` is the first one.

        One that turns out to be unusable is tried on all the same: callers rely on this server by now.
        """
        while True:
            try:
                await attempt
            except StoreError as error:
                self._tell(error)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the trying for good
                self._tell(StoreError(f"{type(error).__name__}: {error}"))
            if self.is_done:
                return
            await asyncio.sleep(self._retry_s)
            attempt = self.attempt()

    async def first(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` once the store is open."""
        await self._opened.wait()
        await work()

    def _tell(self, error: StoreError) -> None:
        problem = str(error)
        if problem != self._told:
            self._told = problem
            self._log.error("store away", problem=problem, cure=error.cure)


@asynccontextmanager
async def opened(
    store: Store, log: FilteringBoundLogger, *, patience_s: float = PATIENCE_S, retry_s: float = RETRY_S
) -> AsyncIterator[Opening]:
    """The store, open or being waited for; closed on leaving. Raises StoreUnusable.

    Args:
        store: not open yet.
        log: see `Opening`.
        patience_s: see `PATIENCE_S`.
        retry_s: see `RETRY_S`.
    """
    opening = Opening(store, log, retry_s)
    attempt = asyncio.create_task(opening.attempt())
    await asyncio.wait({attempt}, timeout=patience_s)
    if attempt.done():
        attempt.result()
    opening.is_awaited = not opening.is_done
    waiting = asyncio.create_task(opening.run(attempt)) if opening.is_awaited else None
    try:
        yield opening
    finally:
        if waiting is not None:
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        await store.close()
