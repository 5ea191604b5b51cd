"""An ASGI application on a port of the loopback, in a thread of the test process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


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
