"""Servers that benchmarks measure: each is a separate process, and logs to a file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.load.requests import CREDENTIALS, answer_request

ROOT: Final = Path(__file__).resolve().parent.parent.parent
START_S: Final = 30.0
REFERENCE: Final = """
from fastapi import FastAPI, Request, Response

BODY = b'[' + b'x' * 432 + b']'
app = FastAPI()

@app.post("/webhooks/answer")
async def answer(request: Request) -> Response:
    return Response(BODY, media_type="application/json")
"""


class Server(NamedTuple):
    """A running server. `pid` is the process that was started; it may have child processes."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """The base URL of the server."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def reference(folder: Path) -> Iterator[Server]:
    """A FastAPI route that takes a `Request` and returns 434 constant bytes, under the same uvicorn."""
    (folder / "bench_reference.py").write_text(REFERENCE)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench_reference:app", "--port", str(port), "--loop", "uvloop"]
    command += ["--http", "httptools", "--no-access-log", "--no-server-header", "--no-proxy-headers"]
    command += ["--log-level", "warning", "--app-dir", str(folder)]
    with running(command, port, folder / "reference.log", {}) as server:
        yield server


@contextmanager
def ours(folder: Path, name: str, database: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run `ncco serve` with the flow of benchmarks/flows, with signatures checked and webhooks logged to a file."""
    port = free_port()
    given = {
        **CREDENTIALS,
        "NCCO_HOST": "127.0.0.1",
        "NCCO_PORT": str(port),
        "NCCO_PUBLIC_URL": "https://calls.example.com",
        "NCCO_RELOAD": "0",
        "NCCO_FLOWS": str(ROOT / "benchmarks" / "flows"),
        "NCCO_TEMPLATES": str(ROOT / "templates"),
        "NCCO_DATABASE_URL": database,
        **(env or {}),
    }
    command = [sys.executable, "-c", "from ncco_server.desk.commands import main; main()", "serve"]
    with running(command, port, folder / f"{name}.log", given) as server:
        yield server


@contextmanager
def running(command: Sequence[str], port: int, log: Path, env: Mapping[str, str]) -> Iterator[Server]:
    """Run a command until it serves `port`. Raises RuntimeError with the end of its log if it does not."""
    with started(command, log, env) as process:
        _wait_until_up(process, port, log)
        yield Server(port, process.pid)


@contextmanager
def started(command: Sequence[str], log: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the context ends."""
    given = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=given, cwd=log.parent, stdout=out, stderr=out, start_new_session=True)  # noqa: S603 - our own
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def free_port() -> int:
    """A free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            reply = ask(port, answer_request())
        except OSError:
            time.sleep(0.1)
            continue
        if reply.startswith(b"HTTP/1.1 200") and (b"[xx" in reply or b'"input"' in reply):
            return
        raise RuntimeError(f"it answers {reply[:500]!r}\n{log.read_text()[-2000:]}")
    raise RuntimeError(f"it does not come up:\n{log.read_text()[-2000:]}")


def ask(port: int, request: bytes) -> bytes:
    """The raw reply to one request."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        chunks = list(iter(lambda: connection.recv(65536), b""))
    return b"".join(chunks)


def cpu_us(pid: int) -> float:
    """User and system processor time of a process and its children so far, in microseconds. Needs Linux."""
    ticks = sum(_ticks(Path(f"/proc/{each}/stat")) for each in (pid, *_children(pid)))
    return ticks / os.sysconf("SC_CLK_TCK") * 1e6


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for task in tasks for child in task.read_text().split()]
    return found + [inner for child in found for inner in _children(child)]


def _ticks(stat: Path) -> int:
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
