"""Where the log goes: a stream whose end may go away, as `ncco serve | head` does."""

from __future__ import annotations

import asyncio
import atexit
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

from app.web.outlet import PIECE, Outlet


class Steady:
    """Passes everything on to a stream, and lets nothing come back: a log that cannot be written costs no call.

    What cannot be written at once is lost; nobody waits for whoever reads it.

    Args:
        stream: text or binary; whatever else is asked of it is its own.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._outlet = Outlet(stream)

    def write(self, line: Any) -> int:
        """Write what can be written."""
        if not self._outlet.takes():
            return len(line)
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

    Nor does anybody wait: where the log is not taken, lines are lost, and the next line that is taken says how many.

    Lines of webhooks that are answered within one round of the event loop are written together at its end: each write
    is a call of the system, before which the interpreter is let go and behind which it is waited for. Every other line
    is written at once, behind those that were gathered.

    Args:
        out: takes the bytes; a buffer in front of a file is passed by, since it would be emptied after each line.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._write = getattr(out, "raw", out).write
        self._outlet = Outlet(out)
        self._gathered: list[bytes] = []
        self._lost = 0
        self._is_cut = False
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
        if self._outlet.may_block:
            self._write_what_is_taken(rest)
            return
        try:
            while rest:
                rest = rest[self._write(rest) or len(rest) :]
        except (OSError, ValueError):
            return

    def _write_what_is_taken(self, rest: bytes) -> None:
        """Write in pieces that nobody has to wait for."""
        if (self._lost or self._is_cut) and self._outlet.takes():
            rest = (b"\n" if self._is_cut else b"") + self._loss() + rest
        try:
            while rest:
                if not self._outlet.takes():
                    self._lost += rest.count(b"\n")
                    return
                written = self._write(rest[:PIECE]) or len(rest)
                self._is_cut = rest[:written][-1:] != b"\n"
                rest = rest[written:]
        except (OSError, ValueError):
            return

    def _loss(self) -> bytes:
        """The line that tells of those that are lost."""
        lost, self._lost = self._lost, 0
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"event": "log lines lost", "lost": lost, "level": "error", "timestamp": now}
        return orjson.dumps(line) + b"\n" if lost else b""

    debug = info = warning = error = critical = exception = log = msg
