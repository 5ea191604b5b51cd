"""A server under test at a URL."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx

from app.simulator.requests import Request, Response


class HttpServer:
    """Any webhook server, in any language, at the URLs of the application; close it, or enter it with `async with`.

    Its clock is the real one, so tokens are issued at the real time; the timestamps of webhooks stay virtual.

    Args:
        measures: whether the real seconds of a request pass on the virtual clock too; then two runs differ a little.
        transport: of httpx, for tests; None: the network.
    """

    def __init__(self, *, measures: bool = False, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)
        self._measures = measures

    @property
    def now(self) -> datetime:
        """The real time."""
        return datetime.now(UTC)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def deliver(self, request: Request) -> Response:
        """Send a request. Redirects are not followed: to the platform they are bad statuses (unverified)."""
        begun = time.perf_counter()
        response = await self._send(request)
        return Response(
            response.status, response.headers, response.body,
            time.perf_counter() - begun if self._measures else 0.0, response.failure,
        )  # fmt: skip

    async def _send(self, request: Request) -> Response:
        timeout = httpx.Timeout(request.answer_s, connect=request.connect_s)
        headers = {**request.headers, "content-length": str(len(request.body))} if request.body else request.headers
        try:
            async with asyncio.timeout(request.connect_s + request.answer_s):
                reply = await self._client.request(
                    request.method, request.url, headers=headers, content=request.body, timeout=timeout
                )
        except httpx.ConnectTimeout:
            return Response(0, failure="connect timeout")
        except (httpx.TimeoutException, TimeoutError):
            return Response(0, failure="timeout")
        except httpx.ConnectError:
            return Response(0, failure="closed")
        except (httpx.HTTPError, httpx.InvalidURL):
            return Response(0, failure="reset")
        return Response(
            reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.content
        )
