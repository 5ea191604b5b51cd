"""The log format for development: one readable line per event, and issues as `ncco check` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from structlog.typing import EventDict

from ncco_server.flow.report import report
from ncco_server.service.phone_numbers import readable

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
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
