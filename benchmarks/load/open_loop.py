"""Open-loop load: requests are sent at fixed times, whether or not earlier ones have been answered.

A latency starts at the time when its request was scheduled, so that waiting behind a slow reply counts. Real callers do
not wait for each other either.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from typing import Final

PAUSE_S: Final = 0.0001
"""How long to sleep between two checks, which is also the precision of a latency."""

PATIENCE_S: Final = 30.0


class Client:
    """Connections to one server, which are reused; a new one is opened if none is free.

    Raises RuntimeError if a reply is not 200, or if replies are missing after `PATIENCE_S`.
    """

    def __init__(self, port: int, connections: int = 32) -> None:
        self._port = port
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._received: dict[int, bytes] = {}
        self._due: dict[int, float] = {}
        self._free: deque[int] = deque()
        for _ in range(connections):
            self._free.append(self._connect())

    def run(self, requests: list[bytes], rate: float) -> list[float]:
        """Send the requests at `rate` a second; return the seconds from due time to complete reply, sorted."""
        latencies: list[float] = []
        begin = time.perf_counter() + 0.01
        sent = 0
        while len(latencies) < len(requests):
            now = time.perf_counter()
            while sent < len(requests) and begin + sent / rate <= now:
                self._send(requests[sent], begin + sent / rate)
                sent += 1
            latencies.extend(self._replies())
            if now > begin + len(requests) / rate + PATIENCE_S:
                raise RuntimeError(f"{len(requests) - len(latencies)} replies are missing")
            time.sleep(PAUSE_S)
        return sorted(latencies)

    def close(self) -> None:
        """Close every connection."""
        for connection in self._sockets.values():
            connection.close()
        self._poll.close()

    def _connect(self) -> int:
        connection = socket.create_connection(("127.0.0.1", self._port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = connection.fileno()
        self._sockets[number] = connection
        self._poll.register(number, select.EPOLLIN)
        return number

    def _send(self, request: bytes, due: float) -> None:
        number = self._free.popleft() if self._free else self._connect()
        self._received[number] = b""
        self._due[number] = due
        self._sockets[number].sendall(request)

    def _replies(self) -> list[float]:
        found = []
        for number, _ in self._poll.poll(0):
            self._received[number] += self._sockets[number].recv(65536)
            if _is_whole(self._received[number]):
                found.append(time.perf_counter() - self._due.pop(number))
                self._free.append(number)
        return found


def _is_whole(reply: bytes) -> bool:
    head, _, body = reply.partition(b"\r\n\r\n")
    if reply and not reply.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"a reply is {reply[:300]!r}")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return bool(length) and b"\r\n\r\n" in reply and len(body) >= int(length)


def share(latencies: list[float], part: float) -> float:
    """The latency in milliseconds that `part` of the requests do not exceed."""
    return latencies[min(len(latencies) - 1, int(len(latencies) * part))] * 1000
