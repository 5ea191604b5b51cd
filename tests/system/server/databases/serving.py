"""Serves the flows in this folder with a given database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.fork_server import NCCO
from tests.support.server import Server, plain_environment, running_server

HERE = Path(__file__).parent
FLOWS = HERE / "flows"
KEY = "invented-key-of-the-databases-for-tests-only"
DOTENV = {
    "NCCO_PUBLIC_URL": "https://calls.example.com",
    "VONAGE_SIGNATURE_SECRET": "invented-signature-secret-for-tests-only",
    "VONAGE_APPLICATION_ID": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "FLOW_OFFICE": "http://127.0.0.1:9",
}
"""What the `.env` of an earlier version contains beside the defaults of all settings."""


def settings(home: Path, url: str, key: str = KEY, flows: Path = FLOWS) -> dict[str, str]:
    """The environment for `ncco`. A SQLite database needs no key here: the key file is beside it."""
    given = {} if url.startswith("sqlite") else {"NCCO_KEY": key}
    return plain_environment(
        home,
        NCCO_DATABASE_URL=url,
        NCCO_INSECURE="1",
        NCCO_PUBLIC_URL="https://calls.example.com",
        NCCO_FLOWS=str(flows),
        FLOW_OFFICE="http://127.0.0.1:9",
        **given,
    )


@contextmanager
def serving(home: Path, url: str, *, key: str = KEY, flows: Path = FLOWS, ncco: str = NCCO) -> Iterator[str]:
    """Run `ncco serve`. Yields its address once it is ready."""
    with running_server(home, "--port", "0", env=settings(home, url, key, flows), program=(ncco, "serve")) as server:
        server.wait_until_ready()
        yield server.address
        server.stop()


@contextmanager
def server_of(dotenv: Path, home: Path, *, ncco: str = NCCO) -> Iterator[Server]:
    """Run `ncco serve` in a new project with this file as its `.env`, until the server is ready."""
    shutil.copy(dotenv, home / ".env")
    shutil.copytree(FLOWS, home / "flows")
    with running_server(home, "--port", "0", program=(ncco, "serve")) as server:
        server.wait_until_ready()
        yield server
        server.stop()
