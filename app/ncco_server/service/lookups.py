"""Answers lookups: from a cache or their source, within a time budget and behind a circuit breaker."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import httpx

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.flow.files import BUDGET_MS
from ncco_server.flow.language.lookups import LookupRequest
from ncco_server.raised import log_raised
from ncco_server.service.functions import reply_due
from ncco_server.service.lookup_sources import LookupFailure, PythonFunctions, PythonModules, fetch, read_json
from ncco_server.service.outgoing import new_client

GRACE_MS: Final = 50
RESERVE_S: Final = 0.5
"""What a turn needs, after its lookups, to play, store and reply."""
LATEST_BEGIN_S: Final = 2.0
"""A lookup fails at once if fewer seconds are left until the reply is due. Half of the deadline; our choice."""
LEAST_QUEUED_S: Final = 0.25
CACHE_SIZE: Final = 512
FAILURES: Final = 5
PAUSE_S: Final = 10.0
"""After that, a single request tests the host."""

_AFTER_HOST: Final = re.compile("[/?#]")


Ask: TypeAlias = Callable[[Lookup, float], Awaitable[LookupAnswer]]
"""Answers one lookup within this many milliseconds. Never raises."""


def lookups_of_turn(ask: Ask, budget_ms: int) -> Callable[[tuple[Lookup, ...]], Awaitable[tuple[LookupAnswer, ...]]]:
    """Answer the lookups of a turn within one budget, those of one step concurrently.

    A failed lookup has a problem instead of a value. Time in which several run counts once.
    """
    left_ms = float(budget_ms)
    running = 0
    start = 0.0

    async def look_up(lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        nonlocal left_ms, running, start
        start = start if running else time.monotonic()
        running += 1
        try:
            return tuple(await asyncio.gather(*(ask(lookup, left_ms) for lookup in lookups)))
        finally:
            running -= 1
            left_ms -= 0 if running else (time.monotonic() - start) * 1000

    return look_up


NO_MODULES: Final = PythonModules()


class LookupClient:
    """Answers the lookups of all calls of a process.

    `budget_ms` is for all lookups of a turn; `private_hosts` may resolve to private addresses.
    """

    def __init__(
        self,
        budget_ms: int = BUDGET_MS,
        private_hosts: Collection[str] = (),
        modules: PythonModules = NO_MODULES,
        *,
        http: httpx.AsyncClient | None = None,
        breakers: CircuitBreakers | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget_ms = budget_ms
        self.http = http or new_client(private_hosts)
        self._clock = clock
        self._breakers = breakers or CircuitBreakers(clock=clock)
        self._functions = PythonFunctions(modules)
        self._cache = AnswerCache(clock)
        self._shared: dict[bytes, _Asked] = {}
        self._tasks: set[asyncio.Task[bytes]] = set()

    @property
    def late_functions(self) -> int:
        return self._functions.late

    async def close(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_MS / 1000)
        await self.http.aclose()

    async def answer(self, lookup: Lookup, left_ms: float) -> LookupAnswer:
        """Answer within the lookup's time limit and `left_ms`. Never raises."""
        start = self._clock()
        request: LookupRequest = lookup.request
        key = ":".join(map(str, lookup.id)) if lookup.is_function else lookup.key
        try:
            body, is_cached = await self._body(request, key, left_ms)
            return LookupAnswer(read_json(body), "", self._ms_since(start), is_cached)
        except LookupFailure as failure:
            ms = self._ms_since(start)
            return LookupAnswer(
                None,
                str(failure),
                ms,
                is_late=failure.is_late,
                status=failure.status,
                cure=failure.cure,
                is_cut_off=failure.is_cut_off,
            )
        except Exception as error:  # noqa: BLE001 - a caller is on the line, and hears the default
            log_raised(f"the lookup {lookup.name} failed", error)
            return LookupAnswer(None, f"failed: {type(error).__name__}", self._ms_since(start))

    def _ms_since(self, start: float) -> int:
        return round((self._clock() - start) * 1000)

    async def _body(self, request: LookupRequest, key: str, left_ms: float) -> tuple[bytes, bool]:
        """Return also whether the JSON text was cached. Raises LookupFailure."""
        digest = cache_key(request) if request.cache_ms else b""
        cached = self._cache.get(digest)
        if cached is not None and _is_accepted(request, cached):
            return cached, True
        if left_ms <= 0:
            message = f"not asked: the {self.budget_ms} ms for all lookups of a turn are used up"
            raise LookupFailure(message, is_late=True)
        if not digest:
            return await self._in_time(self._start(request, key), left_ms), False
        asked = self._shared.get(digest)
        if asked is None:
            asked = self._shared[digest] = self._start(request, key, digest)
            asked.task.add_done_callback(lambda _: self._shared.pop(digest, None))
        return await self._in_time(asked, left_ms, is_shared=True), False

    def _start(self, request: LookupRequest, key: str, digest: bytes = b"") -> _Asked:
        left_s = _due() - asyncio.get_running_loop().time()
        queued_s = min(self.budget_ms / 1000, max(LEAST_QUEUED_S, left_s - LATEST_BEGIN_S))
        source = request.function or _AFTER_HOST.split(request.url.partition("://")[2], maxsplit=1)[0].lower()
        asked = _Asked(source, min(request.timeout_ms, self.budget_ms) / 1000, queued_s)
        asked.task = asyncio.create_task(self._ask(request, key, digest, asked))
        self._tasks.add(asked.task)
        asked.task.add_done_callback(self._finished)
        return asked

    def _finished(self, task: asyncio.Task[bytes]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be waiting for this task anymore

    async def _in_time(self, asked: _Asked, left_ms: float, *, is_shared: bool = False) -> bytes:
        """Cancel a task that is not shared at the end. A Python function may ignore that."""
        task = asked.task
        now = asyncio.get_running_loop().time
        budget_ends_at = now() + left_ms / 1000
        due = _due() - RESERVE_S
        try:
            while (
                not task.done()
                and (patience_s := min(budget_ends_at, asked.ends_at + GRACE_MS / 1000, due) - now()) > 0
            ):
                changes: set[asyncio.Future[Any]] = {task} if asked.has_begun.done() else {task, asked.has_begun}
                await asyncio.wait(changes, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not is_shared:
                task.cancel()
        if task.cancelled():
            raise LookupFailure("the server is closing", is_cut_off=True)
        if task.done():
            return task.result()
        if not asked.has_begun.done():
            raise asked.not_made()
        if now() >= budget_ends_at:
            message = f"timed out after {left_ms:.0f} ms, all that remained of the {self.budget_ms} ms for all lookups"
            raise LookupFailure(message, is_late=True)
        if now() >= due:
            raise LookupFailure("timed out: on this busy machine, the reply would be late", is_late=True)
        raise LookupFailure(f"timed out after {asked.limit_s * 1000:.0f} ms", is_late=True)

    async def _ask(self, request: LookupRequest, key: str, digest: bytes, asked: _Asked) -> bytes:
        """Cache a valid answer under `digest`, if given. Raises LookupFailure."""
        with self._breakers.closed(asked.source) as check_again:
            try:
                async with asyncio.timeout_at(asked.ends_at) as timer:

                    def begins() -> None:
                        if not asked.has_begun.done():
                            check_again()  # earlier requests may have failed while this one waited
                        asked.begin()
                        timer.reschedule(asked.ends_at)

                    if request.method == "PYTHON":
                        body = await self._functions.call(request, key, begins)
                    else:
                        body = await fetch(self.http, request, key, begins)
            except TimeoutError:
                if not asked.has_begun.done():
                    raise asked.not_made() from None
                message = f"timed out after {asked.limit_s * 1000:.0f} ms"
                raise LookupFailure(message, is_outage=True, is_late=True) from None
        if digest and _is_accepted(request, body):
            self._cache.put(digest, body, request.cache_ms)
        return body


class _Asked:
    """A running lookup, whose time limit starts when the source is queried.

    `ends_at` is in seconds of the event loop; `has_begun` is done once the limit has started.
    """

    task: asyncio.Task[bytes]

    def __init__(self, source: str, limit_s: float, queued_s: float) -> None:
        self.source = source
        self.limit_s = limit_s
        self.ends_at = asyncio.get_running_loop().time() + queued_s
        self.has_begun: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        if not self.has_begun.done():
            self.has_begun.set_result(True)
        self.ends_at = asyncio.get_running_loop().time() + self.limit_s

    def not_made(self) -> LookupFailure:
        return LookupFailure(f"not made: too many others are waiting for {self.source}", is_late=True, is_cut_off=True)


def _due() -> float:
    """When the reply is due; infinity if it is too late, since Vonage then repeats the webhook and gets the results."""
    due = reply_due.get()
    return due if due - RESERVE_S > asyncio.get_running_loop().time() else math.inf


def _is_accepted(request: LookupRequest, body: bytes) -> bool:
    return request.misfit is None or not request.misfit(read_json(body))


class AnswerCache:
    """Valid answers as JSON text, by request. The least recently used are dropped first."""

    def __init__(self, clock: Callable[[], float], size: int = CACHE_SIZE) -> None:
        self._clock = clock
        self._size = size
        self._entries: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def get(self, key: bytes) -> bytes | None:
        expires_at, body = self._entries.get(key, (0.0, None))
        if body is None or self._clock() >= expires_at:
            self._entries.pop(key, None)
            return None
        self._entries.move_to_end(key)
        return body

    def put(self, key: bytes, body: bytes, cache_ms: int) -> None:
        self._entries[key] = (self._clock() + cache_ms / 1000, body)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)


def cache_key(request: LookupRequest) -> bytes:
    """A digest, because the headers may contain secrets."""
    return hashlib.sha256(request.sent().encode()).digest()


class CircuitBreakers:
    """One circuit breaker per host or function.

    The clock must be monotonic: a correction of the system clock could keep a circuit open for an hour.
    """

    def __init__(
        self, failures: int = FAILURES, pause_s: float = PAUSE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = failures
        self._pause_s = pause_s
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._open_until: dict[str, float] = {}

    @contextmanager
    def closed(self, name: str) -> Iterator[Callable[[], None]]:
        """A context in which `name` may be queried. Raises LookupFailure while its circuit is open.

        The yielded function does the same after a wait. A LookupFailure with `is_outage` counts as a failure, any other
        as a success, and a cancellation as neither.
        """
        is_test = name in self._open_until
        paused = f"not asked: {name} has failed {self._most} times in a row and is paused"
        if is_test and self._clock() < self._open_until[name]:
            raise LookupFailure(paused)
        if is_test:
            self._open_until[name] = math.inf  # others wait for this request's result

        def check_again() -> None:
            if name in self._open_until and not is_test:
                raise LookupFailure(paused)

        try:
            yield check_again
        except LookupFailure as failure:
            self._count(name, is_test=is_test, is_outage=failure.is_outage)
            raise
        except BaseException:
            if is_test:
                self._open_until[name] = self._clock()  # the next request tests the host
            raise
        else:
            self._count(name, is_test=is_test, is_outage=False)

    def _count(self, name: str, *, is_test: bool, is_outage: bool) -> None:
        """While the circuit is open, only the test counts: all other requests began earlier."""
        if name in self._open_until and not is_test:
            return
        if not is_outage:
            self._failures.pop(name, None)
            self._open_until.pop(name, None)
            return
        self._failures[name] = self._failures.get(name, 0) + 1
        if self._failures[name] >= self._most:
            self._open_until[name] = self._clock() + self._pause_s
