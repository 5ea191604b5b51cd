"""The processes below a process, as Linux lists them."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.support.waiting import happens


def children(pid: int) -> list[int]:
    """The running children of a process."""
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def spawned(pid: int) -> list[int]:
    """The children spawned by multiprocessing, such as consoles, but not its resource tracker."""
    return [child for child in children(pid) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def raise_priority(pid: int, reader: threading.Thread) -> None:
    """Give each console of a server the server's priority while `reader` reads its output, if this user may.

    A console has a lower one, because callers come first: tests, which keep the processors busy, would wait minutes for
    its start and its pages.
    """

    def raise_each() -> None:
        with suppress(PermissionError):
            while reader.is_alive():
                with suppress(FileNotFoundError, ProcessLookupError):  # one has just ended
                    for child in spawned(pid):
                        os.setpriority(os.PRIO_PROCESS, child, os.getpriority(os.PRIO_PROCESS, pid))
                time.sleep(0.1)

    threading.Thread(target=raise_each, daemon=True).start()


def left_of(pids: list[int], within_s: float = 60.0) -> list[int]:
    """Wait for processes. Returns those that do not end within this time."""
    happens(lambda: not any(map(_is_running, pids)), within_s)
    return list(filter(_is_running, pids))


def _is_running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # it ended during the check
        return False
