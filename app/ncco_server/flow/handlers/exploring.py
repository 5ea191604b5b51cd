"""Finds the steps of a handler before anybody calls: runs it with every outcome of every wait.

Two runs that wait at the same place with the same local variables go on in the same way, so one of them is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias

from ncco_server.errors import RenderError
from ncco_server.flow.handlers.api import WrittenText
from ncco_server.flow.handlers.playback import HandlerPlayback, Recorded, at, milliseconds
from ncco_server.flow.handlers.samples import samples_of
from ncco_server.flow.handlers.steps import EffectAt, Made, StepMaker
from ncco_server.flow.hours.calendar import Calendar, CurrentHours, changes
from ncco_server.flow.language.returns import Returned
from ncco_server.flow.model import Step
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_server.value_types import ANY

MOST_RUNS: Final = 2000
"""How often a handler is run; our choice. A usual one needs less than a hundred runs."""
_NOON: Final = 1_767_614_400_000
"""When the calls begin, in milliseconds since 1970: Monday, 5 January 2026, 12:00 UTC; our choice."""
_NO_REPLY: Final = "no reply"
_NOTHING_KNOWN: Final[Mapping[str, str]] = {}
_DIGITS: Final = "12345678901234567890"


class FailedRun(NamedTuple):
    """A run that ended in an error; `code` is that of the error, `where` its line."""

    code: str
    message: str
    where: str


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function of a handler, as scenarios know it: like a lookup that may return anything.

    Attributes:
        timeout_ms: its time limit.
        returns: the type of its result.
        default: the result that it has without an answer: none.
    """

    timeout_ms: int
    returns: ClassVar = Returned(ANY)
    default: ClassVar[Mapping[str, Any]] = {}

    def cast_answer(self, value: Any, problem: str = "") -> tuple[Any, str]:
        """The result, and why there is none; "" if there is one."""
        return value, problem

    def misfit(self, value: Any) -> str:
        """Always "": every result fits."""
        return ""


_Origin: TypeAlias = "tuple[str, str] | Any"


class _Run(NamedTuple):
    """Results to run the handler with, and what led there: ways out of steps, as (step, way), and functions' states.

    The latest result came at `at_ms`. There are runs for every answer of the opening hours in `tried`.
    """

    recorded: Sequence[Any]
    came_from: tuple[_Origin, ...]
    at_ms: int = _NOON
    tried: frozenset[str] = frozenset()
    known: Mapping[str, str] = _NOTHING_KNOWN

    def then(self, item: Any, came_from: tuple[_Origin, ...], known: Mapping[str, str]) -> _Run:
        """The run with one more result, which came at the same time. `known` are the secrets of its turn, by token."""
        return _Run([*self.recorded, item], came_from, self.at_ms, known=known)

    def moved(self, at_ms: int, tried: frozenset[str]) -> _Run:
        """The same run, in which the latest result came at another time."""
        *before, latest = self.recorded
        item = list(Recorded(*latest)._replace(at_ms=at_ms)) if before else at_ms
        return _Run([*before, item], self.came_from, at_ms, tried, self.known)


@dataclass(slots=True)
class _Exploration:
    begin: Callable[[Mapping[str, str]], HandlerPlayback]
    maker: StepMaker
    calendars: Mapping[str, Calendar]
    hours: set[str] = field(default_factory=set)
    made: dict[tuple[str, ...], Sequence[EffectAt]] = field(default_factory=dict)
    led: dict[_Origin, str] = field(default_factory=dict)
    merged: list[tuple[tuple[_Origin, ...], _Origin]] = field(default_factory=list)
    order: dict[str, None] = field(default_factory=dict)
    functions: dict[str, FunctionDefinition] = field(default_factory=dict)
    failures: dict[FailedRun, None] = field(default_factory=dict)
    is_whole: bool = True

    def explore(self) -> None:
        """Run the handler until every outcome of every wait has been tried, or MOST_RUNS times."""
        waiting = deque([_Run([_NOON], ())])
        seen = set[Any]()
        for _ in range(MOST_RUNS):
            if not waiting:
                break
            run = waiting.popleft()
            playback = self.begin(run.known)
            try:
                playback.play(run.recorded)
                made = playback.made
            except RenderError as error:
                self.failures[FailedRun(error.code, str(error), error.where)] = None
                continue
            finally:
                waiting += self._at_other_times(run, playback.read_hours)
            state = playback.state()
            if made is not None:
                self._note(made, run.came_from)
            elif state in seen:
                self.merged.append((run.came_from, state))
            if state not in seen:
                seen.add(state)
                waiting += self._following(playback, run, state)
        self.is_whole = not waiting
        for came_from, state in self.merged:
            for origin in came_from if state in self.led else ():
                self.led.setdefault(origin, self.led[state])

    def _following(self, playback: HandlerPlayback, run: _Run, state: Any) -> Iterator[_Run]:
        made = playback.made
        if made is None:
            return self._after_function(playback, run, (*run.came_from, state))
        return self._after_wait(playback, made.steps[-1], run) if playback.is_waiting else iter(())

    def _at_other_times(self, run: _Run, read: frozenset[str]) -> Iterator[_Run]:
        """The run at a moment for each answer of the opening hours that it has read."""
        self.hours |= read
        tried = run.tried | read
        if tried == run.tried:
            return
        calendars = [self.calendars[name] for name in sorted(tried)]
        found = dict[Any, datetime]()
        for moment in sorted(changes(calendars, at(_NOON))):
            views = [CurrentHours(calendar, moment) for calendar in calendars]
            found.setdefault(tuple((view.reason, bool(view.holiday)) for view in views), moment)
        yield from (run.moved(milliseconds(moment), tried) for moment in found.values())

    def _note(self, made: Made, came_from: tuple[_Origin, ...]) -> None:
        names = tuple(step.name for step in made.steps)
        self.order |= dict.fromkeys(names)
        self.made.setdefault(names, made.said)
        for origin in came_from:
            self.led.setdefault(origin, made.steps[0].name)

    def _after_function(self, playback: HandlerPlayback, run: _Run, came_from: tuple[_Origin, ...]) -> Iterator[_Run]:
        name, request = playback.wanted or ("", None)
        if request is not None:
            self.functions[name] = FunctionDefinition(request.timeout_ms)
        for sample in samples_of(playback.function):
            yield run.then(playback.item_at(sample, "", run.at_ms), came_from, run.known)
        yield run.then(playback.item_at(None, _NO_REPLY, run.at_ms), came_from, run.known)

    def _after_wait(self, playback: HandlerPlayback, step: Step, run: _Run) -> Iterator[_Run]:
        for way in [way for way in step.exit.ways if not way.target.is_end]:
            for value in results_of(step, way.name):
                is_secret = way.fills is not None and way.fills.sensitive
                known = {value: value} if is_secret else _NOTHING_KNOWN
                yield run.then(playback.item_at(value, "", run.at_ms), ((step.name, way.name),), known)

    def steps(self) -> dict[str, Step]:
        """Every step, with its ways out leading to the steps that follow."""
        found: dict[str, Step] = {}
        ways = {origin: WrittenText(to) for origin, to in self.led.items() if isinstance(origin[1], str)}
        for (*_, name), said in self.made.items():
            targets = {way: to for (step, way), to in ways.items() if step == name}
            led = (*said[:-1], EffectAt(said[-1].effect.leading(targets), said[-1].place))
            for step in self.maker.make(name, led).steps:
                found.setdefault(step.name, step)
        return {name: found[name] for name in self.order}


def results_of(step: Step, way: str) -> Sequence[Any]:
    """The results of a wait whose outcome takes this way."""
    asked = step.exit.asked
    match way:
        case "noinput" | "nomatch" if asked is not None:
            return (None,)
        case "collected" if asked is not None:
            low = asked.lengths[0] if asked.lengths else 0
            return [*([_DIGITS[:low]] if low else []), *(["some words"] if asked.free_speech else [])]
        case "otherwise":
            return DIAL_FAILURES
    return (way,)


class HandlerSteps(Mapping[str, Step]):
    """The steps of a handler by name. They are found when somebody asks for all of them.

    Args:
        begin: makes the handler at the beginning of a call in whose latest turn these sensitive values are known.
        maker: makes its steps.
        start: what a name stands for that no step has: a step that does nothing.
        calendars: the opening hours, by name.
    """

    def __init__(
        self,
        begin: Callable[[Mapping[str, str]], HandlerPlayback],
        maker: StepMaker,
        start: Step,
        calendars: Mapping[str, Calendar],
    ) -> None:
        self._begin = begin
        self._maker = maker
        self._start = start
        self._calendars = calendars

    @cached_property
    def _explored(self) -> _Exploration:
        exploration = _Exploration(self._begin, self._maker, self._calendars)
        exploration.explore()
        return exploration

    @cached_property
    def _found(self) -> dict[str, Step]:
        return self._explored.steps()

    @property
    def failures(self) -> tuple[FailedRun, ...]:
        """The errors of the runs."""
        return tuple(self._explored.failures)

    @property
    def functions(self) -> Mapping[str, FunctionDefinition]:
        """The functions that the handler calls, by name."""
        return self._explored.functions

    @property
    def hours(self) -> frozenset[str]:
        """The names of the opening hours that the handler reads."""
        return frozenset(self._explored.hours)

    @property
    def is_whole(self) -> bool:
        """Whether every run has been tried."""
        return self._explored.is_whole

    def __getitem__(self, name: str) -> Step:
        return self._maker.latest.get(name) or self._found.get(name) or self._start

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, name: object) -> bool:
        return name in self._found
