"""Between SIGTERM and the closing of the port, callers still get answers, and `/readyz` returns 503."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.contract.server.http.serving import serving
from tests.support import loopback
from tests.support.waiting import happens
from tests.support.webhooks import facts

CALL = facts()
HELLO = b'[{"action":"talk","text":"Hello."}]'
NEVER = "300"
AT_ONCE_S = 20.0
"""Maximum seconds for a shutdown on a busy machine; far less than NEVER."""


def test_a_draining_server_answers_and_is_not_ready_until_a_second_signal(tmp_path: Path) -> None:
    with serving(tmp_path, "--dev", NCCO_DRAIN_S=NEVER) as server, httpx.Client(base_url=server.url) as client:
        kept = client.post("/webhooks/answer", json=CALL)
        server.process.terminate()
        assert happens(lambda: not server.is_ready())
        ready = loopback.get(f"{server.url}/readyz")
        closed = client.post("/webhooks/answer", json=CALL | {"uuid": "leg-2"})
        up = client.get("/healthz")
        begun = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        code = server.process.wait(60)
        took = time.monotonic() - begun

    assert (503, False) == (ready.status_code, ready.json()["ready"])
    assert (200, HELLO, None) == (kept.status_code, kept.content, kept.headers.get("connection"))
    assert (200, HELLO, "close") == (closed.status_code, closed.content, closed.headers["connection"])
    assert 200 == up.status_code
    assert 0 == code
    assert took < AT_ONCE_S


def test_the_port_closes_after_the_drain_time(tmp_path: Path) -> None:
    with serving(tmp_path, "--dev", NCCO_DRAIN_S="2") as server:
        begun = time.monotonic()
        server.process.terminate()
        code = server.process.wait(60)
        took = time.monotonic() - begun
        with pytest.raises(httpx.ConnectError):
            loopback.get(f"{server.url}/healthz")

    assert 0 == code
    assert took >= 2
