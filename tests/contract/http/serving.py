"""`ncco serve` in a process of its own with one flow, and a raw socket to talk to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.contract import loopback
from tests.contract.server import NCCO, STARTS_WITHIN_S, free_port

FLOW = 'flow: hello\ndefault: true\nstart: hi\nsteps:\n  hi:\n    do:\n      - talk: "Hello."\n    goto: end\n'


@dataclass
class Running:
    """A server that serves.

    Attributes:
        log: the file that it prints to.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def raw(self, *chunks: bytes, timeout_s: float = 5.0) -> bytes:
        """Everything that comes back for these bytes until the server falls silent or closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as connection:
            for chunk in chunks:
                connection.sendall(chunk)
            return received(connection)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def received(connection: socket.socket, silence_s: float = 0.3) -> bytes:
    """What comes until nothing comes for a while."""
    answer = b""
    connection.settimeout(5)
    try:
        while chunk := connection.recv(65536):
            answer += chunk
            connection.settimeout(silence_s)
    except (TimeoutError, ConnectionError):
        pass
    return answer


@contextmanager
def running(folder: Path, *words: str, **variables: str) -> Iterator[Running]:
    """A server on a free port with one flow; ready when this yields, ended when it returns."""
    (folder / "flows").mkdir(exist_ok=True)
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "flows" / "hello.yaml").write_text(FLOW)
    port, log = free_port(), folder / "log"
    given = {"PATH": os.environ["PATH"], "HOME": str(folder), "NCCO_PORT": str(port), "NCCO_LOG": "json"}
    given["NCCO_CONSOLE"] = "0"
    with log.open("w") as out:
        process = subprocess.Popen([NCCO, "serve", *words], cwd=folder, env=given | variables, stdout=out, stderr=out)
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
    """Whether `/readyz` says so."""
    try:
        return loopback.get(f"{server.url}/readyz", timeout=20).status_code == 200
    except httpx.TransportError:
        return False
