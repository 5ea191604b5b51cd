"""A connection to a server that can be cut at a chosen moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Line:
    """Passes bytes on in both directions.

    Attributes:
        port: to connect to.
        cut_at: when these bytes come from the client they are passed on, and the line is cut before any answer; b""
            for never.
        is_silent: swallow everything, as a network does that is gone.
    """

    def __init__(self) -> None:
        self.port = 0
        self.cut_at = b""
        self.is_silent = False
        self._writers: list[asyncio.StreamWriter] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: int) -> None:
        """Join a client with the server at port `to`."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to)
        self._writers += [writer, far_writer]
        await asyncio.gather(self._up(reader, far_writer), self._down(far_reader, writer))

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while block := await reader.read(65_536):
                if self.is_silent:
                    continue
                writer.write(block)
                await writer.drain()
                if self.cut_at and self.cut_at in block:
                    self.cut()
            writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while block := await reader.read(65_536):
                if not self.is_silent:
                    writer.write(block)
            writer.close()

    def cut(self) -> None:
        """End every connection now."""
        self.cut_at = b""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """A line to a port of this machine."""
    line = Line()
    joined: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        joined.add(task)
        with suppress(asyncio.CancelledError, OSError):  # the end of the test, or a server that is down
            await line.take(reader, writer, port)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.cut()
        for task in joined:
            task.cancel()
        await asyncio.gather(*joined, return_exceptions=True)
