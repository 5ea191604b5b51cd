"""A lean HTTP client with one persistent connection. It needs little CPU time, which is left for the server."""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple

import orjson

LIMIT: Final = 4 * 1024 * 1024


class Answer(NamedTuple):
    """The response; `failure` names why the server did not handle the webhook; "" if it is stored."""

    status: int
    body: bytes
    failure: str = ""

    @property
    def is_unstored(self) -> bool:
        """Whether the store was unavailable, whether the caller hears an NCCO or not."""
        return self.failure == "no-store"

    @property
    def ncco(self) -> list[dict[str, Any]]:
        """The NCCO; [] if there is none."""
        found: list[dict[str, Any]] = orjson.loads(self.body) if self.status == 200 and self.body else []
        return found


class Lost(Exception):
    """The connection ended before the answer was complete, so it is unknown what happened to the request."""


class Wire:
    """One connection to a server, opened when needed.

    Args:
        host, port: the server's address.
        patience_s: the maximum seconds to wait for a complete answer.
    """

    def __init__(self, host: str, port: int, patience_s: float = 60.0) -> None:
        self._address = (host, port)
        self._patience_s = patience_s
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, fields: dict[str, Any]) -> Answer:
        """Send one webhook. Raises Lost, after which the next request opens a new connection."""
        body = orjson.dumps(fields)
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return await self._ask(head.encode() + b"\r\n" + body)

    async def get(self, path: str) -> Answer:
        """Request a page. Raises Lost."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())

    async def break_off(self, path: str, fields: dict[str, Any]) -> None:
        """Send one webhook and hang up before the answer comes."""
        body = orjson.dumps(fields)
        try:
            _, writer = await self._connected()
            writer.write(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
        except OSError:
            pass
        self.close()

    async def _ask(self, request: bytes) -> Answer:
        try:
            async with asyncio.timeout(self._patience_s):
                reader, writer = await self._connected()
                writer.write(request)
                return await self._answer(reader)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.close()
            raise Lost(f"{type(error).__name__}: {error}") from error
        except BaseException:
            self.close()  # a half-read answer must not reach the next request
            raise

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection(*self._address, limit=LIMIT)
        return self._streams

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        _, _, after = head.partition(b"content-length:")
        body = await reader.readexactly(int(after.partition(b"\r\n")[0] or b"0"))
        if b"connection: close" in head:
            self.close()
        failure = head.partition(b"\r\nncco-failure: ")[2].partition(b"\r\n")[0].decode()
        return Answer(status, body, failure)

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
