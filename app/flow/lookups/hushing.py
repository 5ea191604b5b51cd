"""Answers that tell something sensitive without being asked to: such a text becomes a token.

Where no token can stand, as in a number, the answer as a whole is none, so that its default holds: a look-up that
fails is what every flow is made for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, Protocol

from app.flow.lookups.returned import Fields, Many, Misfit, Returned
from app.flow.paths import Path, by_step
from app.flow.types import ValueType

_OPEN: Final = frozenset({"words", "bool"})
"""Types whose values are written in the flow."""

_FREE: Final = frozenset({"list", "map"})


class Echoes(Protocol):
    """What is sensitive in this turn (`app.engine.echoes`)."""

    def are_in(self, text: str) -> bool:
        """Whether a text holds something of it."""

    def are_part_of(self, value: object) -> bool:
        """Whether a number, a phone number or a URL does."""


class Hushing:
    """Makes tokens of what is sensitive.

    Args:
        echoes: tell what is.
        mask: the token of a text.
    """

    def __init__(self, echoes: Echoes, mask: Callable[[str], str]) -> None:
        self._echoes = echoes
        self._mask = mask

    def of(self, returned: Returned, value: Any, secrets: Collection[Path]) -> Any:
        """`value`, which `returned` has read, but what `secrets` lead to, with tokens. Raises Misfit."""
        if () in secrets:
            return value
        inner = by_step(secrets)
        if isinstance(returned, Fields):
            return {
                name: self._below(f".{name}", each, value[name], inner.get(name, ()))
                for name, each in returned.fields.items()
            }
        if isinstance(returned, Many):
            entries = inner.get(None, ())
            return [self._below(f"[{at}]", returned.item, each, entries) for at, each in enumerate(value)]
        return self._single(returned.type, value)

    def _below(self, step: str, returned: Returned, value: Any, secrets: Collection[Path]) -> Any:
        try:
            return self.of(returned, value, secrets)
        except Misfit as misfit:
            raise misfit.below(step) from None

    def _single(self, type_: ValueType, value: Any) -> Any:
        if type_.name in _OPEN:
            return value
        if type_.name == "text" or type_.name in _FREE:
            return self._json(value)
        if self._echoes.are_part_of(value):
            raise Misfit("tells something sensitive, and is not declared so")
        return value

    def _json(self, value: Any) -> Any:
        """Any value that JSON has."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self._json(each) for each in value]
        if isinstance(value, dict):
            return {self._text(name): self._json(each) for name, each in value.items()}
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return self._mask(str(value)) if is_number and self._echoes.are_part_of(value) else value

    def _text(self, text: str) -> str:
        return self._mask(text) if self._echoes.are_in(text) else text
