"""Sends the hooks in the store after the reply to the webhook, in order for each call, until they arrive.

A hook is deleted once its receiver has replied 2xx, so a crash may repeat it but never lose it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from ncco_server.service.poller import Poller, PollListener, Schedule
from ncco_server.store import HookCounts, HookRow, Store

LEASE_MS: Final = 60_000
"""No attempt takes this long. After a crash, another process can then send the hook."""
SLOW_SHARE: Final = 4
"""A slow receiver gets one slot in this many; its other hooks are postponed."""
POSTPONE_S: Final = 30.0


class Verdict(NamedTuple):
    """The result of one attempt.

    Attributes:
        outcome: `sent`, `again` (a retry may succeed), `later` (not possible yet; does not count as an attempt), or
            `never` (a retry would fail too).
        problem: without values of the call.
        wait_s: before the next attempt: exact for `later`, otherwise the receiver's minimum (0 for none).
        is_slow: the receiver did not reply in time.
    """

    outcome: Literal["sent", "again", "later", "never"]
    problem: str = ""
    wait_s: float = 0.0
    is_slow: bool = False


Post: TypeAlias = Callable[[HookRow, datetime], Awaitable[Verdict]]
"""Makes one attempt to send a hook at this time (aware, UTC). Never raises."""


def by_kind(post: Post, mail: Post, place: Post | None = None) -> Post:
    async def send(hook: HookRow, now: datetime) -> Verdict:
        if place is not None and hook.places_call:
            return await place(hook, now)
        return await (mail if hook.is_mail else post)(hook, now)

    return send


class Listener(PollListener[HookCounts]):
    """Receives the results of attempts."""

    def tried(self, hook: HookRow, verdict: Verdict, next_s: float | None) -> None:
        """`next_s`: seconds until the next attempt; None if the hook was sent or parked."""


class Receivers:
    """Limits a slow receiver to `share` of the slots."""

    def __init__(self, share: int) -> None:
        self._share = share
        self._running: Counter[str] = Counter()
        self._slow: set[str] = set()

    def may_begin(self, url: str) -> bool:
        """A begun attempt runs until `ended` is called."""
        receiver = _origin(url)
        if receiver in self._slow and self._running[receiver] >= self._share:
            return False
        self._running[receiver] += 1
        return True

    def ended(self, url: str, verdict: Verdict | None) -> None:
        """`verdict` is None if the attempt was cancelled."""
        receiver = _origin(url)
        self._running[receiver] -= 1
        if not self._running[receiver]:
            del self._running[receiver]
        if verdict is not None and verdict.is_slow:
            self._slow.add(receiver)
        elif verdict is not None:
            self._slow.discard(receiver)


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc}".lower()


class Sender(Poller[HookRow, HookCounts]):
    """Sends the hooks of a store, which must be open meanwhile."""

    def __init__(
        self,
        store: Store,
        post: Post,
        schedule: Schedule | None = None,
        listener: Listener | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._listener = listener or Listener()
        super().__init__(schedule or Schedule(), self._listener, clock)
        self._store = store
        self._post = post
        self._receivers = Receivers(max(1, self.schedule.slots // SLOW_SHARE))

    async def claim(self, limit: int) -> Sequence[HookRow]:
        now = self.now()
        if not await self._store.hooks.has_due(now):
            return ()
        return await self._store.hooks.claim(now, now + LEASE_MS, limit)

    async def count(self) -> HookCounts:
        return await self._store.hooks.counts()

    async def run_one(self, row: HookRow) -> None:
        if row.tries > self.schedule.tries:  # each attempt died with the process, or could not be stored
            await self._conclude(row, Verdict("never", f"{self.schedule.tries} attempts did not finish"))
        elif self._receivers.may_begin(row.url):
            verdict: Verdict | None = None
            try:
                verdict = await self._try(row)
            finally:
                self._receivers.ended(row.url, verdict)
            if verdict.outcome == "later":
                await self._postpone(row, verdict.wait_s)
            else:
                await self._conclude(row, verdict)
        else:
            await self._postpone(row, POSTPONE_S)

    async def _postpone(self, hook: HookRow, wait_s: float) -> None:
        due_at = self.now() + round(wait_s * 1000)
        await self.write(self._store.hooks.put_off(hook.id, hook.tries, due_at))

    async def _try(self, hook: HookRow) -> Verdict:
        try:
            async with asyncio.timeout(self.schedule.limit_s):
                return await self._post(hook, self.clock())
        except TimeoutError:
            return Verdict("again", f"not finished within {self.schedule.limit_s:g} s", is_slow=True)
        except asyncio.CancelledError:
            await self.write(self._store.hooks.failed(hook.id, hook.tries, self.now(), "the server was stopped"))
            raise

    async def _conclude(self, hook: HookRow, verdict: Verdict) -> None:
        next_s: float | None = None
        if verdict.outcome == "sent":
            written = self._store.hooks.sent(hook.id, self.now())
        elif verdict.outcome == "again" and hook.tries < self.schedule.tries:
            next_s = self.schedule.wait_s(hook.tries, verdict.wait_s)
            due_at = self.now() + round(next_s * 1000)
            written = self._store.hooks.failed(hook.id, hook.tries, due_at, verdict.problem)
        else:
            written = self._store.hooks.park(hook.id, hook.tries, verdict.problem, self.now())
        if await self.write(written):
            self._listener.tried(hook, verdict, next_s)
