"""One try to send one hook."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import orjson

from app.service.outbox.signing import Signer
from app.service.outbox.verdict import SENT, Verdict
from app.store import HookRow

TRY_S: Final = 15.0
"""Seconds that one try may take, connecting included. Source: Standard Webhooks, Request timeout (15 to 30 s)."""

BODY_LIMIT: Final = 256 * 1024
"""Bytes of a body. Our choice; Standard Webhooks asks for less than 20 KB."""

ANSWER_LIMIT: Final = 64 * 1024
"""Bytes of an answer that are read, only to use the connection again; what it says does not matter."""

ANSWER_S: Final = 1.0

GONE: Final = 410
"""The receiver wants no more of them. Source: Standard Webhooks, Operational considerations."""

BUSY: Final = frozenset({429, 503})
"""Statuses that may come with `Retry-After`. Source: RFC 6585, 4; RFC 9110, 15.6.4."""


class Poster:
    """Posts hooks.

    Args:
        client: shared; follows no redirects.
        signer: makes the headers of the convention.
        try_s: seconds that one try may take.
    """

    def __init__(self, client: httpx.AsyncClient, signer: Signer, try_s: float = TRY_S) -> None:
        self._client = client
        self._signer = signer
        self._try_s = try_s

    async def __call__(self, hook: HookRow, now: datetime) -> Verdict:
        """Post it once; `now` is aware, UTC."""
        if hindrance := _hindrance(hook):
            return Verdict("never", hindrance)
        try:
            async with asyncio.timeout(self._try_s):
                return await self._post(hook, now)
        except TimeoutError:
            return Verdict("again", f"no answer within {self._try_s:g} s", is_slow=True)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            return Verdict("never", f"its address cannot be used: {error}")
        except httpx.LocalProtocolError:  # its text repeats the header
            return Verdict("never", "a header of it holds what no header may hold")
        except httpx.RequestError as error:
            return Verdict("again", _sentence(error))

    async def _post(self, hook: HookRow, now: datetime) -> Verdict:
        headers = {
            "content-type": "application/json",
            "idempotency-key": hook.id,
            **orjson.loads(hook.headers),
            **self._signer.headers(hook.id, now, hook.body.decode()),
        }
        sendable = [(name.encode(), text.encode()) for name, text in headers.items()]
        async with self._client.stream("POST", hook.url, content=hook.body, headers=sendable) as answer:
            verdict = _verdict(answer, now)
            await _finish(answer)
        return verdict


def _hindrance(hook: HookRow) -> str:
    """Why it cannot be sent at all, "" when it can."""
    if not hook.url:
        return hook.problem or "it has no address"
    is_long = len(hook.body) > BODY_LIMIT
    return f"its body has {len(hook.body):,} bytes, and {BODY_LIMIT:,} is the limit" if is_long else ""


def _sentence(error: httpx.RequestError) -> str:
    """What broke, without a byte of what the receiver sent: it may repeat what it was told of a call."""
    if not isinstance(error, httpx.RemoteProtocolError):
        return str(error) or type(error).__name__
    is_silent = str(error).startswith("Server disconnected")
    return "the connection broke off" if is_silent else "what it answers is no HTTP"


def _verdict(answer: httpx.Response, now: datetime) -> Verdict:
    status = answer.status_code
    if answer.is_success:
        return SENT
    if status == GONE:
        return Verdict("never", "status 410: the receiver wants no more of them")
    if answer.is_redirect:
        return Verdict("again", f"status {status}: redirects are not followed")
    wait_s = _asked_s(answer.headers.get("retry-after", ""), now) if status in BUSY else 0.0
    return Verdict("again", f"status {status}", wait_s)


def _asked_s(text: str, now: datetime) -> float:
    """Seconds that `Retry-After` asks for, as a number or as a date; 0 when it says nothing. Source: RFC 9110, 10.2.3.

    The wait is bounded by whoever waits.
    """
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the year 99999999999
        return 0.0
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())


async def _finish(answer: httpx.Response) -> None:
    """Read a short answer to its end, so that its connection can be used again; any other is cut off."""
    with suppress(TimeoutError, httpx.RequestError):
        async with asyncio.timeout(ANSWER_S):
            size = 0
            async for chunk in answer.aiter_raw():
                size += len(chunk)
                if size > ANSWER_LIMIT:
                    break
