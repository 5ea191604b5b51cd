"""SIGTERM with a time before the port closes: callers are answered, and whoever asks for readiness hears 503."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import structlog

from app.web.leaving import Leaving, leaving_on_sigterm
from tests.web.running_server import Running, running

CALL = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}
HELLO = b'[{"action":"talk","text":"Hello."}]'
NEVER = "300"
ALONE, TWO = ("dev",), ("dev", "two")
AT_ONCE_S = 12.0
"""What an end takes on a busy machine; far less than NEVER."""


def until_unready(server: Running) -> httpx.Response:
    """What /readyz says once it no longer says 200."""
    until = time.monotonic() + 10
    while (response := httpx.get(f"{server.url}/readyz", timeout=10)).status_code == 200:
        assert time.monotonic() < until, "still ready"
        time.sleep(0.02)
    return response


def until_refused(port: int) -> None:
    """Wait until nobody listens."""
    with suppress(ConnectionRefusedError):
        while True:
            with suppress(ConnectionResetError), socket.create_connection(("127.0.0.1", port), timeout=10):
                time.sleep(0.05)


def children(process: int) -> Iterator[int]:
    """Processes that a process has started."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text("ascii")
    yield from map(int, listed.split())


@pytest.mark.parametrize("words", [ALONE, TWO])
def test_while_it_is_going_callers_are_answered_and_nobody_is_sent_here(tmp_path: Path, words: tuple[str, ...]) -> None:
    with running(tmp_path, *words, NCCO_DRAIN_S=NEVER) as server:
        server.process.terminate()
        ready = until_unready(server)
        answers = [httpx.post(f"{server.url}/webhooks/answer", json=CALL | {"uuid": f"leg-{n}"}) for n in range(10)]
        up = httpx.get(f"{server.url}/healthz")

    assert (503, False) == (ready.status_code, ready.json()["ready"])
    assert ["the server is going: it was told to end, and still answers"] == ready.json()["reasons"]
    assert [(200, HELLO)] * 10 == [(answer.status_code, answer.content) for answer in answers]
    assert 200 == up.status_code


@pytest.mark.parametrize("words", [ALONE, TWO])
def test_then_the_port_closes_and_it_ends_well(tmp_path: Path, words: tuple[str, ...]) -> None:
    with running(tmp_path, *words, NCCO_DRAIN_S="2") as server:
        begun = time.monotonic()
        server.process.terminate()
        code = server.process.wait(60)
        took = time.monotonic() - begun
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/healthz")

    assert 0 == code
    assert took >= 2


def test_connections_that_are_kept_open_come_anew(tmp_path: Path) -> None:
    with running(tmp_path, "dev", NCCO_DRAIN_S=NEVER) as server, httpx.Client(base_url=server.url) as client:
        kept = client.post("/webhooks/answer", json=CALL)
        server.process.terminate()
        until_unready(server)
        closed = client.post("/webhooks/answer", json=CALL | {"uuid": "leg-2"})

    assert (200, HELLO, None) == (kept.status_code, kept.content, kept.headers.get("connection"))
    assert (200, HELLO, "close") == (closed.status_code, closed.content, closed.headers["connection"])


@pytest.mark.parametrize("words", [ALONE, TWO])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, words: tuple[str, ...], number: signal.Signals) -> None:
    with running(tmp_path, *words, NCCO_DRAIN_S=NEVER) as server:
        server.process.terminate()
        until_unready(server)
        begun = time.monotonic()
        server.process.send_signal(number)
        code = server.process.wait(60)

    assert 0 == code
    assert time.monotonic() - begun < AT_ONCE_S


@pytest.mark.parametrize("words", [TWO, ("dev", "reload")])
def test_whoever_sits_at_the_keyboard_waits_for_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    with running(tmp_path, *words, NCCO_DRAIN_S=NEVER) as server:
        begun = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        code = server.process.wait(60)

    assert 0 == code
    assert time.monotonic() - begun < AT_ONCE_S


def test_workers_that_are_told_twice_by_whoever_ends_the_whole_group_stay(tmp_path: Path) -> None:
    with running(tmp_path, *TWO, NCCO_DRAIN_S=NEVER) as server:
        for process in (*children(server.process.pid), server.process.pid):
            os.kill(process, signal.SIGTERM)
        until_unready(server)
        time.sleep(1)  # the supervisor has told them too by now
        answer = httpx.post(f"{server.url}/webhooks/answer", json=CALL)
        code = server.stop()

    assert (200, HELLO, 0) == (answer.status_code, answer.content, code)


def test_workers_whose_supervisor_is_killed_leave_the_port_to_the_next(tmp_path: Path) -> None:
    with running(tmp_path, *TWO, NCCO_DRAIN_S=NEVER) as server:
        begun = time.monotonic()
        server.process.kill()
        until_refused(server.port)

    assert time.monotonic() - begun < AT_ONCE_S


async def test_without_such_a_time_sigterm_stays_what_it_was() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with leaving_on_sigterm(Leaving(), 0, structlog.get_logger()):
        assert before is signal.getsignal(signal.SIGTERM)


def test_in_a_thread_of_somebody_elses_program_nothing_is_listened_to() -> None:
    before, leaving = signal.getsignal(signal.SIGTERM), Leaving()

    async def served() -> None:
        async with leaving_on_sigterm(leaving, 1, structlog.get_logger()):
            assert before is signal.getsignal(signal.SIGTERM)

    thread = threading.Thread(target=asyncio.run, args=(served(),))
    thread.start()
    thread.join()

    assert not leaving.has_begun


async def test_the_handler_of_before_is_there_again_behind_it() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with leaving_on_sigterm(Leaving(), 1, structlog.get_logger()):
        assert before is not signal.getsignal(signal.SIGTERM)

    assert before is signal.getsignal(signal.SIGTERM)
