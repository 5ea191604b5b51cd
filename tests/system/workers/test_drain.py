"""Between SIGTERM and the closing of the port, callers still get answers, and `/readyz` returns 503."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.contract.http.serving import Running, running
from tests.support import loopback
from tests.support.postgres_stores import empty_database
from tests.support.processes import children, left_of
from tests.support.server import free_port
from tests.system.cli.projects import SHOP, write_project
from tests.system.cli.running import happens, running_server
from tests.system.faults.served import served

CALL = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}
HELLO = b'[{"action":"talk","text":"Hello."}]'
NEVER = "300"
WORKERS = ("--dev", "--workers", "2")
KEY = "a-key-of-at-least-32-characters-for-tests"
AT_ONCE_S = 20.0
"""Maximum seconds for a shutdown on a busy machine; far less than NEVER."""


def until_unready(server: Running) -> httpx.Response:
    """The first `/readyz` response that is not a 200. A request to a stopped worker is repeated."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with suppress(httpx.ReadTimeout):
            response = loopback.get(f"{server.url}/readyz", timeout=2)
            if response.status_code != 200:
                return response
        time.sleep(0.02)
    raise AssertionError("still ready")


@pytest.fixture
def shared() -> dict[str, str]:
    """A database that workers can share."""
    return {"NCCO_DATABASE_URL": empty_database(), "NCCO_KEY": KEY}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_draining_server_answers_and_is_not_ready_until_a_second_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path, "--dev", NCCO_DRAIN_S=NEVER) as server, httpx.Client(base_url=server.url) as client:
        kept = client.post("/webhooks/answer", json=CALL)
        server.process.terminate()
        ready = until_unready(server)
        closed = client.post("/webhooks/answer", json=CALL | {"uuid": "leg-2"})
        up = client.get("/healthz")
        begun = time.monotonic()
        server.process.send_signal(number)
        code = server.process.wait(60)
        took = time.monotonic() - begun

    assert (503, False) == (ready.status_code, ready.json()["ready"])
    assert (200, HELLO, None) == (kept.status_code, kept.content, kept.headers.get("connection"))
    assert (200, HELLO, "close") == (closed.status_code, closed.content, closed.headers["connection"])
    assert 200 == up.status_code
    assert 0 == code
    assert took < AT_ONCE_S


def test_the_port_closes_after_the_drain_time(tmp_path: Path) -> None:
    with running(tmp_path, "--dev", NCCO_DRAIN_S="2") as server:
        begun = time.monotonic()
        server.process.terminate()
        code = server.process.wait(60)
        took = time.monotonic() - begun
        with pytest.raises(httpx.ConnectError):
            loopback.get(f"{server.url}/healthz")

    assert 0 == code
    assert took >= 2


def test_workers_count_together_and_drain_until_a_further_signal(tmp_path: Path, shared: dict[str, str]) -> None:
    port = free_port()
    with running(tmp_path, *WORKERS, NCCO_METRICS_PORT=str(port), NCCO_DRAIN_S=NEVER, **shared) as server:
        for number in range(20):
            loopback.post(f"{server.url}/webhooks/answer", json=CALL | {"uuid": f"leg-{number}"})
        text = loopback.get(f"http://127.0.0.1:{port}/metrics").text
        for process in (*children(server.process.pid), server.process.pid):
            os.kill(process, signal.SIGTERM)
        until_unready(server)
        time.sleep(1)  # by now the supervisor has signalled the workers too
        answer = loopback.post(f"{server.url}/webhooks/answer", json=CALL)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        code = server.process.wait(60)
        took = time.monotonic() - begun

    assert 'ncco_webhooks_total{kind="answer",outcome="answer"} 20.0' in text
    assert "ncco_flows_loaded 1.0" in text
    assert (200, HELLO, 0) == (answer.status_code, answer.content, code)
    assert took < AT_ONCE_S


def test_a_worker_that_dies_while_it_is_asked_does_not_hold_up_the_end(tmp_path: Path, shared: dict[str, str]) -> None:
    with running(tmp_path, *WORKERS, **shared) as server:
        *_, worker = children(server.process.pid)
        os.kill(worker, signal.SIGSTOP)
        time.sleep(2)  # the supervisor asks each worker twice a second, and now waits for this one
        os.kill(worker, signal.SIGKILL)
        begun = time.monotonic()
        server.process.terminate()
        code = server.process.wait(60)

    assert 0 == code
    assert time.monotonic() - begun < AT_ONCE_S


def test_a_worker_that_hangs_keeps_no_other_from_draining_and_is_killed_at_the_end(
    tmp_path: Path, shared: dict[str, str]
) -> None:
    with running(tmp_path, *WORKERS, NCCO_DRAIN_S=NEVER, **shared) as server:
        *_, worker = children(server.process.pid)
        os.kill(worker, signal.SIGSTOP)
        time.sleep(2)  # the supervisor now waits for a sign of life
        server.process.terminate()
        ready = until_unready(server)
        server.process.send_signal(signal.SIGINT)
        code = server.process.wait(60)

    assert (503, 0) == (ready.status_code, code)


def test_a_worker_that_cannot_start_ends_the_server_with_an_error(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as server:
        loopback.get(f"http://127.0.0.1:{server.port}/healthz", timeout=60)  # a worker responds
        assert happens(lambda: len(children(server.pid)) >= 2)
        *_, worker = children(server.pid)
        (tmp_path / "other").write_bytes(b"no database" * 1000)
        (tmp_path / "other").replace(server.database)
        os.kill(worker, signal.SIGKILL)
        code = server.process.wait(60)

    assert 3 == code


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path, shared: dict[str, str]) -> None:
    with running(tmp_path, *WORKERS, NCCO_DRAIN_S=NEVER, **shared) as server:
        below = children(server.process.pid)
        server.process.kill()
        left = left_of(below, AT_ONCE_S)

    assert [] == left
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_signal_while_workers_start_ends_them(tmp_path: Path, shared: dict[str, str]) -> None:
    write_project(tmp_path, shop=SHOP)
    with running_server(tmp_path, *WORKERS, cwd=tmp_path, env=shared) as server:
        time.sleep(0.3)  # the server listens and has begun to start workers
        below = children(server.process.pid)
        code = server.stop()

    assert 0 == code
    assert "Traceback" not in server.printed
    assert [] == left_of(below)
