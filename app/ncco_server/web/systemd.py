"""Tells systemd when the server is ready and that its event loop runs. Source: sd_notify(3)."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Final

ALIVE_EVERY_S: Final = 5.0
"""A few times within the unit's WatchdogSec."""


async def report_to_systemd() -> None:
    """Report until cancelled; do nothing unless a `Type=notify` unit has started this process."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a socket without a file
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd:
        to_systemd.setblocking(False)
        message = b"READY=1"
        while True:
            with suppress(OSError):  # systemd is restarting, or has not read the last ones: the next one will do
                to_systemd.sendto(message, address)
                message = b"WATCHDOG=1"
            await asyncio.sleep(ALIVE_EVERY_S)
