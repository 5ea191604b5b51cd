"""Describes the machine that the figures were measured on."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path


def fsync_ms(folder: Path) -> float:
    """The median time in which the disk stores another 4 KiB."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            before = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - before)
    return statistics.median(times) * 1000


def processor() -> str:
    """The name of the processor, if Linux gives it."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def sentence(folder: Path) -> str:
    """Processor, Python, date, disk and how busy the machine is, in one line."""
    machine = f"{platform.machine()} ({processor()}), {os.cpu_count()} cores, Python {platform.python_version()}"
    disk = f"fsync of 4 KiB {fsync_ms(folder):.2f} ms"
    return f"{machine}, {datetime.now(UTC):%Y-%m-%d}, {disk}, load {os.getloadavg()[0]:.1f} at the end"
