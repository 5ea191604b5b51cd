"""The connections of one process: as many as it can hold; those on which nobody asks anything give way to new ones."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import Final, Protocol

import structlog

MOST_FILES: Final = 65_536
"""Files that a process asks the system for, if it may have so many. A connection is one."""

RESERVE: Final = 512
"""Files that are kept for everything else: the store, look-ups, hooks, flows."""

LEAST: Final = 64
"""Connections that are taken however few files there are."""

PIECE: Final = 16
"""One in so many connections gives way at a time, so that not each new one looks at all of them."""

QUIET_S: Final = 60.0
"""How often the log tells of it."""


class Guest(Protocol):
    """One connection."""

    @property
    def is_silent(self) -> bool:
        """Whether it has not asked anything yet."""

    @property
    def is_idle(self) -> bool:
        """Whether all that it has asked is answered."""

    def give_way(self) -> None:
        """Close it."""


class Crowd:
    """Who is there, the oldest first.

    Without an end to it, one stranger who opens connections and says nothing takes every file that the process may
    open: nobody else is let in, and no caller hears anything.

    Args:
        most: connections that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._there: dict[Guest, None] = {}
        self._told_at = -QUIET_S

    def __len__(self) -> int:
        return len(self._there)

    def came(self, guest: Guest) -> None:
        """One more. Whoever has been silent for longest goes when there are too many, else whoever is idle."""
        others = list(self._there) if len(self._there) >= self._most else None
        self._there[guest] = None
        if others is not None:
            self._make_room(others, guest)

    def left(self, guest: Guest) -> None:
        """One less."""
        self._there.pop(guest, None)

    def _make_room(self, others: Iterable[Guest], guest: Guest) -> None:
        room = max(1, self._most // PIECE)
        silent = [other for other in others if other.is_silent][:room]
        leaving = silent or [other for other in others if other.is_idle][:room] or [guest]
        for each in leaving:
            self.left(each)
            each.give_way()
        self._tell(len(leaving))

    def _tell(self, closed: int) -> None:
        now = time.monotonic()
        if now - self._told_at >= QUIET_S:
            self._told_at = now
            cure = "see who opens so many; a higher limit of open files (LimitNOFILE, ulimit -n) leaves more room"
            structlog.get_logger().warning("too many connections", most=self._most, closed=closed, cure=cure)


def room_for(files: int) -> int:
    """How many connections a process may keep that may open so many files."""
    return max(LEAST, files - RESERVE)


def most_files() -> int:
    """Let this process, and those that it starts, open as many files as it may, up to `MOST_FILES`; gives how many.

    The usual limit of 1,024 is one that a process may raise by itself.
    """
    with suppress(ImportError):  # a system that knows no such limit
        resource = import_module("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY:
            return MOST_FILES
        wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
        if soft >= wanted:
            return int(soft)
        with suppress(OSError, ValueError):  # the system has a limit of its own below
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return int(wanted)
        return int(soft)
    return MOST_FILES
