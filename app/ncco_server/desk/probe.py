"""Probes a server with one request."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from ncco_server.service.masks import json_object
from ncco_server.vonage.applications import beginning_of

WITHIN_S: Final = 5.0
"""Vonage waits as long for a reply. Source: delivery rules, socket timeout."""
MAX_REPLY_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of a request.

    Attributes:
        problem: why there was no reply, or "".
        is_untrusted: the certificate is invalid.
        status: 0 without a reply.
        document: the reply, if it is a JSON object.
        ms: milliseconds until the reply was complete.
    """

    problem: str = ""
    is_untrusted: bool = False
    status: int = 0
    document: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    ms: float = 0.0

    @property
    def server(self) -> str:
        """The ID of the server that replied to `/healthz`; "" if it is another product."""
        return str(self.document.get("server", "")) if self.document.get("status") == "up" else ""


async def probe(
    client: httpx.AsyncClient, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Probe:
    """Send a GET, or a POST if there is a body, and return the result, within `WITHIN_S`."""
    method = "GET" if body is None else "POST"
    begun = time.perf_counter()
    try:
        async with (
            asyncio.timeout(WITHIN_S),
            client.stream(method, url, content=body, headers=headers) as response,
        ):
            reply = await beginning_of(response.aiter_bytes(), MAX_REPLY_BYTES)
    except (TimeoutError, httpx.TimeoutException):
        return Probe(f"no reply within {WITHIN_S:g} seconds")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        untrusted = _certificate_error(error)
        return Probe(f"its certificate is not valid: {untrusted}" if untrusted else f"{error}", bool(untrusted))
    ms = (time.perf_counter() - begun) * 1000
    return Probe("", False, response.status_code, json_object(reply), response.headers, ms)


def _certificate_error(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or str(error)
        error = error.__cause__ or error.__context__
    return ""
