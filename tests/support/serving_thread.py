"""An ASGI application, or the server of a project, on a port of the loopback in a thread of the test process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import structlog
import uvicorn

from ncco_server.settings import load_settings
from ncco_server.web.app import create_app
from tests.support.server import DEFAULTS, write_files


@dataclass(frozen=True)
class ServedProject:
    """The server of the project in `home`; see `tests.support.server.Server`."""

    home: Path
    url: str
    lines: list[str]


@contextmanager
def serving_thread(app: Any, port: int = 0, **options: Any) -> Iterator[int]:
    """Yields the port that it listens on: `port`, or any free port. Raises RuntimeError if it cannot.

    `options` are more options of uvicorn.
    """
    common: dict[str, Any] = {"log_config": None, "lifespan": "off", "ws": "none", "timeout_graceful_shutdown": 0}
    config = uvicorn.Config(app, host="127.0.0.1", port=port, **common | options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError(f"nothing can listen on port {port}")
        time.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def serving_project(home: Path, files: Mapping[str, str], settings: Mapping[str, str]) -> Iterator[ServedProject]:
    """As `tests.support.server.running`, in this process."""
    lines: list[str] = []

    def write(_: object, __: str, event: MutableMapping[str, Any]) -> NoReturn:
        lines.append(f"{event}\n")
        raise structlog.DropEvent

    write_files(home, files)
    database = {"NCCO_DATABASE_URL": f"sqlite:///{home}/calls.db"}
    before = dict(os.environ)
    os.environ.update({**DEFAULTS, **database, **settings})
    try:
        read = load_settings(None, flows=home / "flows", templates=home / "templates")
    finally:
        os.environ.clear()
        os.environ.update(before)
    app = create_app(read, log=structlog.wrap_logger(None, processors=[write]), owns_process=False)
    with serving_thread(app, lifespan="on") as port:
        yield ServedProject(home, f"http://127.0.0.1:{port}", lines)
