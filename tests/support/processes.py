"""The processes below a process, as Linux lists them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tests.support.waiting import happens


def children(pid: int) -> list[int]:
    """The running children of a process."""
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def spawned(pid: int) -> list[int]:
    """The children spawned by multiprocessing, such as consoles, but not its resource tracker."""
    return [child for child in children(pid) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def raise_priority(pid: int) -> None:
    """Give the consoles of a server its own priority, if this user may.

    A console has a lower one, because callers come first: tests, which keep the processors busy, would wait minutes for
    its pages.
    """
    with suppress(PermissionError):
        for child in spawned(pid):
            for process in (child, *children(child)):
                os.setpriority(os.PRIO_PROCESS, process, os.getpriority(os.PRIO_PROCESS, pid))


def left_of(pids: list[int], within_s: float = 60.0) -> list[int]:
    """Wait for processes. Returns those that do not end within this time."""
    happens(lambda: not any(map(_is_running, pids)), within_s)
    return list(filter(_is_running, pids))


def _is_running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # it ended during the check
        return False
