"""What the server reports to systemd, which deploy/ncco.service waits for."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ncco_server.web.lifespan import ALIVE_EVERY_S
from tests.contract.server.http.serving import FLOW, serving
from tests.support.fork_server import NCCO, PIPE
from tests.support.server import free_port, plain_environment
from tests.support.tracked import ROOT
from tests.support.webhooks import facts

AS_SYSTEMD = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Passes a socket and runs a program. Source: sd_listen_fds(3)."""
UNIT = (ROOT / "deploy" / "ncco.service").read_text(encoding="utf-8")


@pytest.mark.parametrize("address", ["{folder}/user@1000", "@{folder}/without-a-file"])
def test_it_reports_once_that_it_is_ready_and_then_that_it_is_alive(tmp_path: Path, address: str) -> None:
    address = address.format(folder=tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        systemd.settimeout(60)
        with serving(tmp_path, "--dev", NOTIFY_SOCKET=address) as server:
            first = systemd.recv(100)
            was_ready = server.is_ready()
            later = [systemd.recv(100) for _ in range(2)]
            code = server.stop()

    assert (b"READY=1", True, [b"WATCHDOG=1"] * 2, 0) == (first, was_ready, later, code)


def test_a_systemd_that_does_not_listen_does_no_harm(tmp_path: Path) -> None:
    with serving(tmp_path, "--dev", NOTIFY_SOCKET=f"{tmp_path}/nobody") as server:
        code = server.stop()

    assert 0 == code


@contextmanager
def activated(home: Path, held: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """A server that gets its listening socket as systemd passes it. Yields once it serves."""
    port = held.getsockname()[1]
    words = [sys.executable, "-c", AS_SYSTEMD, str(held.fileno()), NCCO, "serve", "--dev"]
    env = plain_environment(home, NCCO_PORT=str(free_port()), NCCO_RELOAD="0")
    process = subprocess.Popen(words, cwd=home, env=env, pass_fds=[held.fileno()], stderr=PIPE)
    try:
        assert 200 == httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=120).status_code
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=120)


def test_webhooks_wait_for_a_server_that_restarts_on_the_socket_of_systemd(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "hello.yaml").write_text(FLOW)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as held, ThreadPoolExecutor(20) as callers:
        url = f"http://127.0.0.1:{held.getsockname()[1]}/webhooks/answer"

        def call(number: int) -> int:
            return httpx.post(url, json=facts(f"leg-{number}"), timeout=120).status_code

        with activated(tmp_path, held):
            before = call(0)
        away = [callers.submit(call, number) for number in range(1, 21)]
        with activated(tmp_path, held):
            statuses = [before, *(each.result() for each in away)]

    assert [200] * 21 == statuses


def test_the_unit_waits_for_several_reports() -> None:
    [kills_after_s] = re.findall(r"^WatchdogSec=(\d+)s$", UNIT, re.M)

    assert "notify" in re.findall(r"^Type=(.+)$", UNIT, re.M)
    assert 3 * ALIVE_EVERY_S <= int(kills_after_s)
