"""Whether the log is taken now: a pipe that nobody reads takes no more, nor does a terminal that was stopped."""

from __future__ import annotations

import os
import select
import stat
from typing import Any, Final

PIECE: Final = 4_096
"""Bytes that can be written at once to what says that it takes some. Source: POSIX, PIPE_BUF on Linux."""


class Outlet:
    """Looks at what a stream writes to.

    The server has one thread for all callers. It must not wait for whoever reads the log: what is not taken is lost.

    Args:
        stream: of a file, or of something in memory, which never lets anybody wait.

    Attributes:
        may_block: whether a write to it may wait for somebody.
    """

    def __init__(self, stream: Any) -> None:
        number = _number_of(stream)
        self.may_block = number is not None
        self._poll = select.poll() if self.may_block else None
        if self._poll is not None and number is not None:
            self._poll.register(number, select.POLLOUT)

    def takes(self) -> bool:
        """Whether `PIECE` bytes can be written without waiting. One who has gone takes everything: the write fails."""
        return self._poll is None or bool(self._poll.poll(0))


def _number_of(stream: Any) -> int | None:
    """The descriptor of a pipe, a socket or a terminal; None for a file on a disk, and for none at all."""
    try:
        number: int = stream.fileno()
        mode = os.fstat(number).st_mode
    except (OSError, ValueError, AttributeError):
        return None
    is_quick = stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(number))
    return None if is_quick or not hasattr(select, "poll") else number
