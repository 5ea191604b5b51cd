"""Kept connections to the application, in this process: what comes on them is read by the server's own protocol.

It is loaded after `make_breakable`, as the stage is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from fastapi import FastAPI
from uvicorn import Config
from uvicorn.server import ServerState

from app.web.protocol import PatientProtocol

_REPLY: Final = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)
_LENGTH: Final = re.compile(rb"content-length: (\d+)")


class Said(NamedTuple):
    """What came back; status 0 when the connection was closed instead."""

    status: int
    body: bytes
    error: str = ""


class Letters:
    """Connections that stay; one more whenever all are busy."""

    def __init__(self, app: FastAPI) -> None:
        self._config = Config(app, log_config=None, lifespan="off", access_log=False, proxy_headers=False)
        self._state = ServerState()
        self._state.default_headers = [(b"date", b"Fri, 20 Nov 2026 17:20:00 GMT")]
        self._free: list[Wire] = []

    async def ask(self, path: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Said:
        """Send a POST in one piece; waits until there is a reply or none can come any more."""
        self._free = [free for free in self._free if not free.is_closing()]  # one may have been given up since
        wire = self._free.pop() if self._free else Wire(self._config, self._state)
        lines = [b"%b: %b" % header for header in (*headers, (b"content-length", b"%d" % len(body)))]
        said = await wire.ask(b"\r\n".join((f"POST {path} HTTP/1.1".encode(), *lines, b"", body)))
        if not wire.is_closing():
            self._free.append(wire)
        return said


class Wire(asyncio.Transport):
    """A connection, and the protocol that reads it."""

    def __init__(self, config: Config, state: ServerState) -> None:
        super().__init__({"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 1)})
        self._loop = asyncio.get_running_loop()
        self._protocol = PatientProtocol(config, state, {}, self._loop)
        self._protocol.connection_made(self)
        self._said = b""
        self._is_closing = False
        self._done: asyncio.Future[Said] = self._loop.create_future()

    async def ask(self, request: bytes) -> Said:
        """Send a request. Raises AssertionError when more was said than was asked for."""
        assert not self._said, self._said
        self._done = self._loop.create_future()
        self._loop.call_soon(self._receive, request)  # as a loop does: in no task
        return await self._done

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """What the server says."""
        if not self._is_closing:
            self._said += data
            self._look()

    def close(self) -> None:
        """The server ends it."""
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self._lose, None)

    def is_closing(self) -> bool:
        """Whether nothing more can be said."""
        return self._is_closing

    def pause_reading(self) -> None:
        """There is never more to be read."""

    def resume_reading(self) -> None:
        """The same."""

    def _receive(self, data: bytes) -> None:
        try:
            self._protocol.data_received(data)
        except Exception as error:  # noqa: BLE001 - a loop closes the connection of a protocol that fails
            self._is_closing = True
            self._lose(error)

    def _lose(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)
        self._end(Said(0, b"", repr(error) if error is not None else "the connection was closed"))

    def _look(self) -> None:
        """Whether a whole reply is there."""
        head = _REPLY.match(self._said)
        if head is None:
            return
        length = _LENGTH.search(head[2])
        end = head.end() + (int(length[1]) if length is not None else 0)
        if len(self._said) >= end:
            body, self._said = self._said[head.end() : end], self._said[end:]
            self._end(Said(int(head[1]), body))

    def _end(self, said: Said) -> None:
        if not self._done.done():
            self._done.set_result(said)
