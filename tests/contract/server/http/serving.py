"""`ncco serve` in a separate process with one flow, and a raw socket to talk to it."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support import loopback
from tests.support.fork_server import NCCO, Forked
from tests.support.server import STARTS_WITHIN_S, free_port

FLOW = 'flow: hello\ndefault: true\nstart: hi\nsteps:\n  hi:\n    do:\n      - talk: "Hello."\n    goto: end\n'

HEAD = re.compile(rb"HTTP/1.1 .*?\r\ncontent-length: (\d+)\r\n(?:.*?\r\n)?\r\n", re.DOTALL)
PATIENCE_S = STARTS_WITHIN_S


@dataclass
class Running:
    """A running server.

    Attributes:
        log: the file that it prints to.
    """

    process: Forked
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def raw(self, *chunks: bytes, answers: int = 1, every_s: float = 0.0) -> bytes:
        """See `received`, for these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as connection:
            with suppress(ConnectionError):  # it may reply and close before it has read everything
                for chunk in chunks:
                    connection.sendall(chunk)
                    time.sleep(every_s)
            return received(connection, answers)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def received(connection: socket.socket, answers: int = 1) -> bytes:
    """The bytes until this many replies are complete or the server closes. Raises TimeoutError if neither happens."""
    found = b""
    connection.settimeout(PATIENCE_S)
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
def running(folder: Path, *words: str, **variables: str) -> Iterator[Running]:
    """Run a server on a free port with one flow. Yields it once it is ready."""
    (folder / "flows").mkdir(exist_ok=True)
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "flows" / "hello.yaml").write_text(FLOW)
    port, log = free_port(), folder / "log"
    given = {"PATH": os.environ["PATH"], "HOME": str(folder), "NCCO_PORT": str(port), "NCCO_LOG": "json"}
    given["NCCO_CONSOLE"] = "0"
    with log.open("w") as out:
        process = Forked([NCCO, "serve", *words], cwd=folder, env=given | variables, stdout=out, stderr=out)
    try:
        server = Running(process, port, log)
        until = time.monotonic() + STARTS_WITHIN_S
        while not is_ready(server):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield server
    finally:
        process.kill()
        process.wait()


def is_ready(server: Running) -> bool:
    """Whether `/readyz` says that it is ready."""
    try:
        return loopback.get(f"{server.url}/readyz", timeout=STARTS_WITHIN_S).status_code == 200
    except httpx.TransportError:
        return False
