"""deploy/nginx-hosts.conf in a real nginx, in front of two servers that check signatures."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest

from ncco_server.ncco import check
from tests.support import loopback
from tests.support.server import Server, free_port, running_server
from tests.support.waiting import happens
from tests.support.webhooks import facts, signed_post
from tests.system.cli.projects import SHOP, write_project
from tests.system.server.hosts.proxy import NGINX, proxy, tries

pytestmark = pytest.mark.skipif(NGINX is None, reason="the program nginx is not installed; Debian's nginx has it")

MOST_S = 4.0
"""Limit in seconds: nginx waits 1 second for a frozen host, but 4.5 seconds if the host freezes during a webhook."""
SLOW_S = 2.0
WITHIN_S = 30.0
SECRET = "a signature secret of at least 32 characters"
FALLBACK: dict[str, Any] = {
    "reason": "Connection timeout.",
    "original_request": {"url": "/webhooks/answer", "type": "answer"},
}


@dataclass(slots=True)
class Line:
    """A group of hosts behind a proxy.

    Attributes:
        folder: the proxy's folder.
        address: the proxy's address.
        homes: the hosts' folders.
        servers: the hosts' processes.
    """

    folder: Path
    address: str
    homes: list[Path]
    servers: list[Server]

    def post(self, path: str, *, is_signed: bool = True, **fields: object) -> httpx.Response:
        """Send a webhook of a new call and return the response."""
        body = json.dumps(facts(uuid4().hex, **fields)).encode()
        signature = {"authorization": signed_post(body, SECRET)} if is_signed else {}
        return loopback.post(f"http://{self.address}{path}", content=body, headers=signature)

    def errors(self) -> list[str]:
        """The lines that nginx has written, except those of `tries`."""
        return [line for name in ("error.log", "access.log") for line in (self.folder / name).read_text().splitlines()]

    def status(self) -> int:
        """The status of an answer webhook. Like Vonage, it sends the webhook once more if the connection breaks."""
        try:
            return self.post("/webhooks/answer").status_code
        except httpx.RemoteProtocolError:  # the host was killed between the head and the body of its reply
            return self.post("/webhooks/answer").status_code

    @contextmanager
    def frozen(self) -> Iterator[list[float]]:
        """Freeze the first host. Afterwards, the yielded list has the seconds that nginx waited for it each time."""
        host, waits = self.servers[0], list[float]()
        before = len(tries(self.folder, host.address))
        host.send(signal.SIGSTOP)
        try:
            yield waits
        finally:
            host.send(signal.SIGCONT)
            waits += tries(self.folder, host.address)[before:]

    def answers(self, times: int, **words: bool) -> Counter[int]:
        """Send answer webhooks and count their statuses."""
        return Counter(self.post("/webhooks/answer", **words).status_code for _ in range(times))


def is_unstored(answer: httpx.Response) -> bool:
    """Whether a host replied without its database."""
    failure: str = answer.headers.get("ncco-failure", "")
    return failure == "no-store"


def until_unready(server: Server) -> None:
    """Wait until a host says that it is not ready."""
    happens(lambda: server.readiness() == 503, WITHIN_S)


def until_answered(line: Line) -> httpx.Response:
    """The first reply to an answer webhook that is not 503."""
    until = time.monotonic() + WITHIN_S
    while (answer := line.post("/webhooks/answer")).status_code == 503 and time.monotonic() < until:
        time.sleep(0.05)
    return answer


@contextmanager
def host(home: Path, port: int) -> Iterator[Server]:
    """Run a server in `home` and wait until it is ready."""
    home.mkdir(exist_ok=True)
    write_project(home, shop=SHOP)
    env = {"VONAGE_SIGNATURE_SECRET": SECRET, "NCCO_PUBLIC_URL": "https://calls.example.com"}
    with running_server(home, "--port", str(port), cwd=home, env=env) as server:
        server.wait_until_ready()
        yield server


class SlowHost(ThreadingHTTPServer):
    """A host that is alive, but whose lookups take long."""

    request_queue_size = 128

    def __init__(self, answers: type[SlowAnswers]) -> None:
        super().__init__(("127.0.0.1", 0), answers)
        self.webhooks: list[str] = []
        self.address = f"127.0.0.1:{self.server_port}"


class SlowAnswers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._say(b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        cast(SlowHost, self.server).webhooks.append(self.path)
        time.sleep(SLOW_S)
        self._say(b"[]")

    def _say(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the tests look at the responses."""


class DyingAnswers(SlowAnswers):
    """A host that dies after the head of each reply to the check."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.close_connection = True

    def do_GET(self) -> None:
        self.do_HEAD()


@contextmanager
def slow_host(answers: type[SlowAnswers] = SlowAnswers) -> Iterator[SlowHost]:
    with SlowHost(answers) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    homes = [tmp_path / "one", tmp_path / "two"]
    with host(homes[0], free_port()) as one, host(homes[1], free_port()) as two:
        servers = [one, two]
        with proxy(tmp_path, free_port(), [server.address for server in servers]) as address:
            yield Line(tmp_path, address, homes, servers)


def test_strangers_remove_no_host_from_the_group_and_see_no_metrics(line: Line) -> None:
    strangers = line.answers(10, is_signed=False)
    statuses = [
        loopback.get(f"http://{line.address}{path}").status_code for path in ("/healthz", "/readyz", "/metrics")
    ]
    long_line = loopback.post(f"http://{line.address}/webhooks/answer?{'a' * 20_000}")
    many_lines = loopback.get(f"http://{line.address}/healthz", headers={f"x-{n}": "a" * 1_000 for n in range(100)})
    calls = line.answers(10)

    assert ({503: 10}, {200: 10}) == (strangers, calls)
    assert [200, 404, 404] == statuses
    assert (414, 400) == (long_line.status_code, many_lines.status_code)


def test_without_a_store_all_hosts_stay_in_use_and_answer(line: Line) -> None:
    for home in line.homes:
        (home / "ncco.db").rename(home / "away.db")
    first = line.post("/webhooks/answer")
    fallbacks = [line.post("/webhooks/fallback", **FALLBACK) for _ in range(6)]
    for server in line.servers:
        until_unready(server)
    answers = [until_answered(line) for _ in range(6)]

    assert [] == [reply.status_code for reply in (*fallbacks, *answers) if reply.status_code != 200]
    assert [] == [issue for reply in (*fallbacks, *answers) for issue in check(reply.json())]
    assert {True} == {is_unstored(reply) for reply in (first, *fallbacks, *answers)}


def test_a_killed_host_that_starts_slowly_affects_no_caller(line: Line) -> None:
    host, _, port = line.servers[0].address.rpartition(":")
    with ThreadPoolExecutor(4) as callers:
        before = callers.map(lambda _: line.status(), range(20))
        line.servers[0].end()
        with_one = callers.map(lambda _: line.status(), range(20))
        statuses = {*before, *with_one}
        asked = len(tries(line.folder, line.servers[0].address))
        with socket.create_server((host, int(port))):  # it listens again, but answers nothing yet
            statuses |= {*callers.map(lambda _: line.status(), range(40))}
            asked_meanwhile = tries(line.folder, line.servers[0].address)[asked:]

    assert ({200}, []) == (statuses, asked_meanwhile)


def test_a_frozen_host_costs_one_caller_a_second_and_is_then_skipped(line: Line) -> None:
    with line.frozen() as waits:
        statuses = [line.status() for _ in range(30)]

    assert [200] * 30 == statuses
    assert [True] == [seconds < MOST_S for seconds in waits]


def test_a_host_that_freezes_during_calls_delays_few_of_them(line: Line) -> None:
    with ThreadPoolExecutor(4) as callers:
        before = {*callers.map(lambda _: line.status(), range(8))}
        with line.frozen() as waits:
            after = {*callers.map(lambda _: line.status(), range(60))}

    assert ({200}, True) == (before, {200, 504} >= after)
    assert len([seconds for seconds in waits if seconds > MOST_S]) <= 6


def test_a_slow_host_is_asked_once_and_stays_in_use(tmp_path: Path) -> None:
    with (
        slow_host() as one,
        slow_host() as two,
        proxy(tmp_path, free_port(), [one.address, two.address]) as address,
        ThreadPoolExecutor(8) as callers,
    ):
        line = Line(tmp_path, address, [], [])
        statuses = [*callers.map(lambda _: line.status(), range(8))]

    assert [200] * 8 == statuses
    assert 8 == len(one.webhooks) + len(two.webhooks)


def test_a_host_that_dies_during_its_check_loses_no_webhook(tmp_path: Path) -> None:
    with (
        slow_host(DyingAnswers) as one,
        slow_host() as two,
        proxy(tmp_path, free_port(), [one.address, two.address]) as address,
        ThreadPoolExecutor(12) as callers,
    ):
        line = Line(tmp_path, address, [], [])
        answers = [*callers.map(lambda _: line.post("/webhooks/answer"), range(12))]

    assert [200] * 12 == [answer.status_code for answer in answers]


def test_a_503_of_one_host_is_retried_once_and_a_host_without_database_gets_no_calls(line: Line) -> None:
    (line.homes[0] / "ncco.db").rename(line.homes[0] / "away.db")
    retried = [line.post("/webhooks/answer") for _ in range(24)]
    until_unready(line.servers[0])
    answers = list[httpx.Response]()

    def has_no_calls() -> bool:
        answers.extend(line.post("/webhooks/answer") for _ in range(24))
        return not any(map(is_unstored, answers[-24:]))

    assert happens(has_no_calls)  # once the last positive check is a second old
    assert {200, 503} >= {answer.status_code for answer in (*retried, *answers)}
    assert 12 <= len([answer for answer in retried if not is_unstored(answer)])


def test_while_every_host_is_frozen_vonage_is_asked_to_retry_and_the_proxy_is_not_healthy(line: Line) -> None:
    for server in line.servers:
        server.send(signal.SIGSTOP)
    statuses = line.answers(1)
    health = loopback.get(f"http://{line.address}/healthz").status_code
    for server in line.servers:
        server.send(signal.SIGCONT)

    assert ({504: 1}, 503) == (statuses, health)


def test_hosts_that_restart_one_after_another_lose_nothing_and_fill_no_log(line: Line) -> None:
    port = int(line.servers[0].address.rpartition(":")[2])
    line.servers[0].stop()
    with_one = line.answers(20)
    with host(line.homes[0], port):
        line.servers[1].stop()
        with_the_other = line.answers(20)

    assert ({200: 20}, {200: 20}, []) == (with_one, with_the_other, line.errors())


def test_a_webhook_that_no_host_answers_is_logged_without_the_callers_number(line: Line) -> None:
    for server in line.servers:
        server.stop()
    status = loopback.get(f"http://{line.address}/webhooks/answer?from=447700900123&to=442079460000").status_code

    logged = happens(line.errors, WITHIN_S)  # nginx writes it after the reply

    assert [503, 503] == [status, loopback.get(f"http://{line.address}/healthz").status_code]
    assert ["GET /webhooks/answer from"] == [entry.split(" ", 2)[2][:25] for entry in logged]
    assert "447700900123" not in "".join(logged)
