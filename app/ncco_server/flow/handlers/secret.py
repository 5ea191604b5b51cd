"""Sensitive values that callers have entered: handlers pass them on to functions, and nothing writes them anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

GONE: Final = (
    "a secret exists only in its turn: give it to a function, in `await call.run(function, secret)`, or to a flow"
)


class SecretGone(Exception):
    """A `Secret` is revealed after its turn."""


class Secret:
    """A sensitive value, which shows itself as `***`.

    It exists only in the turn in which it was heard: until the handler waits again. A handler runs again at each
    webhook, so give the secret to a function for `Call.run`, and reveal it there:

        pin = await call.collect("Your PIN.", digits=4, sensitive=True)
        if pin is not None and await call.run(check_pin, pin):
            ...

    Two secrets of a call are equal if their values are.
    """

    __slots__ = ("_known", "_token")

    def __init__(self, token: str, known: Mapping[str, str]) -> None:
        self._token = token
        self._known = known

    def reveal(self) -> str:
        """The value. Raises SecretGone in a later turn than that in which it was heard."""
        try:
            return self._known[self._token]
        except KeyError:
            raise SecretGone(GONE) from None

    def __getstate__(self) -> tuple[str, bool]:
        """Equal for two secrets that code cannot tell apart."""
        return self._token, self._token in self._known

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare the values, also in later turns."""
        return isinstance(other, Secret) and self._token == other._token

    def __hash__(self) -> int:
        return hash(self._token)

    def __reduce__(self) -> NoReturn:
        """Raises TypeError: a secret is not stored."""
        raise TypeError("a Secret cannot be stored")
