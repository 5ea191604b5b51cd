"""Finds the steps of a handler before anybody calls: runs it with every outcome of every wait.

Of two runs that wait at the same place with the same local variables, one is left out: they go on in the same way.
"""

from __future__ import annotations

import gc
import inspect
import re
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property, partial
from time import process_time
from types import CoroutineType
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias

from ncco_server.errors import RenderError
from ncco_server.flow.handlers.api import Call, Called, Effect, HandlerEffect, WrittenText
from ncco_server.flow.handlers.inspection import WITHOUT_AWAIT, HandlerCode, Remark
from ncco_server.flow.handlers.limits import LineTracer, TooLong, in_time
from ncco_server.flow.handlers.playback import NO_KEYS, HandlerPlayback, Recorded, at, milliseconds
from ncco_server.flow.handlers.reading import HandlerSteps, LoadedHandler, issue_of
from ncco_server.flow.handlers.results import misfits
from ncco_server.flow.handlers.steps import EffectAt, Made, RowOfTable, StepMaker, results_of
from ncco_server.flow.hours.calendar import Calendar, CurrentHours, changes
from ncco_server.flow.issues import RULES, FlowIssue, unset_variable
from ncco_server.flow.language.flow import ReadFlow
from ncco_server.flow.language.lookups import LookupDefinition
from ncco_server.flow.language.returns import Returned
from ncco_server.flow.language.shared import Context
from ncco_server.flow.language.tables import TableRead
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import DRAWING_LEGS, Followers
from ncco_server.table_rows import RowChange, applied
from ncco_server.value_types import ANY, E164, WITHHELD
from ncco_studio.verify.handlers.cures import cure_of
from ncco_studio.verify.handlers.samples import SECRET, Samples, samples_of, samples_of_row
from ncco_studio.verify.handlers.states import comparable, facts_of, state_of

MOST_RUNS: Final = 2000
"""Runs of a handler; our choice. A usual one needs less than a hundred."""
MOST_TRACED: Final = 3_000_000
"""Lines of the handler, in all of these runs."""
MOST_S: Final = 20.0
"""Processor time of all of these runs; our choice."""
MOST_ENTERED: Final = 24
_NOON: Final = 1_767_614_400_000
"""In milliseconds since 1970: Monday, 5 January 2026, 12:00 UTC; our choice."""
_COROUTINE: Final = re.compile(r"coroutine object (?:\S+\.)?(\w+) at 0x")
LONGEST_VALUE: Final = 20
_NO_REPLY: Final = "no reply"
_NOTHING_KNOWN: Final[Mapping[str, str]] = {}
_DIGITS: Final = "12345678901234567890"
_PASSED: Final = ("from_", "to", "person", "from_user")
_KNOWN: Final = frozenset({"uuid", "conversation_uuid", "region_url", "request", "direction", "now", "env"})
"""What a handler does not decide by, or what a proof tries values of, and says so."""
_SAMPLE_PARAMS: Final = {"date": "2026-01-05", "time": "09:30", "datetime": "2026-01-05T09:30:00+00:00"}


class FailedRun(NamedTuple):
    """A run that ended in an error.

    Attributes:
        caller: who called, if unusual.
        is_certain: whether every call that gets there fails.
        cure: None for that of the rule.
    """

    code: str
    message: str
    where: str
    caller: str = ""
    is_certain: bool = False
    cure: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function of a handler, as scenarios know it. Without `function`, any result fits."""

    timeout_ms: int
    function: Callable[..., Any] | None = None
    returns: ClassVar = Returned(ANY)
    default: ClassVar[Mapping[str, Any]] = {}

    def cast_answer(self, value: Any, problem: str = "") -> tuple[Any, str]:
        """Return the result, and why there is none, or ""."""
        return value, problem

    def misfits(self, value: Any) -> Mapping[str, str]:
        """Return what is wrong, by the path of each field; "" is the whole value."""
        return {} if self.function is None else misfits(self.function, value)

    def misfit(self, value: Any) -> str:
        return "; ".join(f"{path} {problem}" if path else problem for path, problem in self.misfits(value).items())

    @property
    def examples(self) -> Sequence[Any]:
        return () if self.function is None else samples_of(self.function).values


SAMPLE_CALL: Final[Mapping[str, Any]] = {
    "to": "442079460000",
    "from": "447700900123",
    "from_user": "",
    "uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    "conversation_uuid": "CON-aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    "region_url": "",
    "endpoint_type": "phone",
    "direction": "inbound",
    "sip": {},
    "custom_data": {},
    "request": "",
    "is_hidden": False,
    "person": "447700900123",
}
_CALLERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {},
    "a caller who withholds the number": {"from": WITHHELD[0], "is_hidden": True, "person": ""},
    "a caller who uses an app": {
        "to": "support", "from": "", "from_user": "anna", "is_hidden": True, "endpoint_type": "app",
        "person": "",
    },
}  # fmt: skip
"""What differs from SAMPLE_CALL in further calls, which are tried if the handler reads it."""
_TIMES: Final = (_NOON, _NOON - 33 * 3_600_000)
"""The second one is a Sunday, 03:00 UTC."""
_VARYING: Final = frozenset({"now", "random"}.union(*_CALLERS.values()))
_ATTRIBUTES: Final = {"from_": "from", "now": "now", "env": "env", "random": "random"} | {
    name: name for name in SAMPLE_CALL if name != "from"
}


class WatchedCall(Call):
    """A call that notes what the handler reads of it: fields of `call` in flows, `now` and `env`.

    A handler that has not awaited a method goes on, so that what follows is explored too.
    """

    def __init__(self, run: WatchedRun, *known: Any, **tables: Any) -> None:
        super().__init__(*known, **tables)
        self.reads = run.reads
        self._tracer = run.tracer
        self._forgotten = run.forgotten
        self._dropped = run.dropped
        self._written = run.written
        self._lines: dict[int, int] = {}
        self.on_forgotten = self._forget

    def _make(self, effect: Effect) -> Effect:
        """Raises TypeError if it contains a coroutine, or a text of one."""
        line = self._lines[id(effect)] = self._tracer.latest
        for each in effect.function.arguments if effect.function is not None else ():
            if isinstance(each, CoroutineType):
                each.close()  # it may await it
        for each in _values_in([effect.do, effect.words, effect.first]):
            if isinstance(each, CoroutineType):
                each.close()
                self._dropped.setdefault(line, each.__name__)
            elif isinstance(each, str) and (written := _COROUTINE.search(each)):
                self._written.setdefault(line, written[1])
        if line in self._dropped or line in self._written:
            raise TypeError("a coroutine cannot be said or sent: its `await` is missing")
        return super()._make(effect)

    def _forget(self, forgotten: Sequence[HandlerEffect[Any]]) -> None:
        self._forgotten.update(self._lines[id(each)] for each in forgotten)

    def hours(self, name: str) -> CurrentHours:
        """The handler itself does not read the time here."""
        reads_now = "now" in self.reads
        try:
            return super().hours(name)
        finally:
            if not reads_now:
                self.reads.discard("now")

    def __getattribute__(self, name: str) -> Any:
        if name in _ATTRIBUTES:
            object.__getattribute__(self, "reads").add(_ATTRIBUTES[name])
        return object.__getattribute__(self, name)


def _play(playback: HandlerPlayback, recorded: Sequence[Any]) -> None:
    """Play it while each coroutine of this thread notes the line that makes it."""
    depth = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(1)
    try:
        playback.play(recorded)
    finally:
        sys.set_coroutine_origin_tracking_depth(depth)


def _values_in(value: object) -> Iterator[object]:
    match value:
        case Mapping():
            for pair in value.items():
                yield from _values_in(pair)
        case list() | tuple():
            for each in value:
                yield from _values_in(each)
        case _:
            yield value


class TimedCall(Call):
    """A call that notes when the handler reads the clock or opening hours: how often it had gone on by then."""

    def __init__(self, noted: set[int], *known: Any, **tables: Any) -> None:
        super().__init__(*known, **tables)
        self._noted = noted
        self._went_on = 0
        self._now = at(0)

    @property
    def now(self) -> datetime:
        self._noted.add(self._went_on)
        return self._now

    @now.setter
    def now(self, now: datetime) -> None:
        self._went_on += 1
        self._now = now


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """One run of a handler, to find its steps.

    Attributes:
        known: the sensitive values of its latest turn, by token.
        forgotten: the lines that call a method of the call without awaiting it.
        dropped: the lines that use a coroutine as if it were its result, with the name of its function.
        written: those that say or send the text of one, which another line may have made.
    """

    facts: Mapping[str, Any]
    known: Mapping[str, str]
    reads: set[str]
    tracer: LineTracer
    forgotten: set[int]
    dropped: dict[int, str]
    written: dict[int, str]


_BEGINNING: Final = ("", "")
_Origin: TypeAlias = "tuple[str, str] | Any"


class _LatestRow(NamedTuple):
    """The row that the turn has read or changed last: what it was before the turn (None if not known), and changes."""

    name: str = ""
    before: tuple[Any] | None = None
    changes: tuple[RowChange, ...] = ()

    def changed(self, change: RowChange) -> _LatestRow:
        """The same change counts once, so that a loop ends."""
        return self if change in self.changes else self._replace(changes=(*self.changes, change))


_NO_ROW: Final = _LatestRow()
_Result: TypeAlias = tuple[Any, str, _LatestRow]
"""Of a function or a row: the value, or why there is none; and the row that the turn has read or changed last."""


class _Run(NamedTuple):
    """Results to run the handler with, and what led there: ways out of steps, as (step, way), and functions' states.

    The latest result came at `at_ms`. There are runs for every answer of the opening hours in `tried`.
    """

    facts: Mapping[str, Any]
    recorded: Sequence[Any]
    came_from: tuple[_Origin, ...]
    at_ms: int = _NOON
    tried: frozenset[str] = frozenset()
    known: Mapping[str, str] = _NOTHING_KNOWN
    because: tuple[str, ...] = ()
    row: _LatestRow = _NO_ROW

    def then(
        self,
        item: Any,
        came_from: tuple[_Origin, ...],
        known: Mapping[str, str],
        because: tuple[str, ...] = (),
        row: _LatestRow = _NO_ROW,
    ) -> _Run:
        return _Run(self.facts, [*self.recorded, item], came_from, self.at_ms, known=known, because=because, row=row)

    def moved(self, at_ms: int, tried: frozenset[str], because: tuple[str, ...]) -> _Run:
        *before, latest = self.recorded
        item = list(Recorded(*latest)._replace(at_ms=at_ms)) if before else at_ms
        return self._replace(recorded=[*before, item], at_ms=at_ms, tried=tried, because=because)


@dataclass(slots=True)
class _Exploration:
    begin: Callable[[WatchedRun], HandlerPlayback]
    maker: StepMaker
    code: HandlerCode
    tracer: LineTracer
    calendars: Mapping[str, Calendar]
    ends: float
    reads: set[str] = field(default_factory=set)
    hours: set[str] = field(default_factory=set)
    forgotten: set[int] = field(default_factory=set)
    dropped: dict[int, str] = field(default_factory=dict)
    written: dict[int, str] = field(default_factory=dict)
    made: dict[tuple[str, ...], Sequence[EffectAt]] = field(default_factory=dict)
    led: dict[_Origin, dict[str, dict[str, None]]] = field(default_factory=dict)
    merged: list[tuple[tuple[_Origin, ...], _Origin]] = field(default_factory=list)
    order: dict[str, None] = field(default_factory=dict)
    variants: dict[int, Step] = field(default_factory=dict)
    functions: dict[str, FunctionDefinition | LookupDefinition] = field(default_factory=dict)
    failures: dict[FailedRun, str] = field(default_factory=dict)
    is_whole: bool = True

    def explore(self) -> None:
        """Stop when every outcome of every wait has been tried, or after MOST_RUNS.

        Fields that differ between calls are varied only if the first runs read them.
        """
        with warnings.catch_warnings(record=True) as shown:
            warnings.filterwarnings("always", "coroutine '.*' was never awaited", RuntimeWarning)
            varied: Set[str] = frozenset()
            self._explore(varied)
            while not self.reads & _VARYING <= varied:
                varied = self.reads & _VARYING
                self._explore(varied)
            if self.failures:
                gc.collect()  # their tracebacks keep coroutines
        failed = {_line_of(each.where) for each in self.failures}
        for each in shown:
            if not isinstance(each.source, CoroutineType):
                warnings.showwarning(each.message, each.category, each.filename, each.lineno)
                continue
            for file, line, _ in each.source.cr_origin or ():
                is_used = each.filename == file or line in failed  # otherwise, the run may only have ended too early
                if is_used and file == self.code.file:
                    self.dropped.setdefault(line, each.source.__name__)

    def _explore(self, varied: Set[str]) -> None:
        calls = (
            [({**SAMPLE_CALL, **other}, at_ms) for other in _CALLERS.values() for at_ms in _TIMES]
            if varied
            else [(SAMPLE_CALL, _NOON)]
        )
        calls += [({**SAMPLE_CALL, "uuid": leg}, _NOON) for leg in DRAWING_LEGS if "random" in varied]
        waiting = deque(_Run(facts, [at_ms], (_BEGINNING,), at_ms) for facts, at_ms in calls)
        seen = set[Any]()
        for _ in range(MOST_RUNS):
            if not waiting or self.tracer.count > MOST_TRACED or process_time() > self.ends:
                break
            run = waiting.popleft()
            noted = (self.reads, self.tracer, self.forgotten, self.dropped, self.written)
            playback = self.begin(WatchedRun(run.facts, run.known, *noted))
            try:
                in_time(partial(_play, playback, run.recorded), self.tracer)
                made = _made(playback)
                results = self._results(playback, run.row) if made is None else []
            except RenderError as error:
                usual = {**SAMPLE_CALL, "uuid": run.facts["uuid"]}
                caller = next(who for who, other in _CALLERS.items() if run.facts == {**usual, **other})
                raised = error.__context__  # nothing in these runs is secret
                why = f": {raised}" if raised is not None and error.code == "R110" and str(raised) else ""
                after = f", after {', '.join(run.because)}" if run.because else ""
                is_certain = self.code.always_raises(raised) if raised is not None else not playback.has_begun
                cure = cure_of(raised, self.code) or error.cure or None
                message = str(error).removesuffix(f": {error.cure}") if error.cure else str(error)
                failed = FailedRun(error.code, message, error.where, caller, is_certain, cure)
                self.failures.setdefault(failed, why if is_certain else f"{why}{after}")
                continue
            finally:
                waiting += self._at_other_times(run, playback.read_hours)
            when = run.at_ms if "now" in varied else 0
            state = (*state_of(playback), when, *facts_of(run.facts, varied), comparable(run.row))
            if made is not None:
                self._note(made, run)
            elif state in seen:
                self._merge(playback, run, state)
            if state not in seen:
                seen.add(state)
                waiting += self._following(playback, run, state, results)
        self.is_whole = not waiting
        for came_from, state in self.merged:
            for origin in came_from:
                for name, because in self.led.get(state, {}).items():
                    self.led.setdefault(origin, {}).setdefault(name, {}).update(because)

    def _merge(self, playback: HandlerPlayback, run: _Run, state: Any) -> None:
        """Note a run that came to a function as another one did, or as it did itself without a wait in between."""
        self.merged.append((run.came_from, state))
        if state in run.came_from and playback.wanted is not None:
            name, _ = playback.wanted
            message = f"a call can run {name} forever without a wait: with the same result, it comes here again"
            self.failures.setdefault(FailedRun("E216", message, str(playback.place)), "")

    def _following(
        self, playback: HandlerPlayback, run: _Run, state: Any, results: Iterable[_Result]
    ) -> Iterator[_Run]:
        made = playback.made
        if made is None:
            return self._after_function(playback, run, (*run.came_from, state), results)
        return self._after_wait(playback, made.steps[-1], run) if playback.is_waiting else iter(())

    def _at_other_times(self, run: _Run, read: frozenset[str]) -> Iterator[_Run]:
        self.hours |= read
        tried = run.tried | read
        if tried == run.tried:
            return
        calendars = [self.calendars[name] for name in sorted(tried)]
        found = dict[Any, tuple[datetime, tuple[str, ...]]]()
        before = tuple(each for each in run.because if not each.startswith(tuple(f"{name} " for name in tried)))
        for moment in sorted(changes(calendars, at(_NOON))):
            views = [calendar.at(moment) for calendar in calendars]
            shown = [f"{name} {view.reason}" for name, view in zip(sorted(tried), views, strict=True)]
            answer = tuple((view.reason, bool(view.holiday)) for view in views)
            found.setdefault(answer, (moment, (*before, *shown)))
        yield from (run.moved(milliseconds(moment), tried, because) for moment, because in found.values())

    def _note(self, made: Made, run: _Run) -> None:
        names = tuple(step.name for step in made.steps)
        self.order |= dict.fromkeys(names)
        self.variants |= {id(step): step for step in made.steps}
        self.made.setdefault(names, made.said)
        for origin in run.came_from:
            self.led.setdefault(origin, {}).setdefault(made.steps[0].name, {})[", ".join(run.because)] = None

    def _after_function(
        self, playback: HandlerPlayback, run: _Run, came_from: tuple[_Origin, ...], results: Iterable[_Result]
    ) -> Iterator[_Run]:
        name, request = playback.wanted or ("", None)
        known = {**run.known, SECRET: SECRET} if isinstance(request, RowOfTable) else run.known
        for value, problem, row in results:
            because = (*run.because, f"{name}: {problem or _shown(value)}")
            yield run.then(playback.item_at(value, problem, run.at_ms), came_from, known, because, row)

    def _results(self, playback: HandlerPlayback, row: _LatestRow) -> list[_Result]:
        """What a function or a row may give; `row` is the latest one. Raises RenderError."""
        name, request = playback.wanted or ("", None)
        if isinstance(request, RowOfTable):
            return self._results_of_row(name, request, row)
        if request is not None:
            self.functions[name] = FunctionDefinition(request.timeout_ms, playback.function)
        samples = samples_of(playback.function, self.code.tested_of).values
        return [*((sample, "", row) for sample in samples), (None, _NO_REPLY, row)]

    def _results_of_row(self, name: str, row: RowOfTable, before: _LatestRow) -> list[_Result]:
        change = row.save.change(row.values) if row.save is not None else None
        full = change.row if change is not None else row.name
        latest = before if before.name == full else _LatestRow(full)
        asks = row.asks or (row.save.asks if row.save is not None else None)
        if row.save is not None and (change is None or asks is None):
            return [(change is not None, "", latest if change is None else latest.changed(change))]
        assert asks is not None  # noqa: S101 - a row is read or saved
        self.functions[name] = asks.definition
        samples = [*samples_of_row(asks.definition, self.code.tested_of).values, None] if full else [None]
        results: list[_Result] = []
        for sample in latest.before or samples:
            known = latest._replace(before=(sample,))
            found = applied(sample, full, latest.changes)
            if change is None:
                results.append(({**asks.definition.default, **found} if found is not None else None, "", known))
            else:
                results.append((found is None, "", known.changed(change) if found is None else known))
        return results

    def _after_wait(self, playback: HandlerPlayback, step: Step, run: _Run) -> Iterator[_Run]:
        for way in [way for way in step.exit.ways if not way.target.is_end]:
            is_secret = way.fills is not None and way.fills.sensitive
            secrets = [SECRET] if is_secret and self.maker.has_sensitive_columns else []
            for value in [*_entered(step, way.name, self.code.tested), *secrets]:
                known = {value: value} if is_secret and value is not None else _NOTHING_KNOWN
                problem = way.name if value is None else ""
                yield run.then(playback.item_at(value, problem, run.at_ms), ((step.name, way.name),), known)

    def steps(self) -> dict[str, Step]:
        found: dict[str, Step] = {}
        ways = {origin: WrittenText(next(iter(to))) for origin, to in self.led.items() if isinstance(origin[1], str)}
        for (*_, name), said in self.made.items():
            targets = {way: to for (step, way), to in ways.items() if step == name}
            led = (*said[:-1], EffectAt(said[-1].effect.leading(targets), said[-1].place))
            for step in self.maker.make(name, led).steps:
                found.setdefault(step.name, step)
        return {name: found[name] for name in self.order}


def _shown(value: Any) -> str:
    is_short = not isinstance(value, (list, dict)) and len(str(value)) <= LONGEST_VALUE
    return str(value) if is_short and value != "" else "a result" if value else repr(value)


def _made(playback: HandlerPlayback) -> Made | None:
    """Return None also for a secret that is given to another flow too late."""
    made = playback.made
    if made is not None:
        made.check_secrets()
    return made


def _entered(step: Step, way: str, tested: Sequence[str | int]) -> Sequence[Any]:
    asked = step.exit.asked
    if way != "collected" or asked is None:
        return results_of(step, way)
    low, high = asked.lengths or (1, 0)
    texts = [str(each) for each in tested]
    digits = [_DIGITS[:low], *(text for text in texts if text.isdigit() and low <= len(text) <= high)]
    words = ["some words", *(text for text in texts if text)] if asked.free_speech else []
    return list(dict.fromkeys([*(digits if high else []), *words]))[:MOST_ENTERED]


class SampleEnv(dict[str, str]):
    """Has a text for every variable that is read without a default; `lines` has the first such line."""

    def __init__(self, file: str) -> None:
        self.lines: dict[str, int] = {}
        self._file = file

    def __missing__(self, name: str) -> str:
        frame = inspect.currentframe()
        while frame is not None and frame.f_code.co_filename != self._file:
            frame = frame.f_back
        self.lines.setdefault(name, frame.f_lineno if frame is not None else 1)
        return "https://example.com"


@dataclass(frozen=True, slots=True)
class ExploredHandler(LoadedHandler):
    """A handler with what its runs have shown.

    Attributes:
        reads: fields of `call`, `now` and `env`.
        passed_on: those of them that it compares with nothing: it only says them, or gives them to others.
        functions: those that it calls, and the rows that it reads, by name.
        timed: after how many results it has read the clock or opening hours, since somebody cleared this.
    """

    reads: frozenset[str] = frozenset()
    passed_on: frozenset[str] = frozenset()
    functions: Mapping[str, FunctionDefinition | LookupDefinition] = field(default_factory=dict)
    timed: set[int] = field(default_factory=set, compare=False)

    @property
    def sampled(self) -> frozenset[str]:
        """What has more values than a proof tries: attributes of `call`, params."""
        return (self.reads - _KNOWN - self.passed_on) | self.params.keys()

    def playback(
        self,
        facts: Mapping[str, Any],
        env: Mapping[str, str],
        params: Mapping[str, Any],
        known: Mapping[str, str],
        keys: Sequence[bytes] = NO_KEYS,
        *,
        call: Callable[..., Call] | None = None,
        tracer: LineTracer | None = None,
    ) -> HandlerPlayback:
        noting = call or partial(TimedCall, self.timed)
        return LoadedHandler.playback(self, facts, env, params, known, keys, call=noting, tracer=tracer)

    def samples(self, name: str, request: Any) -> Samples:
        """JSON values for the `Lookup` of a function or of an existing row, and whether there are no others."""
        if isinstance(request, TableRead):
            return samples_of_row(self.maker.rows[name].definition, self.code.tested_of)
        called = request.code
        return samples_of(called.function, self.code.tested_of) if isinstance(called, Called) else Samples((), True)

    def state(self, facts: Mapping[str, Any], env: Mapping[str, str], variables: Mapping[str, Any]) -> Any:
        """Equal for calls in which the handler goes on in the same way."""
        playback = self.playback(facts, env, {name: variables[name] for name in self.params}, _NOTHING_KNOWN)
        playback.play(variables[self.recorded])
        kinds = tuple(_kind_of(facts[name]) for name in sorted(self.passed_on))
        return state_of(playback), facts_of(facts, self.reads - self.passed_on), kinds, *env.items()


def _kind_of(text: str) -> str:
    """What decides whether an action accepts a text that a handler only passes on."""
    return "phone" if E164.fullmatch(text) else "text" if text.strip() else ""


def explored_in(flow: Flow) -> ExploredHandler | None:
    """None for a flow file. The handlers of a proof are explored when they are loaded."""
    return flow.handler if isinstance(flow.handler, ExploredHandler) else None


def explore(
    read: ReadFlow, handling: LoadedHandler, context: Context, issues: list[FlowIssue], *, most_s: float = MOST_S
) -> ReadFlow:
    """Find the steps of a handler in `most_s` of processor time, for `ncco_server.flow.loader.load`."""
    assert read.flow is not None  # noqa: S101 - it has a handler
    flow = read.flow
    maker, code = handling.maker, handling.code
    maker.read = {}
    declared = flow.params.items()
    params = {
        name: param.default or _SAMPLE_PARAMS.get(handling.params[name], param.default) for name, param in declared
    }
    env = SampleEnv(code.file)

    def begin(run: WatchedRun) -> HandlerPlayback:
        return handling.playback(run.facts, env, params, run.known, call=partial(WatchedCall, run), tracer=run.tracer)

    file = flow.place.file
    ends = process_time() + most_s
    exploration = _Exploration(begin, maker, code, LineTracer(code.file), handling.calendars, ends)
    found = ExploredSteps(exploration, file)
    steps = found.steps
    if context.has_all_flows:  # a stored revision was checked when it was new, and calls may be in it
        remarks = [issue_of(remark, file) for remark in found.remarks()]
        without_await = {each.place.line for each in remarks if each.code == WITHOUT_AWAIT[0]}
        outside = {each.place.line for each in remarks if each.code == "W705"}
        failures = ((failure, _issue_of(failure)) for failure in found.failures)
        issues.extend(
            issue
            for failure, issue in failures
            if (not without_await or (failure.is_certain and issue.place.line not in without_await))
            and not (issue.code == "W703" and issue.place.line in outside)
        )
        issues.extend(remarks)
    issues.extend(maker.warnings)
    made = maker.read or {}
    maker.read = None
    unset = env.lines.keys() - (env.lines if context.env is None else context.env)
    issues.extend(unset_variable(Place(file, env.lines[name], 1), name) for name in sorted(unset))
    known = {each.name: getattr(handling, each.name) for each in fields(handling)}
    explored = ExploredHandler(
        **known
        | {"env": frozenset(env.lines), "hours": found.hours, "followers": found.followers, "variants": found.variants},
        reads=found.reads,
        passed_on=found.reads & {_ATTRIBUTES[name] for name in code.passed_on(_PASSED)},
        functions=found.functions,
    )
    of_name = HandlerSteps(maker, flow.steps[flow.start], steps)
    flow = replace(flow, start=next(iter(steps), flow.start), steps=of_name, handler=explored)
    return replace(read, flow=flow, made={name: made[name] for name in steps})


def _issue_of(failure: FailedRun) -> FlowIssue:
    """An issue of the step that the run made, or of its code (E703, W703)."""
    place = Place(failure.where.rsplit(":", 2)[0], _line_of(failure.where), 1)
    message = failure.message.removeprefix(f"{failure.where}: ")
    if failure.is_certain:
        return RULES["E703"].at(place, message, failure.cure)
    if failure.caller:
        message = f"for {failure.caller}: {message}"
    code = "W703" if failure.caller or failure.code not in RULES else failure.code
    return RULES[code].at(place, message, failure.cure)


def _line_of(where: str) -> int:
    """`where` is a file, a line and a column."""
    return int(where.rsplit(":", 2)[1])


class ExploredSteps:
    """What an exploration has found in a handler's `file`."""

    def __init__(self, exploration: _Exploration, file: str) -> None:
        self._exploration = exploration
        self._file = file

    @cached_property
    def _explored(self) -> _Exploration:
        exploration = self._exploration
        try:
            exploration.explore()
        except TooLong:
            where = f"{self._file}:{exploration.tracer.latest}:1"
            exploration.failures[FailedRun("R110", "this line takes too long, or blocks", where)] = ""
        return exploration

    @cached_property
    def steps(self) -> Mapping[str, Step]:
        return self._explored.steps()

    @property
    def failures(self) -> tuple[FailedRun, ...]:
        """For each line, the errors of the most usual caller who has one; none if a column has an unknown type."""
        callers = list(_CALLERS)
        if any(type_.name == "any" for each in self.functions.values() for type_ in each.returns.fields.values()):
            return ()
        detailed = [each._replace(message=each.message + why) for each, why in self._explored.failures.items()]
        found = sorted(detailed, key=lambda each: callers.index(each.caller))
        first = {each.where: each.caller for each in reversed(found)}
        return tuple(each for each in found if each.caller == first[each.where])

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(self._explored.reads)

    def remarks(self) -> Iterator[Remark]:
        dropped = self._explored.dropped or self._explored.written
        found = list(self._exploration.code.remarks(self._explored.forgotten, dropped))
        yield from found
        ends_early = any(each.code in (*WITHOUT_AWAIT, "W704") for each in found)
        if self.is_whole and not self._explored.failures and not ends_early:
            for line in self._exploration.code.never_run(self._explored.tracer.lines):
                yield Remark("W704", line, "no outcome of a wait leads to this line")

    @property
    def variants(self) -> tuple[Step, ...]:
        return tuple(self._explored.variants.values())

    @property
    def followers(self) -> Followers:
        led = self._explored.led.items()
        return {
            origin: {to: [each for each in because if each] for to, because in found.items()}
            for origin, found in led
            if len(found) > 1 and isinstance(origin[1], str)
        }

    @property
    def functions(self) -> Mapping[str, FunctionDefinition | LookupDefinition]:
        return self._explored.functions

    @property
    def hours(self) -> frozenset[str]:
        return frozenset(self._explored.hours)

    @property
    def is_whole(self) -> bool:
        return self._explored.is_whole
