"""Sends the hooks in the store: after the reply to the webhook, signed, and in order for each call, until they arrive.

A hook is deleted once its receiver has replied 2xx, so a crash may repeat it but never lose it. Several processes can
send from one store: a claimed hook belongs to one process for the duration of a lease.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import httpx
import orjson
from standardwebhooks import Webhook

from ncco_server.service.outgoing import Disconnected
from ncco_server.service.poller import Poller, PollListener, Schedule
from ncco_server.store import HookCounts, HookRow, Store

TRY_TIMEOUT_S: Final = 15.0
"""Time limit of an attempt in seconds. Source: Standard Webhooks, Request timeout (15 to 30 s)."""
BODY_LIMIT: Final = 256 * 1024
"""Maximum number of bytes of a body. Our choice; Standard Webhooks asks for less than 20 KB."""
ANSWER_LIMIT: Final = 64 * 1024
"""Maximum number of bytes of a response to read, so that the connection can be reused. The content is ignored."""
ANSWER_S: Final = 1.0
"""Time limit for reading the rest of a response, in seconds."""

LEASE_MS: Final = 60_000
"""How long a claimed hook belongs to its process, in milliseconds: longer than any attempt takes. If the process has
crashed, another one can then send the hook.
"""
SLOW_SHARE: Final = 4
"""A receiver that did not reply in time can use one slot in this many, until it does; its other hooks are postponed."""
POSTPONE_S: Final = 30.0
"""How many seconds a slow receiver's hooks are postponed."""

_MAY_RETRY_AFTER: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""Statuses that may come with `Retry-After`. Source: RFC 6585, 4; RFC 9110, 15.6.4."""


class Verdict(NamedTuple):
    """The result of one attempt to send a hook.

    Attributes:
        outcome: `sent`, `again` (a retry may succeed), `later` (not possible yet; does not count as an attempt), or
            `never` (a retry would fail too).
        problem: why the hook was not sent, in a few words without values of the call.
        wait_s: seconds to wait before the next attempt: exact for `later`, otherwise the receiver's minimum (0 for
            none).
        is_slow: whether the receiver did not reply in time.
    """

    outcome: Literal["sent", "again", "later", "never"]
    problem: str = ""
    wait_s: float = 0.0
    is_slow: bool = False


Post: TypeAlias = Callable[[HookRow, datetime], Awaitable[Verdict]]
"""A function that makes one attempt to send a hook, at the current time (aware, UTC). Never raises."""


class Listener(PollListener[HookCounts]):
    """Receives the results of attempts."""

    def tried(self, hook: HookRow, verdict: Verdict, next_s: float | None) -> None:
        """Called after an attempt. The next is in `next_s` seconds, or None if the hook was sent or parked."""


class Poster:
    """Makes one attempt to post a hook, signed as Standard Webhooks defines.

    The hook is signed with all secrets, which makes rotation possible.

    Args:
        client: a shared HTTP client that does not follow redirects.
        secrets: secrets of the form `whsec_` and base64, checked by the settings; if empty, hooks are not signed.
        try_s: time limit of an attempt in seconds.
    """

    def __init__(self, client: httpx.AsyncClient, secrets: Iterable[str] = (), try_s: float = TRY_TIMEOUT_S) -> None:
        self.client = client
        self._try_s = try_s
        self._keys = tuple(Webhook(secret) for secret in secrets)

    async def __call__(self, hook: HookRow, now: datetime) -> Verdict:
        """Post a hook once; `now` is aware, UTC."""
        if not hook.url:
            return Verdict("never", hook.problem or "it has no address")
        if len(hook.body) > BODY_LIMIT:
            return Verdict("never", f"its body has {len(hook.body):,} bytes, and {BODY_LIMIT:,} is the limit")
        try:
            async with asyncio.timeout(self._try_s):
                return await self._post(hook, now)
        except TimeoutError:
            return Verdict("again", f"no answer within {self._try_s:g} s", is_slow=True)
        except httpx.RequestError as error:
            return failure_of_request(error)
        except httpx.InvalidURL as error:
            return Verdict("never", f"its address cannot be used: {error}")

    async def _post(self, hook: HookRow, now: datetime) -> Verdict:
        headers = {
            "content-type": "application/json",
            "idempotency-key": hook.id,
            **orjson.loads(hook.headers),
            **self._signature(hook.id, now, hook.body.decode()),
        }
        encoded = [(name.encode(), text.encode()) for name, text in headers.items()]
        async with self.client.stream("POST", hook.url, content=hook.body, headers=encoded) as answer:
            verdict = _verdict(answer, now)
            await _drain(answer)
        return verdict

    def _signature(self, id_: str, now: datetime, body: str) -> dict[str, str]:
        """The headers of Standard Webhooks. `now` is aware, UTC; receivers refuse a timestamp older than 5 minutes.

        Source: Standard Webhooks, Webhook Metadata and Signature scheme.
        """
        headers = {"webhook-id": id_, "webhook-timestamp": str(int(now.timestamp()))}
        if self._keys:
            signatures = (key.sign(msg_id=id_, timestamp=now, data=body) for key in self._keys)
            headers["webhook-signature"] = " ".join(signatures)
        return headers


def failure_of_request(error: httpx.RequestError) -> Verdict:
    """Why a request could not be sent. Messages that may quote its content are left out."""
    match error:
        case httpx.UnsupportedProtocol():
            return Verdict("never", f"its address cannot be used: {error}")
        case httpx.LocalProtocolError():
            return Verdict("never", "a header has characters that are not allowed")
        case Disconnected():
            return Verdict("again", "the connection was lost")
        case httpx.RemoteProtocolError():
            return Verdict("again", "its reply is not HTTP")
        case _:
            return Verdict("again", str(error) or type(error).__name__)


def _verdict(answer: httpx.Response, now: datetime) -> Verdict:
    status = answer.status_code
    if answer.is_success:
        return Verdict("sent")
    if status == HTTPStatus.GONE:  # Source: Standard Webhooks, Operational considerations
        return Verdict("never", "status 410: the receiver wants no more hooks")
    if answer.is_redirect:
        return Verdict("again", f"status {status}: redirects are not followed")
    return Verdict("again", f"status {status}", retry_after_s(answer, now))


def retry_after_s(answer: httpx.Response, now: datetime) -> float:
    """The seconds to wait by the `Retry-After` of a reply; see `seconds_until`."""
    return seconds_until(answer.headers.get("retry-after", ""), now) if answer.status_code in _MAY_RETRY_AFTER else 0.0


def seconds_until(text: str, now: datetime) -> float:
    """The seconds in a `Retry-After`, which is a number or a date; no upper limit. 0 if missing or unreadable.

    Source: RFC 9110, 10.2.3.
    """
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a date that Python cannot represent, such as the year 99999999999
        return 0.0
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())


async def _drain(answer: httpx.Response) -> None:
    """Read the rest of a short response, so that its connection can be reused."""
    with suppress(TimeoutError, httpx.RequestError):
        async with asyncio.timeout(ANSWER_S):
            size = 0
            async for chunk in answer.aiter_raw():
                size += len(chunk)
                if size > ANSWER_LIMIT:
                    break


class Receivers:
    """Prevents a slow receiver from taking all slots.

    Args:
        share: maximum number of concurrent attempts for one slow receiver; other receivers can use all slots.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._running: Counter[str] = Counter()
        self._slow: set[str] = set()

    def may_begin(self, url: str) -> bool:
        """Whether another attempt may start. If so, it counts as running until `ended` is called."""
        receiver = _origin(url)
        if receiver in self._slow and self._running[receiver] >= self._share:
            return False
        self._running[receiver] += 1
        return True

    def ended(self, url: str, verdict: Verdict | None) -> None:
        """Count the end of an attempt. `verdict` is None if it was cancelled."""
        receiver = _origin(url)
        self._running[receiver] -= 1
        if not self._running[receiver]:
            del self._running[receiver]
        if verdict is not None and verdict.is_slow:
            self._slow.add(receiver)
        elif verdict is not None:
            self._slow.discard(receiver)


def _origin(url: str) -> str:
    """The scheme, host and port of a URL, or the unchanged text if it is not a URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc}".lower()


class Sender(Poller[HookRow, HookCounts]):
    """Sends the hooks in a store.

    Args:
        store: the store, which must be open while the sender runs.
        post: makes one attempt.
        schedule: number and times of attempts.
        listener: receives the results.
        clock: returns the current time, aware, UTC.
    """

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
        """See `Poller`."""
        now = self.now()
        if not await self._store.has_due_hooks(now):
            return ()
        return await self._store.claim_hooks(now, now + LEASE_MS, limit)

    async def count(self) -> HookCounts:
        """See `Poller`."""
        return await self._store.count_hooks()

    async def run_one(self, row: HookRow) -> None:
        """See `Poller`."""
        if row.tries > self.schedule.tries:  # in every attempt, the process died or could not store the result
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
        await self.write(self._store.put_off_hook(hook.id, hook.tries, due_at))

    async def _try(self, hook: HookRow) -> Verdict:
        try:
            async with asyncio.timeout(self.schedule.limit_s):
                return await self._post(hook, self.clock())
        except TimeoutError:
            return Verdict("again", f"not finished within {self.schedule.limit_s:g} s", is_slow=True)
        except asyncio.CancelledError:
            await self.write(self._store.hook_failed(hook.id, hook.tries, self.now(), "the server was stopped"))
            raise

    async def _conclude(self, hook: HookRow, verdict: Verdict) -> None:
        """Store the result of an attempt, and pass it to the listener."""
        next_s: float | None = None
        if verdict.outcome == "sent":
            written = self._store.hook_sent(hook.id, self.now())
        elif verdict.outcome == "again" and hook.tries < self.schedule.tries:
            next_s = self.schedule.wait_s(hook.tries, verdict.wait_s)
            due_at = self.now() + round(next_s * 1000)
            written = self._store.hook_failed(hook.id, hook.tries, due_at, verdict.problem)
        else:
            written = self._store.park_hook(hook.id, hook.tries, verdict.problem, self.now())
        if await self.write(written):
            self._listener.tried(hook, verdict, next_s)
