"""Where the log goes: a stream whose end may go away, as `ncco serve | head` does."""

from __future__ import annotations

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
    """The logger under the log of JSON lines: writes each at once. A line that cannot be written costs no call.

    Args:
        out: takes the bytes; a buffer in front of a file is passed by, since it would be emptied after each line.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._write = getattr(out, "raw", out).write

    def msg(self, line: bytes) -> None:
        """Write one line."""
        rest = line + b"\n"
        try:
            while rest:
                rest = rest[self._write(rest) or len(rest) :]
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = exception = log = msg
