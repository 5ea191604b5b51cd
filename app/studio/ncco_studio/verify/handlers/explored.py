"""A handler that is explored: what its runs read, make and fail at, and what it may get."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from types import CoroutineType
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeAlias

from ncco_server.errors import RenderError
from ncco_server.flow.handlers.api import Call, Effect
from ncco_server.flow.handlers.cures import cure_of
from ncco_server.flow.handlers.effects import Called, HandlerEffect
from ncco_server.flow.handlers.limits import LineTracer, TooLong
from ncco_server.flow.handlers.playback import NOT_CAUGHT, HandlerPlayback, Recorded
from ncco_server.flow.handlers.reading import LoadedHandler
from ncco_server.flow.handlers.results import misfits
from ncco_server.flow.handlers.steps import EffectAt, Made, results_of
from ncco_server.flow.hours.calendar import CurrentHours
from ncco_server.flow.language.lookups import LookupDefinition, LookupRequest
from ncco_server.flow.language.returns import Returned
from ncco_server.flow.language.saves import RowOfTable
from ncco_server.flow.language.selection import TableSearch
from ncco_server.flow.language.tables import TableRead
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import RECORDED
from ncco_server.ncco.value_types import ANY, E164
from ncco_studio.verify.handlers.conditions import NOTHING, ComparedConditions
from ncco_studio.verify.handlers.raised import always_raises, blamed, raised_at
from ncco_studio.verify.handlers.samples import Samples, samples_of, samples_of_row
from ncco_studio.verify.handlers.states import comparable, state_of

_COROUTINE: Final = re.compile(r"coroutine object (?:\S+\.)?(\w+) at 0x")
_LONGEST_VALUE: Final = 20
_PASSED: Final = frozenset({"from_", "to", "person", "from_user"})
_KNOWN: Final = frozenset({"uuid", "conversation_uuid", "region_url", "request", "direction", "now", "env"})
"""What a handler does not decide by, or what a proof tries values of, and says so."""
_ATTRIBUTES: Final = {name: name.removesuffix("_") for name in (*Call.__annotations__, "random")}
BEGINNING: Final = ("", "")
_HIDDEN: Final = "a caller who withholds the number"
_APP: Final = "a caller who uses an app"
CALLERS: Final = ("", _HIDDEN, _APP)
"""The most usual ones come first."""


class FailedRun(NamedTuple):
    """A run that ended in an error.

    Attributes:
        place: the expression that raised; None for that of `where`.
        caller: who called, if unusual.
        is_certain: whether every call that gets there fails.
        cure: None for that of the rule.
    """

    code: str
    message: str
    where: str
    place: Place | None = None
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


Origin: TypeAlias = tuple[str, str]
"""A step and a way out of it; BEGINNING is that of the call."""


@dataclass(slots=True)
class Watch:
    """What is noted of a handler while it is explored.

    Attributes:
        reads: fields of `call`, `now` and `env`.
        env: the variables that it reads without a default, with the first line that reads each.
        forgotten: the lines that call a method of the call without awaiting it.
        unawaited: the lines that have called one before the run failed.
        dropped: the lines that use a coroutine as if it were its result, with the name of its function.
        written: those that say or send the text of one, which another line may have made.
        timed: after how many results it has read the clock or opening hours, since somebody cleared this.
        said: the effects of each row of steps, by their names.
        led: the steps that followed each way out of a step, with what led there.
        is_timeless: whether it only says the time, or gives it to others; opening hours apart.
        playback: the one that ran last, since somebody cleared this.
    """

    tracer: LineTracer
    is_timeless: bool = False
    is_on: bool = False
    reads: set[str] = field(default_factory=set)
    hours: set[str] = field(default_factory=set)
    env: dict[str, int] = field(default_factory=dict)
    forgotten: set[int] = field(default_factory=set)
    unawaited: set[int] = field(default_factory=set)
    dropped: dict[int, str] = field(default_factory=dict)
    written: dict[int, str] = field(default_factory=dict)
    timed: set[int] = field(default_factory=set)
    functions: dict[str, FunctionDefinition | LookupDefinition] = field(default_factory=dict)
    failures: dict[FailedRun, str] = field(default_factory=dict)
    said: dict[tuple[str, ...], Sequence[EffectAt]] = field(default_factory=dict)
    led: dict[Origin, dict[str, dict[str, None]]] = field(default_factory=dict)
    order: dict[str, None] = field(default_factory=dict)
    variants: dict[int, Step] = field(default_factory=dict)
    playback: WatchedPlayback | None = None

    def note(self, made: Made, origin: Origin, because: Sequence[str]) -> None:
        names = tuple(step.name for step in made.steps)
        self.order |= dict.fromkeys(names)
        self.variants |= {id(step): step for step in made.steps}
        self.said.setdefault(names, made.said)
        self.led.setdefault(origin, {}).setdefault(names[0], {})[", ".join(because)] = None

    def note_late(self, path: str) -> None:
        where = f"{path}:{self.tracer.late}:1"
        self.failures[FailedRun("W703", "this line takes too long, or blocks", where)] = ""

    def note_repetition(self, name: str) -> None:
        message = f"a call can run {name} forever without a wait: with the same result, it comes here again"
        place = self.playback.place if self.playback is not None else ""
        self.failures.setdefault(FailedRun("E216", message, str(place)), "")


class WatchedCall(Call):
    """A call that notes what the handler reads of it.

    A handler that has not awaited a method goes on, so that what follows is explored too.
    """

    def __init__(self, watch: Watch, *known: Any, **tables: Any) -> None:
        super().__init__(*known, **tables)
        self.watch = watch
        self.went_on = 0
        self.asked_hours: list[tuple[int, str]] = []
        self._lines: dict[int, int] = {}
        self.on_forgotten = self._forget

    def _make(self, effect: Effect) -> Effect:
        """Raises TypeError if it contains a coroutine, or a text of one."""
        watch = self.watch
        line = self._lines[id(effect)] = watch.tracer.latest
        for each in effect.function.arguments if effect.function is not None else ():
            if isinstance(each, CoroutineType):
                each.close()  # it may await it
        said = [effect.do, effect.words, effect.first]
        for each in _values_in(said) if "coroutine object" in repr(said) else ():
            if isinstance(each, CoroutineType):
                each.close()
                watch.dropped.setdefault(line, each.__name__)
            elif isinstance(each, str) and (written := _COROUTINE.search(each)):
                watch.written.setdefault(line, written[1])
        if line in watch.dropped or line in watch.written:
            raise TypeError("a coroutine cannot be said or sent: its `await` is missing")
        return super()._make(effect)

    def _forget(self, forgotten: Sequence[HandlerEffect[Any]]) -> None:
        self.watch.forgotten.update(self._lines[id(each)] for each in forgotten)

    @property
    def unawaited(self) -> set[int]:
        """The lines that have called one of its methods, since the latest wait, without awaiting it yet."""
        return {self._lines[id(each)] for each in self.made if not each.is_awaited}

    def hours(self, name: str) -> CurrentHours:
        """The handler itself does not read the time here."""
        reads_now = "now" in self.watch.reads
        try:
            found = super().hours(name)
            self.watch.hours.add(name)
            self.watch.timed.add(self.went_on)
            self.asked_hours.append((self.went_on, f"{name} {found.reason}"))
            return found
        finally:
            if not reads_now:
                self.watch.reads.discard("now")

    def __getattribute__(self, name: str) -> Any:
        if name in _ATTRIBUTES:
            watch = object.__getattribute__(self, "watch")
            watch.reads.add(_ATTRIBUTES[name])
            if name == "now" and not watch.is_timeless:
                watch.timed.add(object.__getattribute__(self, "went_on"))
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "now":
            self.went_on += 1
        super().__setattr__(name, value)


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


class _SampleEnv(dict[str, str]):
    """Has a text for every variable that is read without a default."""

    def __init__(self, known: Mapping[str, str], lines: dict[str, int], file: str) -> None:
        super().__init__(known)
        self._lines = lines
        self._file = file

    def __getitem__(self, name: str) -> str:
        frame = inspect.currentframe()
        while frame is not None and frame.f_code.co_filename != self._file:
            frame = frame.f_back
        self._lines.setdefault(name, frame.f_lineno if frame is not None else 1)
        return self.get(name, "https://example.com")


class WatchedPlayback(HandlerPlayback):
    """Notes what the handler does and fails at. Code that blocks ends the exploration with TooLong.

    Attributes:
        goes_on: whether it plays on, and not only to where the call waits already.
    """

    goes_on = True
    _is_back = False

    def __init__(
        self,
        handler: ExploredHandler,
        facts: Mapping[str, Any],
        env: Mapping[str, str],
        params: Mapping[str, Any],
        **others: Any,
    ) -> None:
        self.handler = handler
        self.watch = watch = handler.watch
        self._facts = facts
        self._secrets = others["known"]
        known = _SampleEnv(env, watch.env, handler.code.file)
        call = partial(WatchedCall, watch)
        super().__init__(handler.flow, handler.maker, facts, known, params, call=call, tracer=watch.tracer, **others)

    @property
    def state(self) -> tuple[Any, ...]:
        """Equal for two playbacks that go on in the same way, with the same origin and what they have said since."""
        said = self._played or (self.made.said if self.made is not None else ())  # a `hold` asks once it is made
        return self._origin, *state_of(self), _shape([(each.effect.first, each.effect.do, each.place) for each in said])

    @property
    def begun(self) -> tuple[Any, ...] | None:
        """What decides where it is; None if it has failed or knows secrets of its turn."""
        return None if self._failure or self._secrets else (self._facts, self._params, self._recorded)

    @property
    def because(self) -> list[str]:
        """What has led on since the latest wait: opening hours, and results of functions."""
        results = [Recorded(*each) for each in self._recorded[self._began :]]
        hours = [said for number, said in getattr(self.call, "asked_hours", ()) if number >= self._began]
        return [*dict.fromkeys(hours), *(f"{each.name}: {each.problem or _shown(each.value)}" for each in results)]

    @property
    def _began(self) -> int:
        """How many results the handler had got when it left the latest wait."""
        number = len(self._recorded)
        while number > 1 and self._recorded[number - 1][0] in self.watch.functions:
            number -= 1
        return number

    @property
    def _origin(self) -> Origin:
        if self._began <= 1:
            return BEGINNING
        came = Recorded(*self._recorded[self._began - 1])
        step = self._maker.latest.get(came.name)
        return came.name, "" if step is None else _way_of(step, came)

    def play(self, recorded: Sequence[Any], awaited: Sequence[Any] = ()) -> None:
        """Each coroutine of this thread notes the line that makes it."""
        self.watch.playback = self
        self._is_back = not self.goes_on or (bool(awaited) and awaited[0] == len(recorded))
        depth = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(1)
        try:
            super().play(recorded, awaited)
        except RenderError as error:
            self._note_failure(error)
            raise
        finally:
            sys.set_coroutine_origin_tracking_depth(depth)

    @property
    def wanted(self) -> Sequence[tuple[str, LookupRequest | RowOfTable]]:
        try:
            found = super().wanted
            for _, request in found:
                if isinstance(request, RowOfTable) and request.save is not None:
                    request.save.change(request.values)  # the engine does it where nobody notes its errors
        except RenderError as error:
            self._note_failure(error)
            raise
        for name, request in found:
            if not isinstance(request, RowOfTable):
                called = request.code.function if isinstance(request.code, Called) else self.function
                self.watch.functions[name] = FunctionDefinition(request.timeout_ms, called)
            elif (asks := request.asks or (request.save.asks if request.save is not None else None)) is not None:
                self.watch.functions[name] = asks.definition
        return found

    def _make(self, said: Sequence[EffectAt]) -> None:
        super()._make(said)
        if self.made is not None:
            if not self._is_back:  # if it is, the flow that it runs has got its secrets
                self.made.check_secrets()
            self.watch.note(self.made, self._origin, self.because)

    def _note_failure(self, error: RenderError) -> None:
        if error.code == NOT_CAUGHT or self.watch.tracer.late:
            return
        if isinstance(self.call, WatchedCall):
            self.watch.unawaited |= self.call.unawaited
        facts = self._facts
        raised = error.__context__  # nothing in these runs is secret
        is_told = raised is None or error.code != "R110" or bool(error.cure)
        why = "" if is_told or not str(raised) else f": {raised}"
        because = self.because
        after = f", after {', '.join(because)}" if because else ""
        code = self.handler.code
        is_certain = always_raises(code, raised) if raised is not None else self.coroutine is None
        caller = _APP if facts["from_user"] else _HIDDEN if facts["is_hidden"] else ""
        at = raised_at(code, raised) if raised is not None else None
        cure = cure_of(raised, at.node if at is not None and at.is_own else None) or error.cure or None
        message = str(error).removesuffix(f": {error.cure}") if error.cure else str(error)
        node = blamed(code, at.node, raised or error) if at is not None and at.node is not None else None
        place = code.written.place(node) if node is not None else None
        failed = FailedRun(error.code, message.removesuffix("."), error.where, place, caller, is_certain, cure)
        self.watch.failures.setdefault(failed, why if is_certain else f"{why}{after}")


def _way_of(step: Step, came: Recorded) -> str:
    names = [way.name for way in step.exit.ways]
    if came.problem in names:
        return came.problem
    value = came.value[0] if isinstance(came.value, list) else came.value  # a flow that returns values
    found = (name for name in names if value in results_of(step, name))
    return next(found, "collected" if "collected" in names else "")


def _shown(value: Any) -> str:
    is_short = not isinstance(value, (list, dict)) and len(str(value)) <= _LONGEST_VALUE
    return str(value) if is_short and value != "" else "a result" if value else repr(value)


def _shape(value: Any) -> Any:
    """What is said, without the words of texts."""
    if isinstance(value, str):
        return _kind_of(value)
    if isinstance(value, Mapping):
        return tuple((key, _shape(each)) for key, each in value.items())
    return tuple(map(_shape, value)) if isinstance(value, list | tuple) else comparable(value)


def _kind_of(text: str) -> str:
    """What decides whether an action accepts a text that a handler only passes on."""
    return "phone" if E164.fullmatch(text) else "text" if text.strip() else ""


@dataclass(frozen=True, slots=True)
class ExploredHandler(LoadedHandler):
    """A handler with what its runs have shown.

    Attributes:
        guessed: fields of `call`, `now` and `env` that it may read.
        functions: those that it calls, and the rows that it reads, by name.
        compared: what its file compares values with.
        passed: the attributes of its call that it only says, or gives to others.
        counted: the variables that it only counts, and gives to functions.
        watch: what its runs show now.
    """

    guessed: frozenset[str] = frozenset()
    functions: Mapping[str, FunctionDefinition | LookupDefinition] = field(default_factory=dict)
    compared: ComparedConditions = field(default=NOTHING, compare=False)
    passed: Set[str] = frozenset()
    counted: Set[str] = frozenset()
    watch: Watch = field(default_factory=lambda: Watch(LineTracer("")), compare=False)

    @property
    def reads(self) -> frozenset[str]:
        """Fields of `call`, `now` and `env`."""
        return self.guessed | self.watch.reads

    @property
    def passed_on(self) -> frozenset[str]:
        """Those of `reads` that it compares with nothing: it only says them, or gives them to others."""
        return self.reads & {_ATTRIBUTES[name] for name in _PASSED & self.passed}

    @property
    def sampled(self) -> frozenset[str]:
        """What has more values than a proof tries: attributes of `call`, params."""
        return (self.reads - _KNOWN - self.passed_on) | self.params.keys()

    def guessing(self) -> Self:
        """It may read what its file has attributes of, besides what its runs have read."""
        return replace(self, guessed=frozenset(_ATTRIBUTES[name] for name in self.code.attributes & _ATTRIBUTES.keys()))

    def playback(self, *given: Any, **more: Any) -> HandlerPlayback:
        if self.watch.is_on:
            more["make"] = partial(WatchedPlayback, self)
        return LoadedHandler.playback(self, *given, **more)

    def samples(self, name: str, request: Any, now: datetime) -> Samples:
        """JSON values for the `Lookup` of a function or of an existing row, and whether there are no others."""
        if isinstance(request, TableRead | TableSearch):
            return samples_of_row(self.maker.rows[name].definition, self.compared, now)
        called = request.code
        if not isinstance(called, Called):
            return Samples((), True)
        try:
            return self.watch.tracer.run(lambda function: samples_of(function, self.compared, now), called.function)
        except TooLong:
            self.watch.tracer.late = self.watch.tracer.latest
            raise

    def state(
        self,
        facts: Mapping[str, Any],
        env: Mapping[str, str],
        variables: Mapping[str, Any],
        mask: Callable[[str], str],
    ) -> Any:
        """Equal for calls in which the handler goes on in the same way."""
        params = {name: variables[name] for name in self.params if name in variables}
        begun = (facts, params, variables[RECORDED])
        latest = self.watch.playback
        playback: HandlerPlayback
        if latest is not None and not self.secrets and latest.begun == begun:
            playback = latest
        else:
            playback = self.playback(facts, env, params, {}, mask=mask)
            if isinstance(playback, WatchedPlayback):
                playback.goes_on = False
            try:
                playback.play(variables[RECORDED])
            except RenderError as error:
                return str(error)
        kinds = tuple(_kind_of(facts[name]) for name in sorted(self.passed_on))
        known = ("uuid" if name == "random" else name for name in sorted(self.reads - self.passed_on))
        return (
            state_of(playback, self.counted),
            tuple(comparable(facts.get(name)) for name in known),
            kinds,
            *env.items(),
        )


def explored_in(flow: Flow) -> ExploredHandler | None:
    """None for a flow file. The handlers of a proof are explored when they are loaded."""
    return flow.handler if isinstance(flow.handler, ExploredHandler) else None
