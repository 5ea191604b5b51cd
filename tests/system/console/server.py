"""The console on a port of the loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from app.console.app import create_console
from app.console.services import Services
from app.settings import Settings
from tests.contract.server import free_port


@contextmanager
def running_console() -> Iterator[str]:
    """The address of a console, which ends with the context."""
    port = free_port()
    app = create_console(Settings(_env_file=None, database_url="memory://"), Services(), dev=True)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
