"""The log: one line a webhook, as JSON or for a terminal. Never digits, words or numbers of callers."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from app.engine.secrets import Secrets
from app.settings import Settings
from app.web.answers import Answer
from app.web.steady import JsonLines, Steady
from app.web.visit import Visit

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
TEXT_LIMIT: Final = 300
"""Characters of a text of strangers that a line holds."""
_FRAMES: Final = 12
"""Innermost frames of a stack that are written."""


def configure(settings: Settings, out: TextIO | None = None) -> None:
    """Send the log of this process to `out` (standard output), and what libraries log with it."""
    stream = sys.stdout if out is None else out
    is_json = settings.log == "json" or (settings.log == "auto" and not stream.isatty())
    steady = cast("TextIO", Steady(stream))
    level = _LEVELS[settings.log_level]
    structlog.configure(
        processors=[_as_json] if is_json else [_stamped, _for_a_person(stream)],
        wrapper_class=_quick(level) if is_json else structlog.make_filtering_bound_logger(level),
        context_class=dict,
        logger_factory=_factory(stream, is_json=is_json),
        cache_logger_on_first_use=True,
    )
    _configure_libraries(is_json, steady)


def _factory(stream: TextIO, *, is_json: bool) -> Callable[..., WrappedLogger]:
    if is_json:
        lines = JsonLines(stream.buffer)
        return lambda *_: lines
    return structlog.PrintLoggerFactory(cast("TextIO", Steady(stream)))


def _quick(level: int) -> type[FilteringBoundLogger]:
    """The library's logger, whose `info` goes straight to the one processor: it is called for every webhook."""
    filtering = structlog.make_filtering_bound_logger(level)
    if level > logging.INFO:
        return filtering

    class Quick(filtering):  # type: ignore[valid-type,misc]  # made at run time, as the library does
        def info(self, event: str, **line: Any) -> None:
            line["event"] = event
            self._logger.gather(_as_json(None, "info", {**self._context, **line} if self._context else line))

    return Quick


def _stamped(_: object, level: str, line: EventDict) -> EventDict:
    """Level and time of a line: what the library's two processors do, in a third of the time."""
    line["level"] = "error" if level == "exception" else level
    line["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return line


def _as_json(logger: object, level: str, line: EventDict) -> bytes:
    """A line for a machine, as `_stamped` and the library's JSON renderer make it, in one step."""
    line["level"] = "error" if level == "exception" else level
    line["timestamp"] = datetime.now(UTC)
    if "exc_info" in line:
        line = structlog.processors.format_exc_info(logger, level, line)
    return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z)


def _for_a_person(stream: TextIO) -> Processor:
    """The library's renderer; without the values of variables, which it shows where `rich` is installed."""
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=stream.isatty(), sort_keys=False, exception_formatter=plain)


def _configure_libraries(is_json: bool, stream: TextIO) -> None:
    """Lines of uvicorn and others, from warnings on, in the same form."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_stamped, _without_values],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_as_text(is_json, stream)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _without_values(_: object, __: str, line: EventDict) -> EventDict:
    """A line of a library: of what it tells of an exception only type and place, of its text the first line.

    An event loop writes down what became of a task with everything that its exception says.
    """
    found = line.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else found
    line["event"] = str(line["event"]).partition("\n")[0]
    line.update(_placed(error) if isinstance(error, BaseException) else {})
    return line


def _as_text(is_json: bool, stream: TextIO) -> list[Processor]:
    if is_json:
        return [structlog.processors.JSONRenderer()]
    return [_for_a_person(stream)]


def write_webhook(
    log: FilteringBoundLogger, visit: Visit, answer: Answer, seconds: float, *, shows_values: bool
) -> None:
    """One line for a webhook."""
    reply = answer.reply
    line: dict[str, Any] = {
        "route": visit.route.name,
        "method": visit.scope["method"],
        "kind": reply.kind,
        "outcome": reply.outcome,
        "flow": reply.flow,
        "step": reply.step,
        "uuid": _short(reply.uuid),
        "conversation_uuid": _short(reply.conversation_uuid),
        "status": answer.status,
        "ms": round(seconds * 1000, 2),
    }
    problem = _short(reply.problem or visit.problem)
    if answer.error is not None:
        log.error("webhook", **line, problem=problem, **_fault(answer.error, visit, shows_values))
    elif problem:
        log.warning("webhook", **line, problem=problem)
    else:
        log.info("webhook", **line)


def _fault(error: BaseException, visit: Visit, shows_values: bool) -> dict[str, Any]:
    """The type and the stack of an exception. Its message only in development: it may hold a caller's number."""
    return _placed(error) | ({"message": _told(error, visit)} if shows_values else {})


def _placed(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    names = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "frames": names}


def _told(error: BaseException, visit: Visit) -> str:
    """The message of an exception, unless it holds what the caller has pressed or said: that may be sensitive."""
    given, fields = Secrets(), visit.delivery.fields if visit.delivery is not None else {}
    given.learn([fields.get("dtmf"), fields.get("speech")])
    return "not shown: it holds what the caller gave" if given.are_in(str(error)) else str(error)


def _short(text: str) -> str:
    """A text of a stranger, fit for one line of a log: cut, and without control characters."""
    if len(text) <= TEXT_LIMIT and text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\ufffd" for character in text[:TEXT_LIMIT])
