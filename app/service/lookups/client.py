"""Asks one look-up: from memory, or outside, under a time limit and behind a circuit breaker."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import traceback
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, Final

import httpx

from app.engine import Lookup, LookupAnswer
from app.flow.language.lookups import LookupRequest
from app.service.lookups.bodies import read_json
from app.service.lookups.circuits import Circuits
from app.service.lookups.functions import Functions
from app.service.lookups.memory import Memory, key_of
from app.service.lookups.problem import Problem
from app.service.lookups.turn import TurnLookups
from app.service.lookups.web import fetch
from app.service.outgoing.transport import new_client

BUDGET_MS: Final = 2000
GRACE_MS: Final = 50
"""How much longer than its limit something may take to end by itself."""

_BEHIND_HOST: Final = re.compile("[/?#]")
_log = logging.getLogger(__name__)


class LookupClient:
    """Everything that asks look-ups, for all calls of a process.

    Args:
        budget_ms: what all look-ups of one turn may take together.
        private_hosts: names that may lead to private addresses.
        modules: the folder whose Python modules flows may name; None: only what is installed.
        http: another client than the own one, which is then not closed here.
        circuits: other limits than the usual ones.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        budget_ms: int = BUDGET_MS,
        private_hosts: Collection[str] = (),
        modules: Path | None = None,
        *,
        http: httpx.AsyncClient | None = None,
        circuits: Circuits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget_ms = budget_ms
        self.clock = clock
        self._http = http or new_client(private_hosts)
        self._owns_http = http is None
        self._circuits = circuits or Circuits()
        self._functions = Functions(modules)
        self._memory = Memory(clock)
        self._flights: dict[bytes, asyncio.Task[bytes]] = {}
        self._tasks: set[asyncio.Task[bytes]] = set()

    def for_turn(self) -> TurnLookups:
        """What asks the look-ups of one turn, which share one budget."""
        return TurnLookups(self)

    async def close(self) -> None:
        """Stop what is still being asked, and close every connection."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_MS / 1000)
        if self._owns_http:
            await self._http.aclose()

    async def answer(self, lookup: Lookup, left_ms: float) -> LookupAnswer:
        """What comes of one look-up within its own time limit and `left_ms`. Never raises."""
        start = self.clock()
        request: LookupRequest = lookup.request
        try:
            body, is_cached = await self._body(request, lookup.key, left_ms)
            return LookupAnswer(read_json(body), "", self._ms_since(start), is_cached)
        except Problem as problem:
            return LookupAnswer(None, str(problem), self._ms_since(start))
        except Exception as error:  # noqa: BLE001 - whatever else breaks, a caller is on the line and hears the default
            where = "".join(traceback.format_tb(error.__traceback__))  # without its text, which may be secret
            _log.error("the look-up %s failed by %s\n%s", lookup.name, type(error).__name__, where)
            return LookupAnswer(None, f"failed: {type(error).__name__}", self._ms_since(start))

    def _ms_since(self, start: float) -> int:
        return round((self.clock() - start) * 1000)

    async def _body(self, request: LookupRequest, key: str, left_ms: float) -> tuple[bytes, bool]:
        """JSON text, and whether it was kept from before. Raises Problem."""
        digest = key_of(request) if request.cache_ms else b""
        kept = self._memory.get(digest) if digest else None
        if kept is not None and _is_accepted(request, kept):
            return kept, True
        if left_ms <= 0:
            raise Problem(f"not asked: the {self.budget_ms} ms for all look-ups of a turn are used up")
        if not digest:
            return await self._in_time(self._start(self._ask(request, key)), request, left_ms), False
        flight = self._flights.get(digest)
        if flight is None:
            flight = self._flights[digest] = self._start(self._ask_and_keep(request, key, digest))
            flight.add_done_callback(lambda _: self._flights.pop(digest, None))
        return await self._in_time(flight, request, left_ms, is_shared=True), False

    def _start(self, asking: Coroutine[Any, Any, bytes]) -> asyncio.Task[bytes]:
        task = asyncio.create_task(asking)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[bytes]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # of one that nobody waits for any more, it is known already

    async def _in_time(
        self, task: asyncio.Task[bytes], request: LookupRequest, left_ms: float, *, is_shared: bool = False
    ) -> bytes:
        """What the task gives in time. One that is not shared is given up then; nobody waits until it has ended."""
        limit_ms = self._limit_ms(request)
        patience_ms = left_ms if left_ms < limit_ms else limit_ms + GRACE_MS
        try:
            done, _ = await asyncio.wait({task}, timeout=patience_ms / 1000)
        finally:
            if not is_shared:
                task.cancel()  # which a task that is done does not mind
        if task.cancelled():
            raise Problem("the server is closing")
        if done:
            return task.result()
        if left_ms < limit_ms:
            raise Problem(f"timed out after {left_ms:.0f} ms, which were left of {self.budget_ms} ms for all look-ups")
        raise Problem(f"timed out after {limit_ms} ms")

    def _limit_ms(self, request: LookupRequest) -> int:
        return min(request.timeout_ms, self.budget_ms)

    async def _ask_and_keep(self, request: LookupRequest, key: str, digest: bytes) -> bytes:
        body = await self._ask(request, key)
        if _is_accepted(request, body):
            self._memory.put(digest, body, request.cache_ms)
        return body

    async def _ask(self, request: LookupRequest, key: str) -> bytes:
        """Ask outside. Raises Problem."""
        limit_ms = self._limit_ms(request)
        async with self._circuits.passing(_asked_of(request)):
            try:
                async with asyncio.timeout(limit_ms / 1000):
                    if request.method == "PYTHON":
                        return await self._functions.call(request.function, request.arguments)
                    return await fetch(self._http, request, key)
            except TimeoutError:
                raise Problem(f"timed out after {limit_ms} ms", is_failure=True) from None


def _asked_of(request: LookupRequest) -> str:
    """Whose failures are counted together: the host with its port, or the function."""
    return request.function or _BEHIND_HOST.split(request.url.partition("://")[2], maxsplit=1)[0].lower()


def _is_accepted(request: LookupRequest, body: bytes) -> bool:
    return request.accepts is None or request.accepts(read_json(body))
