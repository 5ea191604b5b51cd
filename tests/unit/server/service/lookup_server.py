"""A real server on a real socket that replies correctly, slowly, wrongly or not at all."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from tests.support.server import free_port

GOOD = b'{"name": "Ann", "tier": "gold"}'


class Connection:
    """The reply of a behaviour."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    async def send(self, *pieces: bytes, every_s: float = 0) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(every_s)

    async def answer(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        await self.send("\r\n".join(lines).encode() + body)

    def reset(self) -> None:
        """Close the connection like a killed server."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()


Behaviour: TypeAlias = Callable[[Connection], Awaitable[None]]


async def good(connection: Connection) -> None:
    await connection.answer(GOOD, "200 OK", "Content-Type: application/json")


async def slow(connection: Connection) -> None:
    await asyncio.sleep(0.2)
    await good(connection)


async def silent(connection: Connection) -> None:
    await asyncio.sleep(300)


async def missing_at_length(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n")
    await connection.send(*[b"1000\r\n" + b"x" * 4096 + b"\r\n"] * 1000)


async def html(connection: Connection) -> None:
    await connection.answer(b"<html>secret</html>", "200 OK", "Content-Type: text/html")


async def empty(connection: Connection) -> None:
    await connection.answer(b"")


async def broken_json(connection: Connection) -> None:
    await connection.answer(b'{"name": "secret')


async def not_a_number(connection: Connection) -> None:
    await connection.answer(b'{"n": NaN}')


async def deep(connection: Connection) -> None:
    await connection.answer(b"[" * 30_000 + b"]" * 30_000)


async def marked(connection: Connection) -> None:
    await connection.answer(b"\xef\xbb\xbf" + GOOD)


async def large(connection: Connection) -> None:
    await connection.answer(b'"' + b"x" * 70_000 + b'"')


async def endless(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await connection.send(*[b"1000\r\n" + b"x" * 4096 + b"\r\n"] * 1000)


_BOMB = gzip.compress(b"[" + b" " * 10_000_000 + b"]", compresslevel=1)
"""Made before a look-up waits for it."""


async def bomb(connection: Connection) -> None:
    await connection.answer(_BOMB, "200 OK", "Content-Encoding: gzip")


async def packed(connection: Connection) -> None:
    await connection.answer(gzip.compress(GOOD), "200 OK", "Content-Encoding: gzip")


async def deflated(connection: Connection) -> None:
    await connection.answer(zlib.compress(GOOD), "200 OK", "Content-Encoding: deflate")


async def badly_packed(connection: Connection) -> None:
    await connection.answer(GOOD, "200 OK", "Content-Encoding: gzip")


async def half_packed(connection: Connection) -> None:
    await connection.answer(gzip.compress(GOOD)[:20], "200 OK", "Content-Encoding: gzip")


async def strangely_packed(connection: Connection) -> None:
    await connection.answer(GOOD, "200 OK", "Content-Encoding: br")


async def redirect(connection: Connection) -> None:
    await connection.answer(b"", "302 Found", "Location: /good")


async def missing(connection: Connection) -> None:
    await connection.answer(b'{"error": "secret"}', "404 Not Found")


async def created(connection: Connection) -> None:
    await connection.answer(GOOD, "201 Created")


async def failing(connection: Connection) -> None:
    await connection.answer(GOOD, "503 Service Unavailable")


async def overloaded(connection: Connection) -> None:
    await connection.answer(GOOD, "429 Too Many Requests")


async def surplus(connection: Connection) -> None:
    """Send one reply more than requested."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    await connection.send(head % len(GOOD) + GOOD + head % 2 + b"{}")


async def dribbling(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await connection.send(*[b"1\r\n \r\n"] * 1000, every_s=0.01)


async def endless_headers(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    await connection.send(*[b"X-More: more\r\n"] * 1000, every_s=0.01)


async def many_headers(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\n", *[b"X-More: " + b"m" * 1000 + b"\r\n"] * 1000)


async def never_now(connection: Connection) -> None:
    await connection.send(*[b"HTTP/1.1 102 Processing\r\n\r\n"] * 1000, every_s=0.01)


async def closing_early(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + GOOD)
    connection.writer.close()


async def hanging_up(connection: Connection) -> None:
    connection.writer.close()


async def dying(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + GOOD)
    connection.reset()


async def babbling(connection: Connection) -> None:
    await connection.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


class LookUpServer:
    """Behaves by the requested path; `requests` contains each head and body as received."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.connections = 0
        self.open_connections = 0
        self.behaviours: dict[str, Behaviour] = {}
        self.port = 0
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; after `stop`, on the same port again."""
        self.port = self.port or free_port()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.sleep(0.01)  # time for the closed connections to end

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path}"

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.create_task(self._serve_all(reader, writer)))

    async def _serve_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = [int(line.split(":")[1]) for line in head.lower().splitlines() if line.startswith("content-length")]
        body = await reader.readexactly(length[0]) if length else b""
        self.requests.append(head + body.decode())
        path = head.split(" ")[1].strip("/").partition("?")[0]
        behaviour = self.behaviours.get(path) or globals()[path]
        await behaviour(Connection(writer))
        return not writer.is_closing()
