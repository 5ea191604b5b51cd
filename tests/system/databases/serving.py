"""Serves the flows of this folder on a database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.support import loopback
from tests.system.cli import running

HERE = Path(__file__).parent
KEY = "invented-key-of-the-databases-for-tests-only"
READY_WITHIN_S = 60.0


def settings(home: Path, url: str, flows: str) -> dict[str, str]:
    """The environment of `ncco`. A SQLite file has its key beside it."""
    key = {} if url.startswith("sqlite") else {"NCCO_KEY": KEY}
    return running.plain_environment(
        home,
        NCCO_DATABASE_URL=url,
        NCCO_INSECURE="1",
        NCCO_PUBLIC_URL="https://calls.example.com",
        NCCO_FLOWS=str(HERE / "flows" / flows),
        FLOW_OFFICE="http://127.0.0.1:9",
        **key,
    )


@contextmanager
def serving(home: Path, url: str, flows: str, *, ncco: str = running.NCCO) -> Iterator[str]:
    """`ncco serve`; gives its address once it is ready."""
    with running.running_server(home, "--port", "0", cwd=home, env=settings(home, url, flows), ncco=ncco) as server:
        wait_until_ready(server.address)
        yield server.address
        server.stop()


def wait_until_ready(address: str) -> None:
    """Raise AssertionError when the server does not become ready."""
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        with suppress(httpx.TransportError):
            if loopback.get(f"http://{address}/readyz").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"{address} is not ready after {READY_WITHIN_S} seconds")
