"""Where the log goes: a stream whose end may go away, as `ncco serve | head` does."""

from __future__ import annotations

import asyncio
import atexit
from typing import Any, BinaryIO


class Steady:
    """Passes everything on to a stream, and lets nothing come back: a log that cannot be written costs no call.

    Args:
        stream: text or binary; whatever else is asked of it is its own.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, line: Any) -> int:
        """Write what can be written."""
        try:
            self._stream.write(line)
        except (OSError, ValueError):
            return 0
        return len(line)

    def flush(self) -> None:
        """Send what can be sent."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class JsonLines:
    """The logger under the log of JSON lines. A line that cannot be written costs no call.

    Lines of webhooks that are answered within one round of the event loop are written together at its end: each write
    is a call of the system, before which the interpreter is let go and behind which it is waited for. Every other line
    is written at once, behind those that were gathered.

    Args:
        out: takes the bytes; a buffer in front of a file is passed by, since it would be emptied after each line.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._write = getattr(out, "raw", out).write
        self._gathered: list[bytes] = []
        atexit.register(self._flush)

    def gather(self, line: bytes) -> None:
        """Write one line at the end of this round, or at once where no loop runs."""
        if not self._gathered:
            try:
                asyncio.get_running_loop().call_soon(self._flush)
            except RuntimeError:
                self.msg(line)
                return
        self._gathered.append(line)

    def msg(self, line: bytes) -> None:
        """Write one line."""
        self._gathered.append(line)
        self._flush()

    def _flush(self) -> None:
        if not self._gathered:
            return
        lines, self._gathered = self._gathered, []
        rest = b"\n".join((*lines, b""))
        try:
            while rest:
                rest = rest[self._write(rest) or len(rest) :]
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = exception = log = msg
