"""Serves the flows in this folder with a given database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.fork_server import NCCO
from tests.system.cli import running

HERE = Path(__file__).parent
KEY = "invented-key-of-the-databases-for-tests-only"


def settings(home: Path, url: str, flows: str) -> dict[str, str]:
    """The environment for `ncco`. A SQLite database needs no key here: the key file is beside it."""
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
def serving(home: Path, url: str, flows: str, *, ncco: str = NCCO) -> Iterator[str]:
    """Run `ncco serve`. Yields its address once it is ready."""
    with running.running_server(home, "--port", "0", cwd=home, env=settings(home, url, flows), ncco=ncco) as server:
        running.wait_until_ready(server.address)
        yield server.address
        server.stop()
