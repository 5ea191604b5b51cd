"""Values that are made of values: the maps and lists inside an action. They are `Value`s themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import RenderError
from app.flow.model import Value
from app.flow.nodes import Place


@dataclass(frozen=True, slots=True)
class Given:
    """A value that the server itself puts in, at the place of the line that made it necessary."""

    content: Any
    place: Place
    used_names: frozenset[str] = frozenset()
    used_files: frozenset[str] = frozenset()

    @property
    def is_literal(self) -> bool:
        """Always."""
        return True

    def render(self, names: Mapping[str, Any]) -> Any:
        """What was given. The same object each time: nobody may change it."""
        return self.content


@dataclass(frozen=True, slots=True)
class OfCall:
    """A field of the running call that the server itself puts in, e.g. the leg's `uuid`."""

    name: str
    place: Place
    used_names: frozenset[str] = frozenset({"call"})
    used_files: frozenset[str] = frozenset()

    @property
    def is_literal(self) -> bool:
        """Never: each call has its own."""
        return False

    def render(self, names: Mapping[str, Any]) -> Any:
        """The field; "" when Vonage did not send it."""
        return names["call"][self.name]


@dataclass(frozen=True, slots=True)
class OurNumber:
    """The number of ours that was called, as the `from` of a `connect` to a phone.

    Source: NCCO reference, Connect: `from` must be one of your Vonage numbers, in E.164 format.
    """

    place: Place
    used_names: frozenset[str] = frozenset({"call"})
    used_files: frozenset[str] = frozenset()

    @property
    def is_literal(self) -> bool:
        """Never: each call has its own."""
        return False

    def render(self, names: Mapping[str, Any]) -> str:
        """The digits. Raises RenderError (R105) when the call was not made to a phone number."""
        number = str(names["call"]["to"]).removeprefix("+")
        if number.isascii() and number.isdigit():
            return number
        message = f'this call came in for "{number}", which is no phone number: `from` has to be written'
        raise RenderError("R105", message, str(self.place))


@dataclass(frozen=True, slots=True)
class Object:
    """A map of values by field name."""

    members: Mapping[str, Value]
    place: Place
    is_literal: bool = field(init=False)
    used_names: frozenset[str] = field(init=False)
    used_files: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        _sum_up(self, self.members.values())

    def render(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """A dict of its own. Raises RenderError."""
        return {name: member.render(names) for name, member in self.members.items()}


@dataclass(frozen=True, slots=True)
class Array:
    """A list of values."""

    items: tuple[Value, ...]
    place: Place
    is_literal: bool = field(init=False)
    used_names: frozenset[str] = field(init=False)
    used_files: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        _sum_up(self, self.items)

    def render(self, names: Mapping[str, Any]) -> list[Any]:
        """A list of its own. Raises RenderError."""
        return [item.render(names) for item in self.items]


def _sum_up(whole: Object | Array, parts: Iterable[Value]) -> None:
    parts = tuple(parts)
    object.__setattr__(whole, "is_literal", all(part.is_literal for part in parts))
    object.__setattr__(whole, "used_names", frozenset[str]().union(*(part.used_names for part in parts)))
    object.__setattr__(whole, "used_files", frozenset[str]().union(*(part.used_files for part in parts)))


def leaves(value: Value) -> Iterator[Value]:
    """The values that are not made of others, in order."""
    if isinstance(value, Object):
        for member in value.members.values():
            yield from leaves(member)
    elif isinstance(value, Array):
        for item in value.items:
            yield from leaves(item)
    else:
        yield value


def find(value: Value, path: Iterable[str]) -> Value:
    """The value at a path of field names and list positions, or the last one on the way that there is."""
    for segment in path:
        inner = _member(value, segment)
        if inner is None:
            break
        value = inner
    return value


def _member(value: Value, segment: str) -> Value | None:
    if isinstance(value, Object):
        return value.members.get(segment)
    if isinstance(value, Array) and segment.isdigit() and int(segment) < len(value.items):
        return value.items[int(segment)]
    return None
