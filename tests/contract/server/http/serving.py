"""`ncco serve` with one flow, and a raw socket to talk to it."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.server import STARTS_WITHIN_S, Server, running

FLOW = 'flow: hello\ndefault: true\nstart: hi\nsteps:\n  hi:\n    do:\n      - talk: "Hello."\n    goto: end\n'

HEAD = re.compile(rb"HTTP/1.1 .*?\r\ncontent-length: (\d+)\r\n(?:.*?\r\n)?\r\n", re.DOTALL)


def raw(server: Server, *chunks: bytes, answers: int = 1, every_s: float = 0.0) -> bytes:
    """See `received`, for these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), STARTS_WITHIN_S) as connection:
        with suppress(ConnectionError):  # it may reply and close before it has read everything
            for chunk in chunks:
                connection.sendall(chunk)
                time.sleep(every_s)
        return received(connection, answers)


def received(connection: socket.socket, answers: int = 1) -> bytes:
    """The bytes until this many replies are complete or the server closes. Raises TimeoutError if neither happens."""
    found = b""
    connection.settimeout(STARTS_WITHIN_S)
    with suppress(ConnectionError):
        while whole(found) < answers and (chunk := connection.recv(65536)):
            found += chunk
    return found


def whole(answers: bytes) -> int:
    """The number of complete replies that state their length."""
    count = 0
    while (head := HEAD.match(answers)) and len(answers) >= (end := head.end() + int(head[1])):
        answers, count = answers[end:], count + 1
    return count


@contextmanager
def serving(folder: Path, *words: str, **variables: str) -> Iterator[Server]:
    """Run a server with one flow. Yields it once it is ready."""
    with running(folder, {"flows/hello.yaml": FLOW}, variables, *words) as server:
        server.wait_until_ready()
        yield server
