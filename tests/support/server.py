"""The server under test, `ncco serve` in a separate process, and a stand-in for other servers."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any, Final, Self

import httpx

from tests.support import loopback
from tests.support.fork_server import NCCO, PIPE, STDOUT, Forked
from tests.support.processes import raise_priority
from tests.support.waiting import happens

PUBLIC_URL: Final = "https://calls.example.com"
STARTS_WITHIN_S: Final = 120.0
HOOKS_WITHIN_S: Final = 30.0
PORTS: Final = range(10_000, 32_000)

DEFAULTS: Final[Mapping[str, str]] = {
    "NCCO_PUBLIC_URL": PUBLIC_URL,
    "NCCO_INSECURE": "1",
    "NCCO_RELOAD": "0",
    "NCCO_CONSOLE": "0",
    "NCCO_LOG": "json",
    "NCCO_FAILSAFE": "Please call again later.",
}


class NotStarted(Exception):
    """The server ended or was not ready in time; shows its output."""


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


class Server:
    """`ncco serve` for the project in `home`. It can be ended, and started again on the same port and database.

    Attributes:
        words: options of `ncco serve`.
        settings: its environment, from the next start on.
        address, url: where it listens; with port 0, only once it does.
        process: the last one that was started.
        lines: everything that it printed.
    """

    def __init__(
        self,
        home: Path,
        settings: Mapping[str, str],
        *words: str,
        cwd: Path | None = None,
        defaults: Mapping[str, str] = DEFAULTS,
        program: Sequence[str] = (NCCO, "serve"),
        stdout: int | None = None,
    ) -> None:
        """The process runs in `cwd`, or else in `home`. If `stdout` is given, `lines` are those of stderr only."""
        self.home = home
        self.words = words
        given = {"NCCO_PORT": str(free_port()), "NCCO_DATABASE_URL": f"sqlite:///{home}/calls.db"}
        self.settings = {**defaults, **given, **settings}
        self.address = f"127.0.0.1:{self.settings['NCCO_PORT']}"
        self.lines: list[str] = []
        self._cwd = cwd or home
        self._program = program
        self._stdout = stdout

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self) -> None:
        """Start it and wait until it answers. Raises NotStarted."""
        start = Forked if self._program[0].endswith((NCCO, ".py")) else subprocess.Popen
        self.process: subprocess.Popen[str] | Forked = start(
            [*self._program, *self.words],
            cwd=self._cwd,
            env=plain_environment(self.home, **self.settings),
            stdout=PIPE if self._stdout is None else self._stdout,
            stderr=STDOUT if self._stdout is None else PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if self.settings.get("NCCO_CONSOLE") == "1":
            raise_priority(self.pid, self._reader)
        happens(lambda: self._serves() or self.process.poll() is not None, STARTS_WITHIN_S)
        if not self._serves():
            self.end()
            raise NotStarted(self.printed)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def printed(self) -> str:
        return "".join(self.lines)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """End it as an orchestrator does. Returns the exit code."""
        return self.end(signal.SIGTERM)

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal and wait for the end. Returns the exit code, negative after a kill."""
        self.send(number)
        code = self.process.wait(timeout=120)
        self._reader.join()
        return code

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def wait_for(self, pattern: str) -> str:
        """The first match of this pattern, or of its group, in the output, after waiting for it. Raises NotStarted."""
        found = happens(lambda: re.search(pattern, self.printed), STARTS_WITHIN_S)
        if found is None:
            raise NotStarted(self.printed)
        return found[found.lastindex or 0]

    def wait_for_lines(self, event: str, number: int) -> None:
        """Wait some seconds until its log has this many lines of this event."""
        happens(lambda: sum(line["event"] == event for line in self.log()) >= number, HOOKS_WITHIN_S)

    def is_ready(self) -> bool:
        """Whether `/readyz` says so. The server listens before it has loaded its flows, so requests may wait."""
        return self.readiness() == 200

    def readiness(self) -> int:
        """The status of `/readyz`."""
        return loopback.get(f"{self.url}/readyz").status_code

    def wait_until_ready(self) -> None:
        assert happens(self.is_ready), self.printed

    def _serves(self) -> bool:
        """Whether it answers where it says that it listens, whatever its status."""
        found = re.search(r'listens on (https?://([^\s"]+))', self.printed)
        if found is None:
            return False
        self.address = found[2]
        with suppress(httpx.TransportError):
            return bool(loopback.get(f"{found[1]}/healthz").status_code)
        return False

    def _read(self) -> None:
        stream = self.process.stdout or self.process.stderr
        assert stream is not None
        with stream:
            self.lines.extend(stream)


def _own_ports() -> Iterator[int]:
    """The PORTS that no other process of this test run chooses, each once before any is repeated."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = PORTS[process :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    return cycle(random.SystemRandom().sample(ports, len(ports)))


_ports: Final = _own_ports()


def free_port() -> int:
    """A port of the loopback that nobody listens on and no other test gets.

    It is below the system's ephemeral ports, because any client on this machine could take one of
    those before a server starts or restarts.
    """
    while True:
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port := next(_ports)))
            return port


def write_files(home: Path, files: Mapping[str, str]) -> None:
    """Write the files of a project, by path."""
    for folder in ("flows", "templates"):
        (home / folder).mkdir(exist_ok=True)
    for name, text in files.items():
        (home / name).write_text(text, encoding="utf-8")


def running(home: Path, files: Mapping[str, str], settings: Mapping[str, str], *words: str) -> Server:
    """A server for the files of a project (by path), which are written to `home`."""
    write_files(home, files)
    return Server(home, settings, *words)


def running_server(
    home: Path,
    *words: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = (NCCO, "serve"),
    stdout: int | None = None,
) -> Server:
    """A server with `words` (by default `--dev`) and a plain environment."""
    settings = plain_environment(home, **(env or {}))
    return Server(home, settings, *(words or ("--dev",)), cwd=cwd, defaults={}, program=program, stdout=stdout)


@dataclass
class Received:
    """A request to the stand-in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass
class StandIn:
    """Stands in for the servers of lookups and hooks.

    Attributes:
        answers: by request (`GET /callers?of=447700900123`, or without the query), what it answers: JSON, or a map with
            the key `reply` and any of `status`, `type`, `location`, `padding` (blanks) and `after_s`, or `in_turn` with
            a list of such answers, of which the last one stays. `POST /pins pin=4711` answers a body with that entry.
            Any other GET gets 404, any other POST is taken as a hook and gets 200.
        asked: the requests that had an answer, and every GET. hooks: the other ones.
    """

    url: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    asked: list[Received] = field(default_factory=list)
    hooks: list[Received] = field(default_factory=list)
    _turns: dict[str, int] = field(default_factory=dict)

    def reset(self, answers: Mapping[str, Any]) -> None:
        """Forget the requests, and use these answers from now on."""
        self.answers, self.asked, self.hooks, self._turns = answers, [], [], {}

    def wait_for_hooks(self, number: int) -> list[Received]:
        """The received hooks, after waiting some seconds for this many."""
        happens(lambda: len(self.hooks) >= number, HOOKS_WITHIN_S)
        return self.hooks

    def reply_to(self, request: Received) -> Any:
        """The answer, None if there is none. Keeps the request."""
        path = f"{request.method} {request.path.partition('?')[0]}"
        entries = request.json if request.body.startswith(b"{") else {}
        keys = [
            *(f"{path} {name}={value}" for name, value in entries.items()),
            f"{request.method} {request.path}",
            path,
        ]
        known = next((key for key in keys if key in self.answers), "")
        (self.asked if known or request.method == "GET" else self.hooks).append(request)
        answer = self.answers.get(known)
        if isinstance(answer, dict) and "in_turn" in answer:
            self._turns[known] = self._turns.get(known, -1) + 1
            return answer["in_turn"][min(self._turns[known], len(answer["in_turn"]) - 1)]
        return answer


@contextmanager
def standing_in() -> Iterator[StandIn]:
    """A stand-in on a free port of the loopback."""
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_PUT(self) -> None:
            self.answer()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = stand_in.reply_to(Received(self.command, self.path, dict(self.headers), body))
            if found is None:
                found = {"reply": {}, "status": 404 if self.command == "GET" else 200}
            more = found if isinstance(found, dict) and "reply" in found else {"reply": found}
            time.sleep(more.get("after_s", 0))
            reply = more["reply"]
            content = b" " * more.get("padding", 0)
            content += reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
            self.send_response(more.get("status", 200))
            self.send_header("Content-Type", more.get("type", "application/json"))
            self.send_header("Content-Length", str(len(content)))
            if "location" in more:
                self.send_header("Location", more["location"])
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Log nothing: the requests are kept."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Ignore errors: a client that does not wait for a slow answer is part of a test."""

    with Quiet(("127.0.0.1", 0), Handler) as http:
        stand_in.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield stand_in
        finally:
            http.shutdown()
            thread.join()
