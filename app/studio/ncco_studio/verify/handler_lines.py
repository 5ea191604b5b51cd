"""Which lines of handlers in Python are run."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

from ncco_server.flow.handlers.limits import TooLong
from ncco_server.flow.handlers.playback import HandlerPlayback
from ncco_server.flow.handlers.reading import LoadedHandler
from ncco_server.flow.model import Flow

LIMIT_S: Final = 1.0
"""How long a handler may run without a wait, as in `ncco serve`."""


class HandlerLines(NamedTuple):
    """The lines of a handler and of the functions that it has called, and which of them were run."""

    all: Set[int] = frozenset()
    run: Set[int] = frozenset()

    @property
    def never(self) -> list[tuple[int, int]]:
        """The first and the last line of each part that was not run."""
        parts = groupby(sorted(self.all), key=lambda line: line in self.run)
        missed = (tuple(lines) for is_run, lines in parts if not is_run)
        return [(lines[0], lines[-1]) for lines in missed]


@dataclass(slots=True)
class LineTrace:
    """Notes the lines of handlers while they are run, by file, and ends a run after LIMIT_S.

    Attributes:
        latest: the line that ran last, by file.
    """

    lines: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    latest: dict[str, int] = field(default_factory=dict)

    def run(self, file: str, work: Callable[[Any], None], argument: Any) -> None:
        """Raises TooLong, or as the work does."""
        lines = self.lines[file]
        until = time.monotonic() + LIMIT_S

        def trace(frame: FrameType, event: str, _: object) -> Any:
            if event == "line":
                lines.add(frame.f_lineno)
                self.latest[file] = frame.f_lineno
                if time.monotonic() > until:
                    raise TooLong
            return trace

        before = sys.gettrace()
        sys.settrace(lambda frame, event, argument: trace if frame.f_code.co_filename == file else None)
        try:
            work(argument)
        finally:
            sys.settrace(before)

    def of(self, flow: Flow) -> HandlerLines:
        """None of a flow file."""
        handler = flow.handler
        if not isinstance(handler, LoadedHandler):
            return HandlerLines()
        file = handler.flow.file
        run = self.lines[file]
        code = compile(handler.text, file, "exec", dont_inherit=True)
        parts = [part for part in _functions(code) if part[0] == handler.flow.line or not run.isdisjoint(part[1])]
        own = frozenset[int]().union(*(lines for _, lines in parts))
        return HandlerLines(own, own & run)


class _TracedPlayback(HandlerPlayback):
    def __init__(self, trace: LineTrace, *given: Any, **more: Any) -> None:
        self._trace = trace
        super().__init__(*given, **more)

    def run(self, work: Callable[[Any], None], argument: Any) -> None:
        self._trace.run(self.file, work, argument)


def traced(flow: Flow, trace: LineTrace) -> Flow:
    """The flow, with the lines of its handlers noted."""
    subs = {name: traced(each, trace) for name, each in flow.subs.items()}
    if isinstance(flow.handler, LoadedHandler):
        return replace(flow, subs=subs, handler=replace(flow.handler, play=partial(_TracedPlayback, trace)))
    return replace(flow, subs=subs)


def traced_flows(flows: Mapping[str, Flow], trace: LineTrace) -> dict[str, Flow]:
    return {name: traced(flow, trace) for name, flow in flows.items()}


def _functions(code: CodeType) -> Iterator[tuple[int, Set[int]]]:
    """The first line of each function, and its lines."""
    for inner in (each for each in code.co_consts if isinstance(each, CodeType)):
        lines = {line for _, _, line in inner.co_lines() if line is not None}
        yield inner.co_firstlineno, lines - {inner.co_firstlineno}
        yield from _functions(inner)
