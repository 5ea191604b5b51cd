"""Values that are made of values: the maps and lists inside an action. They are `Value`s themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import RenderError
from app.flow.model import Value
from app.flow.nodes import Place
from app.ncco.addresses import E164


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
    """Our number in this call, as the `from` of a `connect` to a phone.

    It is the number that was called; in an outbound call it is the number that called.

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
        """The digits. Raises RenderError (R105) when that is not a phone number."""
        call = names["call"]
        number = str(call["from" if call.get("direction") == "outbound" else "to"]).removeprefix("+")
        if E164.fullmatch(number):
            return number
        message = f'our side of this call is "{number}", which is no phone number: `from` has to be written'
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


@dataclass(frozen=True, slots=True)
class Localised:
    """One value for each locale; that of the default comes first. Made by `localised`."""

    by_locale: Mapping[str, Value]
    place: Place
    used_names: frozenset[str] = field(init=False)
    used_files: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        names = _all_of(value.used_names for value in self.by_locale.values())
        object.__setattr__(self, "used_names", names | {"locale"})
        object.__setattr__(self, "used_files", _all_of(value.used_files for value in self.by_locale.values()))

    @property
    def is_literal(self) -> bool:
        """Never: `localised` makes none of values that are the same in every locale."""
        return False

    def in_locale(self, locale: str) -> Value:
        """The value of one locale; the default's for a name that is none."""
        return self.by_locale.get(locale) or next(iter(self.by_locale.values()))

    def render(self, names: Mapping[str, Any]) -> Any:
        """The value in the locale of this call. Raises RenderError."""
        return self.in_locale(names["locale"]).render(names)


def localised(by_locale: Mapping[str, Value], place: Place) -> Value:
    """The values by locale as one; that value itself when it is the same in all of them."""
    first, *others = by_locale.values()
    if all(value.is_literal for value in by_locale.values()):
        content = first.render({})
        if all(value.render({}) == content for value in others):
            return first
    return Localised(by_locale, place) if others else first


def in_locale(value: Value, locale: str) -> Value:
    """What a value is in one locale, down to its leaves."""
    if isinstance(value, Localised):
        return value.in_locale(locale)
    if isinstance(value, Object) and "locale" in value.used_names:
        return Object({name: in_locale(member, locale) for name, member in value.members.items()}, value.place)
    return value


def _sum_up(whole: Object | Array, parts: Iterable[Value]) -> None:
    parts = tuple(parts)
    object.__setattr__(whole, "is_literal", all(part.is_literal for part in parts))
    object.__setattr__(whole, "used_names", _all_of(part.used_names for part in parts))
    object.__setattr__(whole, "used_files", _all_of(part.used_files for part in parts))


def _all_of(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)


def leaves(value: Value) -> Iterator[Value]:
    """The values that are not made of others, in order."""
    for inner in _inner(value):
        yield from leaves(inner)
    if not isinstance(value, Object | Array | Localised):
        yield value


def _inner(value: Value) -> tuple[Value, ...]:
    if isinstance(value, Object):
        return tuple(value.members.values())
    if isinstance(value, Array):
        return value.items
    return tuple(value.by_locale.values()) if isinstance(value, Localised) else ()


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
