"""Writes the log, with one line for each webhook, as JSON or for a terminal.

Callers' input and numbers only appear in development, on a terminal; sensitive values never do.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import select
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TextIO, TypeAlias, cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from ncco_server.engine.secrets import Secrets
from ncco_server.flow.report import report
from ncco_server.raised import place_of
from ncco_server.service.delivery import CALL_LOG, Delivery, Reply
from ncco_server.service.phone_numbers import readable
from ncco_server.service.told import told_by
from ncco_server.settings import Settings
from ncco_server.terminal import shows_colours

TEXT_LIMIT: Final = 300
"""Maximum length of external text in a line."""
PIPE_BYTES: Final = 4096
"""A writable pipe accepts these at once. Source: POSIX, PIPE_BUF on Linux."""

WriteLine: TypeAlias = Callable[[str, EventDict], None]
"""Writes a line with an `event` at a level (`info`, `warning`, ...), unless that level is disabled."""


def escaped(text: str) -> str:
    """Escape control and bidirectional characters, except line breaks."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else f"\\u{ord(letter):04x}" for letter in text)


def with_log_form(settings: Settings) -> Settings:
    """Resolve the log format `auto` by whether standard output is a terminal."""
    if settings.log != "auto":
        return settings
    return settings.model_copy(update={"log": "pretty" if sys.stdout.isatty() else "json"})


def is_json_log(settings: Settings, stream: TextIO) -> bool:
    return settings.log == "json" or (settings.log == "auto" and not stream.isatty())


def configure_log(settings: Settings, out: TextIO | None = None) -> WriteLine:
    """Send this process's log, with its libraries', to `out` (None: standard output).

    The returned function writes lines as structlog does, without the cost of its bound loggers.
    """
    stream = sys.stdout if out is None else out
    lines = LineStream(stream)
    rendered: list[Processor] = [_json]
    if not is_json_log(settings, stream):
        rendered = [structlog.processors.format_exc_info, _escaped, PrettyRenderer(shows_colours(stream)), _encoded]
    processors = (_stamped, *rendered)
    levels = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}
    least = levels[settings.log_level]
    structlog.configure(
        processors=list(processors),
        wrapper_class=structlog.make_filtering_bound_logger(least),
        context_class=dict,
        logger_factory=lambda: lines,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(cast("TextIO", lines))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(("error", "frames")), _stamped, _without_values],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered, _decoded],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    CALL_LOG.setLevel(least)

    def write_line(level: str, line: EventDict) -> None:
        if levels[level] >= least:
            text: Any = line
            for process in processors:
                text = process(None, level, text)
            lines.info(text)

    return write_line


def log_of_program() -> FilteringBoundLogger:
    """Use structlog if the program configures it, else the logger `ncco_server`."""
    if structlog.is_configured():
        return cast("FilteringBoundLogger", structlog.get_logger())
    lines = structlog.processors.KeyValueRenderer(key_order=["event"])
    processors: list[Processor] = [structlog.stdlib.filter_by_level, structlog.processors.format_exc_info, lines]
    wrapper = structlog.stdlib.BoundLogger
    made = structlog.wrap_logger(logging.getLogger("ncco_server"), processors=processors, wrapper_class=wrapper)
    return cast("FilteringBoundLogger", made)


def writing_to(log: FilteringBoundLogger) -> WriteLine:
    return lambda level, line: getattr(log, level)(**line)


class LineStream:
    """A text stream that never blocks or raises, so a failing log cannot break a call.

    Without a reader, lines are dropped and counted. They are written once per round of the event loop, because each
    write is a system call.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream  # a stream that is garbage-collected closes its buffer
        buffer = stream.buffer
        self._write = getattr(buffer, "raw", buffer).write
        self._poll = _poll(stream)
        self._lost = 0
        self._is_cut = False
        self._waiting: deque[bytes] = deque()

    def write(self, text: str) -> int:
        self.info(text.encode("utf-8", "replace").removesuffix(b"\n"))
        return len(text)

    def info(self, line: bytes) -> None:
        """Take a line without a line break. structlog calls the method named after the level."""
        self._waiting.append(line + b"\n")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write_waiting()
        else:
            if len(self._waiting) == 1:
                loop.call_soon(self._write_waiting)

    debug = warning = error = critical = info

    def _write_waiting(self) -> None:
        lines = []
        with suppress(IndexError):  # until none is left; another thread may write some too
            while True:
                lines.append(self._waiting.popleft())
        for text in [b"".join(lines)] if self._poll is None else lines:
            self._write_or_drop(text)

    def _write_or_drop(self, text: bytes) -> None:
        whole = self._notice() + text if self._lost else text
        rest = whole
        size = len(whole) if self._poll is None else PIPE_BYTES
        with suppress(OSError, ValueError):  # nobody reads anymore, as in `ncco serve | head`
            while rest and self._is_writable():
                rest = rest[self._write(rest[:size]) or len(rest) :]
        if not rest:
            self._lost = 0
            self._is_cut = False
        elif rest is whole:
            self._lost += 1
        else:
            self._lost = 1
            self._is_cut = True

    def flush(self) -> None: ...

    def _is_writable(self) -> bool:
        return self._poll is None or bool(self._poll.poll(0))

    def _notice(self) -> bytes:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"event": "log lines lost", "lost": self._lost, "level": "error", "timestamp": now}
        return (b"\n" if self._is_cut else b"") + json.dumps(line).encode() + b"\n"


def _poll(stream: TextIO) -> select.poll | None:
    """Return None for a file on disk, where writes never block."""
    try:
        number = stream.fileno()
        mode = os.fstat(number).st_mode
    except (OSError, ValueError):
        return None
    never_waits = stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(number))
    if never_waits:
        return None
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return poll


def _stamped(_: object, level: str, line: EventDict) -> EventDict:
    line["level"] = level
    line["timestamp"] = datetime.now(UTC)
    return line


def _json(logger: object, level: str, line: EventDict) -> bytes:
    if "exc_info" in line:
        line = structlog.processors.format_exc_info(logger, level, line)
    try:
        text = orjson.dumps(line, option=orjson.OPT_UTC_Z)
    except TypeError:  # orjson refuses some types of values, and lone surrogates in text
        text = b""
    if not (text and text.isascii()):
        text = json.dumps({**line, "timestamp": _written(line["timestamp"])}, default=repr).encode()
    return text.replace(b"\x7f", b"\\u007f")


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _encoded(_: object, __: str, text: EventDict) -> bytes:
    return str(text).encode("utf-8", "replace")


def _decoded(_: object, __: str, text: EventDict) -> str:
    return cast("bytes", text).decode()


def _escaped(_: object, __: str, line: EventDict) -> EventDict:
    line["timestamp"] = _written(line["timestamp"])
    return {name: escaped(value) if isinstance(value, str) else value for name, value in line.items()}


def _without_values(_: object, __: str, line: EventDict) -> EventDict:
    """Event loops log the whole text of a failed task's exception, and uvicorn logs a failed start as a stack trace."""
    found = line.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else found
    text = str(line["event"]).strip()
    if text.startswith("Traceback "):
        text = text.rpartition("\n")[2].partition(":")[0]
    line["event"] = text.partition("\n")[0]
    line.update(place_of(error) if isinstance(error, BaseException) else {})
    return line


def log_webhook(
    write_line: WriteLine,
    reply: Reply,
    *,
    route: str,
    method: str,
    status: int,
    seconds: float,
    delivery: Delivery | None,
    error: BaseException | None,
    cure: str = "",
    shows_values: bool,
    shows_call: bool = False,
) -> None:
    """`shows_values` logs exception messages, which may contain a number.

    `shows_call` logs who called, and input that is not sensitive. Both are for development only.
    """
    line: dict[str, Any] = {
        "route": route,
        "method": method,
        "kind": _short(reply.kind),
        "outcome": reply.outcome,
        "flow": reply.flow,
        "step": reply.step,
        "uuid": _short(reply.call.uuid),
        "conversation_uuid": _short(reply.call.conversation_uuid),
        "status": status,
        "ms": round(seconds * 1000, 2),
    }
    if shows_call:
        line |= {"caller": _short(reply.call.caller), "told": _short(told_by(reply.row)) if reply.row else ""}
    level = "info"
    problem = reply.problem or (delivery.problem if delivery is not None else "")
    if problem or error is not None:
        level = "warning"
        line["problem"] = _short(f"{problem}: {reply.reason}" if shows_values and reply.reason else problem)
        line |= {"cure": cure} if cure else {}
    if error is not None:
        level = "error"
        line |= place_of(error)
        if shows_values:
            line["message"] = _message(error, delivery)
    line["event"] = "webhook"
    write_line(level, line)


def _message(error: BaseException, delivery: Delivery | None) -> str:
    """Return "" if it contains the caller's input, which may be sensitive."""
    given = Secrets()
    fields = delivery.fields if delivery is not None else {}
    given.learn([fields.get("dtmf"), fields.get("speech")])
    return "not shown: it contains what the caller said or pressed" if given.are_in(str(error)) else str(error)


def _short(text: str) -> str:
    if len(text) <= TEXT_LIMIT and text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:TEXT_LIMIT])


_COLOURS: Final = {"time": "2", "caller": "1", "debug": "2", "warning": "33", "error": "31", "critical": "31"}
_HIDDEN: Final = frozenset(
    ["event", "level", "timestamp", "problem", "cure", "error", "message", "frames", "exception", "issues", "texts"]
)
_STAYS: Final = ("recorded", "repeat")


class PrettyRenderer:
    """A processor of the log that renders events as readable lines."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours

    def __call__(self, _: object, level: str, line: EventDict) -> str:
        time = self._paint("time", f"{datetime.fromisoformat(line['timestamp']).astimezone():%H:%M:%S}")
        if line["event"] == "webhook" and "caller" in line:
            text = self._webhook(line)
        else:
            values = [f"{name}={_shown(line[name])}" for name in line if name not in _HIDDEN]
            text = "  ".join([self._paint(level, str(line["event"])), *values])
        lines = [f"{time}  {text}", *(f"          {self._paint(level, text)}" for text in _details(line))]
        if line["event"] == "flow issues":
            lines.append(report(line["issues"], line["texts"], "text", self._colours).rstrip("\n"))
        return "\n".join(lines)

    def _webhook(self, line: EventDict) -> str:
        who = self._paint("caller", readable(line["caller"]) or "?")
        flow = f" → {line['flow']}" if line["flow"] else ""
        target = "" if line["outcome"] in _STAYS or not line["flow"] else f" → {line['step'] or 'end'}"
        return f"{who}{flow}: {_what(line)}{target}   {line['ms']:.0f} ms"

    def _paint(self, name: str, text: str) -> str:
        code = _COLOURS.get(name)
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours and code else text


def _what(line: EventDict) -> str:
    """Return words such as `call`, `pressed 2`, `pressed 9 (nomatch)`, `busy, to 447700900111`."""
    kind, _, detail = line["kind"].partition("-")
    words = {"answer": "call", "input": "", "event": detail, "notify": ""}.get(kind, kind)
    what = ", ".join(part for part in (words, line["told"]) if part) or kind
    is_said = line["outcome"] in ("answer", "recorded", line["step"]) or line["outcome"] in what
    return what if is_said else f"{what} ({line['outcome']})"


def _details(line: EventDict) -> Iterator[str]:
    for name in ("problem", "cure"):
        if line.get(name):
            yield f"{name}: {line[name]}"
    if "error" in line:
        yield f"{line['error']}: {line.get('message', '')}"
    yield from line.get("frames", ())
    yield from str(line.get("exception", "")).splitlines()


def _shown(value: Any) -> str:
    return escaped(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
