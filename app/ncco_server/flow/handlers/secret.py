"""Sensitive values that callers have entered: handlers pass them on to functions, and nothing writes them anywhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from types import FunctionType, MethodType
from typing import Any, Final, NoReturn, Self

from ncco_server.flow.handlers.arguments import WrongArgument

_GIVE_IT: Final = "in `await call.run(function, secret)`, or to a flow"
_IN_FUNCTION: Final = "write a function that takes the secret and compares `secret.reveal()`, and `await call.run` it"
_DEEPEST: Final = 4


class SecretGone(Exception):
    """A `Secret` is revealed or given to a function after its turn; `cure` says what to do instead."""

    cure: Final = f"give it to a function before that, {_GIVE_IT}"


class Secret:
    """A sensitive value. Its `repr` is `***`, and it cannot become part of a text.

    It exists only in the turn in which it was heard: until the handler waits again. A handler runs again at each
    webhook, so give the secret to a function for `Call.run`, and reveal it there:

        pin = await call.collect("Your PIN.", digits=4, sensitive=True)
        if pin is not None and await call.run(check_pin, pin):
            ...

    Two secrets are equal if their values are. A comparison with a text, and a lookup in a dict or set, raise TypeError.
    """

    __slots__ = ("_heard", "_known", "_token", "_waits")

    def __init__(self, token: str, known: Mapping[str, str], waits: Sequence[str] = ()) -> None:
        """A value that is `known` by its token. The first wait that is added to `waits` ends its turn."""
        self._token = token
        self._known = known
        self._waits = waits
        self._heard = len(waits)

    @classmethod
    def of(cls, value: str) -> Self:
        """A secret that is never gone, for tests of what takes one."""
        return cls(value, {value: value})

    def reveal(self) -> str:
        """The value. Raises SecretGone in a later turn than that in which it was heard."""
        if self._is_known:
            return self._known[self._token]
        waits = self._waits[self._heard :]
        ended = f', which ended at "{waits[0]}"' if waits else ""
        raise SecretGone(f"a secret exists only in its turn{ended}")

    @property
    def _is_known(self) -> bool:
        """A caller who enters an earlier value again makes the same token known again."""
        return len(self._waits) <= self._heard and self._token in self._known

    def __getstate__(self) -> tuple[str, bool]:
        """Equal for two secrets that code cannot tell apart."""
        return self._token, self._is_known

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> NoReturn:
        """Raises TypeError: callers would hear the stars."""
        raise WrongArgument("a Secret cannot be part of a text", f"leave it out, or give it to a function, {_GIVE_IT}")

    def __format__(self, spec: str) -> str:
        return str(self)

    def __eq__(self, other: object) -> bool:
        """Compare the values; secrets of a call also in later turns. Raises SecretGone, and TypeError for a text."""
        if isinstance(other, str | int | float | bytes):
            raise WrongArgument(f"a Secret is never equal to a {type(other).__name__}", _IN_FUNCTION)
        if not isinstance(other, Secret):
            return False
        if self._token == other._token or self._is_open == other._is_open:
            return self._token == other._token
        return self.reveal() == other.reveal()

    @property
    def _is_open(self) -> bool:
        """Whether it was not heard in the call; then its token is its value."""
        return self._known.get(self._token) == self._token

    def __hash__(self) -> NoReturn:
        raise WrongArgument("a Secret cannot be looked up in a dict or set", _IN_FUNCTION.replace("compares", "uses"))

    def __reduce__(self) -> NoReturn:
        """Raises TypeError: a secret is not stored."""
        raise TypeError("a Secret cannot be stored")


def default_secret(value: str, mask: Callable[[str], str]) -> Secret:
    """A default is public, so this secret is never gone. `mask` makes the tokens of the call's other secrets."""
    token = mask(value)
    return Secret(token, {token: value})


def secrets_in(value: Any, depth: int = 0) -> Iterator[Secret]:
    """Those in a function or its arguments: in containers, dataclasses, closures and partial functions too."""
    if isinstance(value, Secret):
        yield value
    elif depth < _DEEPEST:
        for each in _inside(value):
            yield from secrets_in(each, depth + 1)


def _inside(value: Any) -> Iterable[Any]:
    match value:
        case None | str() | bytes() | int() | float() | type():
            return ()
        case Mapping():
            return value.values()
        case list() | tuple() | set() | frozenset():
            return value
        case partial():
            return (value.func, value.args, value.keywords)
        case MethodType():
            return (value.__self__,)
        case FunctionType():
            return inspect.getclosurevars(value).nonlocals.values() if value.__closure__ else ()
        case _:
            return [getattr(value, each.name, None) for each in fields(value)] if is_dataclass(value) else ()
