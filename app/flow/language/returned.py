"""What a look-up gives back: the types under `returns`, and how an answer is held against them.

An answer comes from somebody else's server. What does not fit is named by its field and by what was needed, never by
its value, which may be secret.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from app.flow.language.outgoing import MAX_DEPTH, plain_json, plain_text
from app.flow.paths import Path, by_step
from app.flow.scope import Record
from app.flow.templates.filters import MAX_TEXT
from app.flow.types import ANY, MAX_ITEMS, TYPES, ValueType, list_of, record

OK = "ok"
"""The field of every look-up that says whether its answer is real."""


class Misfit(Exception):
    """An answer that is not what was declared.

    Attributes:
        path: the way to what does not fit: `.city`, `[3]`; "" for the whole.
        problem: `is missing`, `is not a number`, ...
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def below(self, step: str) -> Misfit:
        """The same, seen from one level further up."""
        return Misfit(self.problem, step + self.path)

    def __str__(self) -> str:
        where = self.path.removeprefix(".")
        return f"`{where}` {self.problem}" if where else f"the answer {self.problem}"


class Returned(Protocol):
    """The declared type of a value of an answer."""

    @property
    def type(self) -> ValueType:
        """As expressions see it."""

    @property
    def empty(self) -> Any:
        """What it is as long as nothing is known; None when there is no such value."""

    def read(self, value: object) -> Any:
        """The value of an answer, cast. Raises Misfit."""


_EMPTY: Mapping[str, Any] = {"int": 0, "number": 0, "bool": False, "list": [], "map": {}}


@dataclass(frozen=True, slots=True)
class ReturnedValue:
    """One value of one of the types of the flow language."""

    type: ValueType

    @property
    def empty(self) -> Any:
        """`""`, 0, false, an empty list or map; None where only some words are allowed."""
        return None if self.type.words else _EMPTY.get(self.type.name, "")

    def read(self, value: object) -> Any:
        """See `Returned`. A number is text too, and a text of digits is a number; true and false are no text."""
        if isinstance(value, bool) and self.type.kind == "text":
            raise self._misfit()
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise Misfit(f"has more than {MAX_TEXT:,} characters")
        if isinstance(value, list | Mapping) and len(value) > MAX_ITEMS:
            raise Misfit(f"has more than {MAX_ITEMS} entries")
        try:
            return self._cast(value)
        except (ValueError, OverflowError):
            raise self._misfit() from None

    def _cast(self, value: object) -> Any:
        if value == "" and self.type.name in ("phone", "url"):
            return value
        found = self.type.cast(value)
        if isinstance(found, list | dict):
            return _kept(found)
        return plain_text(found) if isinstance(found, str) else found

    def _misfit(self) -> Misfit:
        return Misfit(f"is not {self.type.described}")


def _kept(value: object) -> Any:
    try:
        return plain_json(value)
    except ValueError:
        problem = f"holds something that cannot be kept: more than {MAX_TEXT:,} characters or {MAX_DEPTH} levels"
        raise Misfit(problem) from None


@dataclass(frozen=True, slots=True)
class ReturnedList:
    """A list whose entries are all of one type."""

    item: Returned

    @property
    def type(self) -> ValueType:
        """A list of the type of its entries."""
        return list_of(self.item.type)

    @property
    def empty(self) -> Any:
        """The empty list."""
        return []

    def read(self, value: object) -> Any:
        """See `Returned`."""
        items: list[Any] = ReturnedValue(TYPES["list"]).read(value)
        return [self._read_item(index, item) for index, item in enumerate(items)]

    def _read_item(self, index: int, item: object) -> Any:
        try:
            return self.item.read(item)
        except Misfit as misfit:
            raise misfit.below(f"[{index}]") from None


@dataclass(frozen=True, slots=True)
class ReturnedMap:
    """A map of declared fields; what an answer holds besides them is left out.

    `is_sure` is false when one of them could not be read: there may be any. `secrets` are the ways to what is sensitive
    in an answer, none of which leads into another.
    """

    fields: Mapping[str, Returned] = field(default_factory=dict)
    is_sure: bool = True
    secrets: frozenset[Path] = frozenset()

    @property
    def shape(self) -> Record:
        """A record of the fields."""
        return Record({name: inner.type for name, inner in self.fields.items()}, None if self.is_sure else ANY)

    @property
    def type(self) -> ValueType:
        """A map of the fields."""
        known = {name: inner.type for name, inner in self.fields.items()}
        return record(known) if self.is_sure else TYPES["map"]

    @property
    def empty(self) -> Any:
        """The empty values of its fields."""
        return {name: inner.empty for name, inner in self.fields.items()}

    def read(self, value: object) -> dict[str, Any]:
        """See `Returned`. Every field must be there."""
        if not isinstance(value, Mapping):
            raise Misfit("is not a map")
        return {name: _read_field(name, inner, value) for name, inner in self.fields.items()}


def _read_field(name: str, inner: Returned, answer: Mapping[Any, Any]) -> Any:
    if answer.get(name) is None:
        raise Misfit("is null" if name in answer else "is missing", f".{name}")
    try:
        return inner.read(answer[name])
    except Misfit as misfit:
        raise misfit.below(f".{name}") from None


_OPEN: Final = frozenset({"words", "bool"})
"""Types whose values are written in the flow."""

_FREE: Final = frozenset({"list", "map"})


class SensitiveValues(Protocol):
    """What is sensitive in this turn (`app.engine.secrets`)."""

    def are_in(self, text: str) -> bool:
        """Whether a text holds something of it."""

    def are_part_of(self, value: object) -> bool:
        """Whether a number, a phone number or a URL does."""


class Hushing:
    """Makes tokens of what is sensitive.

    Args:
        echoes: know what is.
        mask: the token of a text.
    """

    def __init__(self, echoes: SensitiveValues, mask: Callable[[str], str]) -> None:
        self._echoes = echoes
        self._mask = mask

    def of(self, returned: Returned, value: Any, secrets: Collection[Path]) -> Any:
        """`value`, which `returned` has read, but what `secrets` lead to, with tokens. Raises Misfit."""
        if () in secrets:
            return value
        inner = by_step(secrets)
        if isinstance(returned, ReturnedMap):
            return {
                name: self._below(f".{name}", each, value[name], inner.get(name, ()))
                for name, each in returned.fields.items()
            }
        if isinstance(returned, ReturnedList):
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
            raise Misfit("holds something sensitive, and is not declared so")
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
