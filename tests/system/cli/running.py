"""A server started with `ncco serve`, in its own process and on a free port."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support import loopback
from tests.support.fork_server import NCCO, Forked
from tests.support.waiting import happens

STARTS_WITHIN_S = 60.0


@dataclass(slots=True)
class RunningServer:
    """A server's process, and everything that it has printed so far."""

    process: subprocess.Popen[bytes] | Forked
    address: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def printed(self) -> str:
        return "".join(self.lines)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the process to end. Returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


def plain_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment without this machine's settings and without the console; the database is in `home`."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "LANG", "COVERAGE_"))}
    settings = {
        "NCCO_DATABASE_URL": f"sqlite:///{home}/ncco.db",
        "NCCO_PORT": "0",
        "HOME": str(home),
        "NCCO_CONSOLE": "0",
    }
    return {**kept, **settings, **more}


@contextmanager
def running_server(
    home: Path,
    *words: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdout: int | None = None,
    before: Sequence[str] = (),
    ncco: str = NCCO,
    command: str = "serve",
) -> Iterator[RunningServer]:
    """Run `ncco serve` with `words` (by default `--dev`); kill the process at the end if it still runs.

    Yields once the server listens. Both output streams are collected; if `stdout` is given, only standard error is.
    `before` is the start of the command line, such as `env` or `setpriv` with arguments. `ncco` is the program of
    another version, and `command` another subcommand that listens.
    """
    reading, writing = os.pipe()
    start = subprocess.Popen if before or ncco != NCCO else Forked
    process: subprocess.Popen[bytes] | Forked = start(
        [*before, ncco, command, *(words or ("--dev",))],
        cwd=cwd,
        env=plain_environment(home, **(env or {})),
        stdout=writing if stdout is None else stdout,
        stderr=writing,
    )
    os.close(writing)
    server = RunningServer(process)
    arrived: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(reading, server, arrived), daemon=True)
    reader.start()
    try:
        server.address = _address(server, arrived)
        yield server
    finally:
        process.kill()
        process.wait()
        reader.join()


def _read(reading: int, server: RunningServer, arrived: queue.Queue[str]) -> None:
    with os.fdopen(reading, encoding="utf-8") as stream:
        for line in stream:
            server.lines.append(line)
            arrived.put(line)
    arrived.put("")


def _address(server: RunningServer, arrived: queue.Queue[str]) -> str:
    """Return `host:port` from the line that names it. Raises AssertionError if the server ends early or is too slow."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    with suppress(queue.Empty):
        while line := arrived.get(timeout=max(deadline - time.monotonic(), 0.1)):
            if found := re.search(r'listens on https?://([^\s"]+)', line):
                return found[1]
    raise AssertionError(f"the server did not start:\n{server.printed}")


def wait_until_ready(address: str) -> None:
    """Wait until a server is ready: it listens before it has loaded its flows, so requests may wait."""

    def is_ready() -> bool:
        with suppress(httpx.TransportError):
            return loopback.get(f"http://{address}/readyz", timeout=STARTS_WITHIN_S).status_code == 200
        return False

    assert happens(is_ready), f"{address} is not ready"
