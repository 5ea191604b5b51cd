"""The server under test, `ncco serve` in a separate process, and a stand-in for other servers."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support import loopback
from tests.support.fork_server import NCCO, PIPE, STDOUT, Forked
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


class Server:
    """`ncco serve` for the project in `home`. It can be ended, and started again on the same port and database.

    Attributes:
        words: options of `ncco serve`.
        port, url: where it listens.
        process: the last one that was started.
        lines: everything that it printed.
    """

    def __init__(self, home: Path, settings: Mapping[str, str], *words: str) -> None:
        self.home = home
        self.words = words
        self.port = free_port()
        database = {"NCCO_DATABASE_URL": f"sqlite:///{home}/calls.db"}
        self.settings = {**DEFAULTS, "NCCO_PORT": str(self.port), **database, **settings}
        self.url = f"http://127.0.0.1:{self.port}"
        self.lines: list[str] = []

    def start(self) -> None:
        """Start it and wait until it is ready. Raises NotStarted."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), **self.settings}
        self.process = Forked(
            [NCCO, "serve", *self.words], cwd=self.home, env=environment, stdout=PIPE, stderr=STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        happens(lambda: self._serves() or self.process.poll() is not None, STARTS_WITHIN_S)
        if not self._serves():
            self.end()
            raise NotStarted("".join(self.lines))

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

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
        found = happens(lambda: re.search(pattern, "".join(self.lines)), STARTS_WITHIN_S)
        if found is None:
            raise NotStarted("".join(self.lines))
        return found[found.lastindex or 0]

    def wait_for_lines(self, event: str, number: int) -> None:
        """Wait some seconds until its log has this many lines of this event."""
        happens(lambda: sum(line["event"] == event for line in self.log()) >= number, HOOKS_WITHIN_S)

    def _serves(self) -> bool:
        try:
            return loopback.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as printed:
            self.lines.extend(printed)


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


@contextmanager
def running(home: Path, files: Mapping[str, str], settings: Mapping[str, str], *words: str) -> Iterator[Server]:
    """A server for the files of a project (by path), which are written to `home`. It is killed at the end."""
    write_files(home, files)
    server = Server(home, settings, *words)
    server.start()
    try:
        yield server
    finally:
        server.end()


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
