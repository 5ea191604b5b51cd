"""Waiting for what other threads and processes do."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def happens(claim: Callable[[], T], within_s: float = 60.0) -> T:
    """Wait until `claim()` is true. Returns its last value, which is false if the time was up first."""
    deadline = time.monotonic() + within_s
    while not (found := claim()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def listens(port: int) -> bool:
    """Whether somebody takes connections to a port of the loopback."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
