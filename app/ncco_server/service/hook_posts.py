"""Posts hooks over HTTP, signed as Standard Webhooks defines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpx
import orjson
from standardwebhooks import Webhook

from ncco_server.service.outbox import Verdict
from ncco_server.service.outgoing import Disconnected
from ncco_server.store import HookRow

TRY_TIMEOUT_S: Final = 15.0
"""Source: Standard Webhooks, Request timeout (15 to 30 s)."""
BODY_LIMIT: Final = 256 * 1024
"""Our choice; Standard Webhooks asks for less than 20 KB."""

_MAY_RETRY_AFTER: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""They may come with `Retry-After`. Source: RFC 6585, 4; RFC 9110, 15.6.4."""


class Poster:
    """Makes one attempt to post a hook, signed with all secrets, so that they can be rotated.

    `client` must not follow redirects. Secrets are `whsec_` and base64; without any, hooks are not signed.
    """

    def __init__(self, client: httpx.AsyncClient, secrets: Iterable[str] = (), try_s: float = TRY_TIMEOUT_S) -> None:
        self.client = client
        self._try_s = try_s
        self._keys = tuple(Webhook(secret) for secret in secrets)

    async def __call__(self, hook: HookRow, now: datetime) -> Verdict:
        """`now` is aware, UTC."""
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
            return _verdict(answer, now)

    def _signature(self, id_: str, now: datetime, body: str) -> dict[str, str]:
        """Receivers refuse a timestamp older than 5 minutes.

        Source: Standard Webhooks, Webhook Metadata and Signature scheme.
        """
        headers = {"webhook-id": id_, "webhook-timestamp": str(int(now.timestamp()))}
        if self._keys:
            signatures = (key.sign(msg_id=id_, timestamp=now, data=body) for key in self._keys)
            headers["webhook-signature"] = " ".join(signatures)
        return headers


def failure_of_request(error: httpx.RequestError) -> Verdict:
    """Leave out messages that may quote the request's content."""
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
    return seconds_until(answer.headers.get("retry-after", ""), now) if answer.status_code in _MAY_RETRY_AFTER else 0.0


def seconds_until(text: str, now: datetime) -> float:
    """Read a number or a date, unlimited; 0 if missing or unreadable.

    Source: RFC 9110, 10.2.3.
    """
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # such as the year 99999999999
        return 0.0
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())
