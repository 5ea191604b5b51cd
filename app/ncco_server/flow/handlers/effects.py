"""What a handler does, as the server sees it: each method of a `Call` makes an effect."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NoReturn, TypeAlias, TypeVar

from ncco_server.flow.handlers.arguments import WrongArgument
from ncco_server.flow.handlers.results import as_json, restored
from ncco_server.flow.handlers.secret import Secret, secrets_in
from ncco_server.flow.scope import Variable
from ncco_server.ncco import is_open_ended
from ncco_server.ncco.statuses import DIAL_FAILURES

T = TypeVar("T")
NotCompleted: TypeAlias = Literal["busy", "timeout", "unanswered", "rejected", "failed", "disconnected"]
Completed: TypeAlias = Literal["completed"]
Detection: TypeAlias = Literal["machine", "human", "beep"]
Reached = TypeVar("Reached", bound="Completed | Detection")
FailedTry: TypeAlias = Literal["noinput", "nomatch"]


class RunFailed(Exception):
    """A function for `Call.run` raised an error, returned no JSON, or took too long. The message says which."""


class NoInput(Exception):
    """The caller gave no answer, or none that fits, at the last try.

    Attributes:
        question: what the caller was asked; "" if that was played before.
        outcome: `noinput` or `nomatch`, at the last try.
    """

    def __init__(self, question: str, outcome: FailedTry = "noinput") -> None:
        super().__init__(f"the caller has not answered: {outcome}")
        self.question = question
        self.outcome = outcome


class DialFailed(Exception):
    """Nobody was reached.

    Attributes:
        outcome: what came of the dial, such as `busy`.
        tried: the number that was dialled, as `***` and its last three digits; "" if it was no phone number or several.
    """

    def __init__(self, outcome: str, tried: str = "") -> None:
        super().__init__(f"nobody was reached: {outcome}")
        self.outcome = outcome
        self.tried = tried


class WrittenText(str):
    """A text that is the same in every call, though it is not written in the handler's file."""

    __slots__ = ()


class ColumnUrl(str):
    """A URL of a table, which names its host; "" if its row has none."""

    __slots__ = ()


class TimeText(str):
    """A date or time that a handler gave as one. It is not searched for secrets: a PIN may be a year."""

    __slots__ = ()


HEARD: Final = "await"
"""The variable of a handler's flow that receives what the caller entered: a keyword, which no argument is called."""
SECRET: Final = "async"  # noqa: S105 - a name
"""The variable that receives it if it is sensitive."""
NEXT: Final = WrittenText("next")
"""The name of the step that follows a wait: where the handler goes on."""
END: Final = WrittenText("end")
READY: Final = "ready"
"""The field of a held function's answer that ends the wait."""


@dataclass(frozen=True, slots=True)
class Called:
    """A function with its arguments, as `Call.run` calls it."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise WrongArgument("this is a value, not a function", "write `call.run(f, ..)` for `f(..)`")

    @property
    def name(self) -> str:
        return getattr(self.function, "__qualname__", type(self.function).__name__)

    @property
    def secrets(self) -> Iterator[Secret]:
        return secrets_in((self.function, self.arguments))

    def __call__(self) -> Any:
        """Return the result as a JSON value, or an awaitable with that."""
        found = self.function(*self.arguments)
        return self._awaited(found) if inspect.isawaitable(found) else as_json(self.function, found)

    async def _awaited(self, result: Awaitable[Any]) -> Any:
        return as_json(self.function, await result)

    def restored(self, stored: Any) -> Any:
        """Raises RunFailed."""
        try:
            return restored(self.function, stored)
        except ValueError:
            raise RunFailed(f"the stored result of {self.name} does not fit its return type") from None


@dataclass(frozen=True, slots=True)
class HeldFunction:
    """A function that a `hold` calls again and again; `name` is that of its lookup."""

    name: str
    called: Called
    limit_ms: int


@dataclass(slots=True, eq=False)
class HandlerEffect(Coroutine[Any, Any, T]):
    """What a handler does next: it plays something, waits, leaves, or runs a function.

    Attributes:
        does: `play`: actions before the next wait; `wait`; `leave`: the handler does not go on; `run`: a function, or
            a row of a table, with `row`, `rows` or `save` in `words`.
        first: what the step does before its actions, as in a flow file: `send`, a list, and `result`.
        do, words: the actions, and how the step ends, as in a flow file.
        function: what `run` calls, without arguments.
        result: makes the result of the handler's `await` from the stored JSON value.
        asks: whether it may be asked again.
        held: the function that a `hold` calls again and again.
        flow: the flow that it goes to or runs.
        together: those that it runs at once.
        problem: why there is no result, once the handler goes on: `noinput` or `nomatch` of a question.
        returns: the values that it takes from the flow that it runs; None to take only the outcome.
    """

    does: Literal["play", "wait", "leave", "run"]
    do: Sequence[Mapping[str, Any]] = ()
    words: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    function: Called | None = None
    limit_ms: int = 0
    result: Callable[[Any], T] = lambda stored: stored
    is_awaited: bool = False
    asks: bool = False
    first: Mapping[str, Any] = field(default_factory=dict)
    held: HeldFunction | None = None
    flow: str | None = None
    together: Sequence[HandlerEffect[Any]] = ()
    problem: str = ""
    returns: Mapping[str, Variable] | None = None

    @property
    def is_open_ended(self) -> bool:
        return any(map(_is_open_ended, self.do))

    def __await__(self) -> Generator[HandlerEffect[T], Any, T]:
        self.is_awaited = True
        return self.result((yield self))

    def send(self, value: object) -> NoReturn:
        """It is a coroutine so that type checkers find a missing `await`; nothing else drives it."""
        raise TypeError("await what a method of the call returns")

    def throw(self, *error: Any) -> NoReturn:
        self.send(None)

    def close(self) -> None:
        pass


def _is_open_ended(item: Mapping[str, Any]) -> bool:
    word = item.get("action") or next(iter(item))
    options = item[word] if isinstance(item.get(word), Mapping) else item
    return is_open_ended({**options, "action": word})


HandlerEffect.__name__ = "coroutine"  # in messages, as: object of this is not subscriptable


class CallerQuestion(HandlerEffect[T | None]):
    """A question to the caller. Its result is None after the last failed attempt."""

    __slots__ = ()

    def or_raise(self) -> Coroutine[Any, Any, T]:
        """The same question, but after the last failed attempt it raises NoInput."""
        result = self.result

        def answer(stored: Any) -> T:
            found = result(stored)
            if found is None:
                question = next((str(item["talk"]) for item in self.do if "talk" in item), "")
                raise NoInput(question, "nomatch" if self.problem == "nomatch" else "noinput")
            return found

        effect: HandlerEffect[Any] = self
        effect.result = answer
        return effect


class Dialled(HandlerEffect[NotCompleted | Reached]):
    """A call to another party. Its result is what came of it."""

    __slots__ = ()

    def or_raise(self) -> Coroutine[Any, Any, Literal["disconnected"] | Reached]:
        """The same call, but `busy`, `timeout`, `unanswered`, `rejected` and `failed` raise DialFailed."""
        result = self.result

        def outcome(stored: Any) -> Any:
            if stored in DIAL_FAILURES:
                raise DialFailed(stored, _masked(self.do[-1]["connect"]))
            return result(stored)

        effect: HandlerEffect[Any] = self
        effect.result = outcome
        return effect


def _masked(endpoint: Any) -> str:
    """The last three digits of a phone number; "" for anything else."""
    if isinstance(endpoint, (list, tuple)) and len(endpoint) == 1:
        (endpoint,) = endpoint
    number = endpoint.get("number", "") if isinstance(endpoint, Mapping) else endpoint
    return f"***{number[-3:]}" if isinstance(number, str) and number.removeprefix("+").isdigit() else ""
