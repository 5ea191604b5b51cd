"""A server for the lookups and hooks of the test flows, which can be slow or fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

Mood: TypeAlias = Literal["good", "slow", "silent", "deaf", "failing", "gone", "broken", "closing"]
"""`silent` waits long before it accepts a request; `deaf` accepts it, then waits long before it answers."""

KNOWN: Final = b'{"name": "Ann", "tier": "gold"}'
_STATUSES: Final = {"failing": b"503 Service Unavailable", "gone": b"410 Gone"}
SLOW_S: Final = 0.15
SILENT_S: Final = 5.0


class Office:
    """Answers lookups, accepts hooks, and counts hooks by id.

    Attributes:
        mood: called with the path before each answer; decides how the server behaves.
        hooks: how often each hook came, by its `webhook-id`.
        told: the bodies of the hooks, each once, by path.
    """

    def __init__(self, mood: Callable[[str], Mood] = lambda _: "good") -> None:
        self.mood = mood
        self.hooks: Counter[bytes] = Counter()
        self.told: dict[str, list[bytes]] = {}
        self.port = 0
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Office:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._serve_one(reader, writer):
                pass
        except (OSError, EOFError, ValueError):
            pass
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request. Returns whether the connection stays open."""
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        body = await reader.readexactly(int(_header(head, b"content-length") or b"0"))
        mood = self.mood(path)
        if mood == "closing":
            return False
        if mood in ("slow", "silent"):
            await asyncio.sleep(SLOW_S if mood == "slow" else SILENT_S)
        if (id_ := _header(head, b"webhook-id")) and mood not in ("failing", "gone", "broken"):
            self._take(id_, path, body)
        if mood == "deaf":
            await asyncio.sleep(SILENT_S)
        answer = b"<html>" if mood == "broken" else KNOWN
        status = b"404 Not Found" if "/missing/" in path else _STATUSES.get(mood, b"200 OK")
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status, len(answer), answer))
        await writer.drain()
        return True

    def _take(self, id_: bytes, path: str, body: bytes) -> None:
        self.hooks[id_] += 1
        if self.hooks[id_] == 1:
            self.told.setdefault(path, []).append(body)


def _header(head: bytes, name: bytes) -> bytes:
    lines = head.lower().partition(b"\r\n" + name + b":")[2]
    return lines.partition(b"\r\n")[0].strip()
