"""Runs a handler for a call, up to its next wait."""

from __future__ import annotations

import inspect
import operator
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from types import CoroutineType
from typing import Any, Final, NamedTuple

import orjson

from ncco_server.errors import RenderError
from ncco_server.flow.handlers.agents import AgentFailed
from ncco_server.flow.handlers.api import Call, CallFlow
from ncco_server.flow.handlers.arguments import WrongArgument
from ncco_server.flow.handlers.effects import (
    END,
    NEXT,
    Called,
    DialFailed,
    HandlerEffect,
    NoInput,
    RunFailed,
    WrittenText,
)
from ncco_server.flow.handlers.limits import TooLong, without_loop
from ncco_server.flow.handlers.secret import SecretGone
from ncco_server.flow.handlers.steps import EffectAt, Made, StepMaker, as_bytes, gone_secret
from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.language.lookups import LookupRequest
from ncco_server.flow.language.saves import RowOfTable
from ncco_server.flow.model import Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.scope import Variable
from ncco_server.moments import milliseconds, moment_of

MOST_EFFECTS: Final = 1000
"""Results that one call may store, and actions of a turn; our choice."""
MOST_BYTES: Final = 1_000_000
"""Of these results, as JSON; our choice. Each turn reads and stores all of them."""
NOT_CAUGHT: Final = "R113"
NO_KEYS: Final = (b"",)
_CRC_DIGITS: Final = 8
_ENDED: Final = "the end"
_TOO_LONG: Final = "let each round of a loop ask the caller, or end it; what takes long goes into `call.run`"
_REACHED: Final[HandlerEffect[Any]] = HandlerEffect(
    "wait", [{"checkpoint": WrittenText("reached")}], {"on": {"reached": NEXT}}
)
"""Waits until what has an unknown length has been heard, before a function is called."""


class Recorded(NamedTuple):
    """What came of one effect of a handler; stored as a list.

    Attributes:
        digest: a keyed hash of what the handler had said since the effect before, and of the function's arguments:
            without the key, nobody finds a PIN by trying all. In calls of earlier versions a CRC-32, with 8 digits.
        at_ms: when the handler went on, in milliseconds since 1970.
        problem: why a function gave no result, or a question no answer; "" if it did.
        line: where the handler waited.
    """

    name: str
    digest: str
    value: Any
    at_ms: int
    problem: str = ""
    line: int = 0


class NotedEnv(Mapping[str, str]):
    """The variables for flows, which stay as the call has read them first.

    Attributes:
        read: those that the call has read, now or in earlier turns; None for one that was not set.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self.read: dict[str, str | None] = {}
        self._env = env
        self._kept: Mapping[str, str | None] = {}

    def keep(self, kept: Mapping[str, str | None]) -> None:
        """`kept` was `read` in earlier turns."""
        self._kept = {**self._kept, **kept}
        self.read |= kept

    def __getitem__(self, name: str) -> str:
        value = self._noted(name, self._env.__getitem__)
        if value is None:
            raise KeyError(name)
        return value

    def get(self, name: str, default: Any = None, /) -> Any:
        value = self._noted(name, self._env.get)
        return default if value is None else value

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name in dict.fromkeys([*self._env, *self._kept]) if name in self)

    def __len__(self) -> int:
        return len([*self])

    def _noted(self, name: str, find: Callable[[str], str | None]) -> str | None:
        if name not in self._kept:
            self.read[name] = None
            self.read[name] = find(name)
        return self.read[name]


class HandlerPlayback:
    """A handler in one call.

    `known` has the sensitive values of this turn, by token. The first of `keys` is for new digests,
    all of them for stored ones.

    Attributes:
        call: what the handler sees of the call.
        place: where it waits.
        coroutine: None before it has begun, and if its function is not `async`.
        made: the steps up to the next wait; None before a function.
    """

    coroutine: Any = None
    made: Made | None = None
    _waiting: HandlerEffect[Any] | None = None
    _reached: HandlerEffect[Any] | None = None
    _said: tuple[EffectAt, ...] | None = None
    _failure: RenderError | None = None
    _name = ""
    _said_since: Sequence[EffectAt] = ()
    _given: Sequence[str] = ()
    _awaited: str | None = None  # the name under which the call waits here, also if its line was moved since then
    _digested = ""
    _size = 0
    _at_ms = 0
    _together: Sequence[HandlerEffect[Any]] = ()
    _came: tuple[Recorded, ...] = ()

    def __init__(
        self,
        flow: CallFlow,
        maker: StepMaker,
        facts: Mapping[str, Any],
        env: Mapping[str, str],
        params: Mapping[str, Any],
        *,
        calendars: Mapping[str, Calendar],
        known: Mapping[str, str],
        keys: Sequence[bytes] = NO_KEYS,
        waits: list[str],
        mask: Callable[[str], str] = str,
    ) -> None:
        self._flow = flow
        self._maker = maker
        self.file = flow.file
        self._path = flow.path or flow.file
        self._env = NotedEnv(env)
        declared = {"tables": maker.tables, "returns": maker.returns}
        self.call = Call(facts, self._env, calendars, maker.language, known, waits=waits, mask=mask, **declared)
        self._waits = waits
        self._keys = keys
        self._params = params
        self._played: list[EffectAt] = []
        self._recorded: list[Any] = []
        self._rows: set[int] = set()
        self.place = Place(self._path, flow.line, 1)

    def __del__(self) -> None:
        """End what the handler does in `finally`."""
        if self.coroutine is not None:
            with suppress(BaseException):
                self.coroutine.close()

    @property
    def recorded(self) -> Sequence[Any]:
        return list(self._recorded)

    def step(self, name: str) -> Step | None:
        made = self.made
        if made is None:
            return None
        if name == self._awaited:
            return made.steps[-1]
        return next((step for step in made.steps if step.name == name), made.steps[0])

    @property
    def values(self) -> Mapping[str, Any]:
        return self.made.values if self.made is not None else {}

    @property
    def computed(self) -> Iterator[str]:
        return self._maker.computed(self._said or [EffectAt(each, self.place) for each in (self._row,) if each])

    @property
    def progress_key(self) -> str:
        """As JSON, without what may differ when a webhook is repeated: times, and rows with what depends on them."""
        recorded = self._recorded[1:]
        if not self._rows:
            return orjson.dumps([each[:3] + each[4:] for each in recorded]).decode()
        found = [(each[0], None if at in self._rows else each[2], each[4]) for at, each in enumerate(recorded, 1)]
        return orjson.dumps(found).decode()

    @property
    def wanted(self) -> Sequence[tuple[str, LookupRequest | RowOfTable]]:
        """Return nothing if the handler waits for a webhook. Raises RenderError."""
        effect = self._waiting
        if self._row is not None:
            return ((self._row.name, self._maker.row(EffectAt(self._row, self.place))),)
        if effect is None or effect.function is None:
            return ()
        return [self._request(each) for each in self._together[len(self._came) :] or (effect,)]

    def _request(self, effect: HandlerEffect[Any]) -> tuple[str, LookupRequest]:
        assert effect.function is not None  # noqa: S101 - it runs one
        try:
            for secret in effect.function.secrets:
                secret.reveal()
        except SecretGone as error:
            raise gone_secret(error, self.place) from None
        source = f"{self._path}:{effect.name}"
        return effect.name, LookupRequest("PYTHON", function=source, code=effect.function, timeout_ms=effect.limit_ms)

    def logged(self, now: datetime) -> Sequence[str]:
        return self.call.logged if self.call.logged and self._at_ms == milliseconds(now) else ()

    @property
    def is_waiting(self) -> bool:
        """False if it has ended or left the call to another flow."""
        return self._waiting is not None and self._waiting.does != "leave"

    @property
    def _called(self) -> Called | None:
        effect = self._waiting
        if effect is None or effect.held is None:
            return effect.function if effect is not None else None
        return effect.held.called

    @property
    def _row(self) -> HandlerEffect[Any] | None:
        effect = self._waiting
        return effect if effect is not None and effect.does == "run" and effect.function is None else None

    @property
    def returns(self) -> Mapping[str, Variable] | None:
        return self._waiting.returns if self._waiting is not None else None

    def follows(self, recorded: Sequence[Any]) -> bool:
        return len(recorded) >= len(self._recorded) and all(map(operator.is_, self._recorded, recorded))

    def item(self, value: Any, problem: str, now: datetime) -> list[Any]:
        return list(Recorded(self._name, self._digest(), value, milliseconds(now), problem, self.place.line))

    @property
    def awaited(self) -> list[Any]:
        if self._failure is not None or not self.is_waiting:
            return []
        read = [dict(self._env.read)] if self._env.read else []
        return [len(self._recorded), self._name, self._digest(), self.place.line, *read]

    def play(self, recorded: Sequence[Any], awaited: Sequence[Any] = ()) -> None:
        """Run on with these results. Raises RenderError, also if `awaited` was stored for another wait.

        A handler that has failed is not run again: it may have taken all the time that it has.
        """
        if self._failure is not None:
            raise self._failure
        if len(recorded) > MOST_EFFECTS:
            raise RenderError("R112", f"the handler has waited more than {MOST_EFFECTS} times", str(self.place))
        new = recorded[len(self._recorded) :]
        number, *before = awaited or (-1,)
        if len(before) > 3:
            self._env.keep(before[3])
        self._size += len(orjson.dumps(new)) if new else 0
        if self._size > MOST_BYTES:
            message = f"the results of this call's waits and functions have more than {MOST_BYTES // 1_000_000} MB"
            raise RenderError("R112", message, str(self.place))
        try:
            if new:
                self._limited(self._go_on, new)
            if number == len(self._recorded):
                self._compare(*before[:3])
                self._awaited = before[0]
        except RenderError as error:
            self._failure = error
            raise

    def run(self, work: Callable[[Any], None], argument: Any) -> None:
        """Raises TooLong, or as the work does."""
        without_loop(work, argument)

    def _limited(self, work: Callable[[Any], None], argument: Any) -> None:
        """Raises RenderError, whatever the handler's code does."""
        try:
            self.run(work, argument)
        except RenderError as error:
            if error.where:
                raise
            self._fail(error.message, error, error.code, error.cure)
        except TooLong as error:
            self._fail("the handler ran too long without a wait", error, cure=_TOO_LONG)
        except SecretGone as error:
            self._fail(str(error), error, cure=error.cure)
        except WrongArgument as error:
            self._fail(error.message, error, cure=error.cure)
        except (NoInput, DialFailed, AgentFailed) as error:
            self._fail(f"{type(error).__name__} was not caught", error, NOT_CAUGHT if self._has_error_flow else "R110")
        except BaseException as error:  # noqa: BLE001 - the author's code may raise anything, `sys.exit()` too
            self._fail(f"the handler raised {type(error).__name__}", error)

    @property
    def _has_error_flow(self) -> bool:
        return "error" in self._flow.words.get("defaults", {}).get("on", {})

    def _make(self, said: Sequence[EffectAt]) -> None:
        self.made = self._maker.make(self._name, said)

    def _go_on(self, results: Sequence[Any]) -> None:
        for stored in results:
            if self.coroutine is not None:
                result = Recorded(*stored)
                self._compare(result.name, result.digest, result.line)
            self._recorded.append(stored)
            if self.coroutine is None:
                self._begin(stored)
                continue
            self.call.now = moment_of(result.at_ms)
            if result.at_ms != self._at_ms:
                self._at_ms = result.at_ms
                self.call.logged.clear()
            if self._row is not None and not self._row.words.keys().isdisjoint(("row", "rows")):
                self._rows.add(len(self._recorded) - 1)
            self._advance(result)
        if self._said is not None:
            self._make(self._said)

    def _told(self, name: str) -> bytes:
        said = [(effect.first, effect.do, effect.words) for effect, _ in self._said_since]
        return as_bytes([name, said, *self._given])

    def _digest(self) -> str:
        """With the first of the keys."""
        self._digested = self._digested or _keyed(self._told(self._name), self._keys[0])
        return self._digested

    def _compare(self, name: str, digest: str, line: int) -> None:
        """Raise RenderError if the handler has come to something else than it came to before.

        A wait without a name may be in another line: the code above it was changed.
        """
        if name == self._name or (name, self._name) == (_unnamed(line), _unnamed(self.place.line)):
            told = self._told(name)
            if any(digest == _keyed(told, key) for key in self._keys):
                return
            if len(digest) == _CRC_DIGITS and digest == f"{zlib.crc32(told):08x}":
                return
        before = _shown(name, line)
        now = _shown(self._name, self.place.line)
        difference = f"and now to {now}" if now != before else "and now there with other texts or arguments"
        message = (
            f"the handler does something else than before: as number {len(self._recorded)}, it came to {before},"
            f" {difference}; put what changes into `call.run`"
        )
        raise RenderError("R111", message, str(self.place), frozenset())

    def _begin(self, begun: Any) -> None:
        """`begun` is the time; in calls that an earlier version has begun, with the variables of the call."""
        ms, env = begun if isinstance(begun, list) else (begun, {})
        self._at_ms = ms
        self.call.now = moment_of(ms)
        if env:
            self._env.keep(env)
        made = self._flow.function(self.call, **self._params)
        if not inspect.iscoroutine(made):
            cure = "write `async def`, and `await` before each method of the call"
            raise RenderError("R110", "the handler is not an `async` function", str(self.place), frozenset(), cure)
        self.coroutine = made
        self._advance(None)

    def _advance(self, result: Recorded | None) -> None:
        """Raises RenderError."""
        said = len(self._played)
        waited = self._waiting
        self._waiting = self.made = self._said = None
        try:
            effect = self._send(result, waited)
            place = self._place_now()
            while effect.does == "play":
                self._played.append(EffectAt(effect, place))
                if len(self._played) > MOST_EFFECTS:  # the alarm may be missing
                    raise TooLong
                effect = self._send(None)
                place = self._place_now()
            if effect.does == "run" and any(each.effect.is_open_ended for each in self._played):
                self._reached, effect = effect, _REACHED
            self._stop_at(effect, place, said)
        except StopIteration as ended:
            self._end(ended.value, said)

    def _send(self, result: Recorded | None, waited: HandlerEffect[Any] | None = None) -> HandlerEffect[Any]:
        """`waited` is what the result belongs to."""
        if self._reached is not None:
            reached, self._reached = self._reached, None
            return reached
        if result is not None and waited is not None:
            waited.problem = result.problem
            if waited.does == "wait":
                self._waits.append(self._name)
        problem = waited.problem if waited is not None and waited.does == "run" else ""
        if self._together and result is not None:
            came = self._came = (*self._came, result)
            if len(came) < len(self._together):
                return self._together[len(came)]
            self._together, self._came = (), ()
            problem = next((each.problem for each in came if each.problem), "")
            result = result._replace(value=[each.value for each in came])
        if problem:
            found = self.coroutine.throw(RunFailed(problem))
        else:
            found = self.coroutine.send(None if result is None else result.value)
        if not isinstance(found, HandlerEffect):
            message = "the handler awaits something that is no method of its call: put it into `call.run`"
            raise RenderError("R110", message, str(self._place_now()), frozenset())
        if self.call.made == [found]:
            self.call.made.clear()
        else:
            self._check_awaited()
        if found.together:
            self._together = found.together
            return self._together[0]
        return found

    def _check_awaited(self) -> None:
        made = self.call.made
        forgotten = [each for each in made if not each.is_awaited]
        made.clear()
        if forgotten:
            message = "the handler has called a method of its call without `await`"
            raise RenderError("R110", message, str(self._place_now()), frozenset())

    def _place_now(self) -> Place:
        """The innermost line of the handler's own file."""
        line = self.place.line
        inner = self.coroutine
        while type(inner) is CoroutineType:
            frame = inner.cr_frame
            if frame is not None and frame.f_code.co_filename == self.file:
                line = frame.f_lineno
            inner = inner.cr_await
        return Place(self._path, line, 1)

    def _stop_at(self, effect: HandlerEffect[Any], place: Place, said: int) -> None:
        self._waiting = effect
        self.place = place
        self._name = effect.name or _unnamed(place.line)
        self._played.append(EffectAt(effect, place))
        self._said_since = self._played[said:]
        self._digested = ""
        self._awaited = None
        called = self._called  # it can change its arguments later
        self._given = [_argument_told(argument) for argument in called.arguments] if called is not None else []
        self._said = None
        if effect.does == "run":
            self._played.pop()
        else:
            self._said = tuple(self._played)
            self._played = []

    def _end(self, outcome: Any, said: int) -> None:
        self._check_awaited()
        if outcome is not None and not isinstance(outcome, str):
            cure = "write `return` alone, or with a text that is one of its `outcomes`"
            raise RenderError("R110", "a handler returns an outcome or nothing", str(self.place), frozenset(), cure)
        place = self._played[0].place if self._played else self.place
        words = {"goto": END if outcome is None else {"return": WrittenText(outcome)}}
        parts = [
            _ENDED,
            *([_unnamed(self._played[-1].place.line)] if self._played else []),
            *([outcome] if outcome else []),
        ]
        name = ", ".join(parts)
        self._stop_at(HandlerEffect("leave", words=words, name=name), place, said)

    def _fail(self, message: str, error: BaseException, code: str = "R110", cure: str = "") -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == self.file]
        place = Place(self._path, own[-1].lineno or 1, 1) if own else self.place
        raise RenderError(code, message, str(place), frozenset(), cure) from None


def _keyed(text: bytes, key: bytes) -> str:
    return blake2b(text, digest_size=8, key=key).hexdigest()


def _shown(name: str, line: int) -> str:
    return f'"{name}"' if name == _unnamed(line) else f'"{name}" (line {line})'


def _unnamed(line: int) -> str:
    """The name of a wait that its author gave none."""
    return f"line {line}"


def _argument_told(argument: Any) -> str:
    """As JSON, or only the type of what JSON does not have: its `repr` may be an address."""
    try:
        return orjson.dumps(argument, default=_type_of, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return _type_of(argument)


def _type_of(value: Any) -> str:
    return type(value).__qualname__
