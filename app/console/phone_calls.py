"""The calls of the phone that are in progress, and the thread in which they are played."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from app.console.phone_call import PhoneCall
from app.service.lookups import LookupClient
from app.settings import Settings

IDLE_S: Final = 600.0
"""After this many real seconds without a request a call is dropped."""
MOST_CALLS: Final = 20
"""Calls at once, of all people together."""
OWN_CALLS: Final = 3
"""Calls at once of one session; a further one ends the oldest."""

T = TypeVar("T")


class PhoneThread:
    """An event loop in a thread of its own, which starts at the first use."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def run(self, playing: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns or raises there. All coroutines of one call must run there."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="phone", daemon=True)
            self._thread.start()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(playing, self._loop))

    async def close(self) -> None:
        """Stop the thread, once what it computes is done."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.to_thread(self._thread.join)
            self._loop.close()
            self._loop = self._thread = None


class PhoneCalls:
    """The calls in progress.

    Attributes:
        thread: where they are played.
    """

    def __init__(self, settings: Settings) -> None:
        self.thread = PhoneThread()
        self._calls: dict[str, PhoneCall] = {}
        self._settings = settings
        self._client: LookupClient | None = None

    @property
    def client(self) -> LookupClient:
        """Asks for lookups as the server does; use it in the thread."""
        if self._client is None:
            settings = self._settings
            budget_ms, hosts = settings.lookup_budget_ms, settings.private_hosts
            self._client = LookupClient(budget_ms, hosts, settings.python_modules)
        return self._client

    async def add(self, call: PhoneCall) -> None:
        """Keep a call, and end idle ones, its owner's oldest, and, of too many, an unused one of who has most."""
        self._calls[call.id] = call
        now = time.monotonic()
        own = [each for each in self._calls.values() if each.owner == call.owner]
        ended = {each for each in self._calls.values() if now - each.touched > IDLE_S} | {*own[:-OWN_CALLS]}
        left = [each for each in self._calls.values() if each not in ended]
        if len(left) > MOST_CALLS:
            held = Counter(each.owner for each in left)
            ended.add(max(left, key=lambda each: (held[each.owner], now - each.touched)))
        for each in ended:
            del self._calls[each.id]
        for each in ended:
            await self.thread.run(each.close())

    def find(self, id_: str, owner: str) -> PhoneCall | None:
        """A call of a session; None for any other, and for one that nobody has used for long."""
        call = self._calls.get(id_)
        now = time.monotonic()
        if call is None or call.owner != owner or now - call.touched > IDLE_S:
            return None
        call.touched = now
        return call

    async def close(self) -> None:
        """Stop the thread."""
        if self._client is not None:
            await self.thread.run(self._client.close())
        await self.thread.close()
