"""Values that the server adds to an action; actions' maps, lists, and values by locale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from ncco_server.errors import RenderError
from ncco_server.flow.nodes import Place
from ncco_server.flow.templates.values import Value
from ncco_server.ncco.value_types import E164


class Supplied:
    """A value that the server adds, at the line that needs it."""

    used_names: frozenset[str] = frozenset()
    is_literal: bool = False


@dataclass(frozen=True)
class Constant(Supplied):
    """The same value in every call. Do not change the object that `render` returns."""

    content: Any
    place: Place
    is_literal = True

    def render(self, names: Mapping[str, Any]) -> Any:
        return self.content


@dataclass(frozen=True)
class CallField(Supplied):
    """A field of the running call, e.g. the leg's `uuid`."""

    name: str
    place: Place
    used_names = frozenset({"call"})

    def render(self, names: Mapping[str, Any]) -> Any:
        """Return "" if Vonage did not send the field."""
        return names["call"][self.name]


OUR_NUMBERS: Final = "our numbers"
"""The key of the `numbers` of the flow that the call began in. No template can name it."""


@dataclass(frozen=True)
class OurNumber(CallField):
    """Our number in this call, as the `from` of a `connect` to a phone.

    In an outbound call it is the number that called. If it is not a phone number, because an app or a SIP client
    called, it is the first of the flow's `numbers`.

    Source: NCCO reference, Connect (`from`).
    """

    name: str = field(default="to", init=False)

    def render(self, names: Mapping[str, Any]) -> str:
        """Raises RenderError (R105) if this is not a phone number."""
        call = names["call"]
        number = str(call["from" if call.get("direction") == "outbound" else "to"]).removeprefix("+")
        ours: tuple[str, ...] = names.get(OUR_NUMBERS, ())
        for each in (number, *ours[:1]):
            if E164.fullmatch(each):
                return each
        written = "from_" if self.place.is_in_python else "from"
        message = f'the called number of this call, "{number}", is not a phone number: write `{written}`, or `numbers`'
        raise RenderError("R105", message, str(self.place))


class Whole:
    """A value that consists of `parts`. It is no ABC, because `isinstance` takes longer with one."""

    @property
    def parts(self) -> tuple[Value, ...]:
        raise NotImplementedError

    @cached_property
    def is_literal(self) -> bool:
        return all(part.is_literal for part in self.parts)

    @cached_property
    def used_names(self) -> frozenset[str]:
        return frozenset[str]().union(*(part.used_names for part in self.parts))


@dataclass(frozen=True)
class Object(Whole):
    """A map of values by field name."""

    members: Mapping[str, Value]
    place: Place

    @property
    def parts(self) -> tuple[Value, ...]:
        return tuple(self.members.values())

    def render(self, names: Mapping[str, Any]) -> dict[str, Any]:
        return {name: member.render(names) for name, member in self.members.items()}


@dataclass(frozen=True)
class Array(Whole):
    """A list of values."""

    items: tuple[Value, ...]
    place: Place

    @property
    def parts(self) -> tuple[Value, ...]:
        return self.items

    def render(self, names: Mapping[str, Any]) -> list[Any]:
        return [item.render(names) for item in self.items]


@dataclass(frozen=True)
class Localised(Whole):
    """One value per locale, the default locale's first."""

    by_locale: Mapping[str, Value]
    place: Place

    @property
    def parts(self) -> tuple[Value, ...]:
        return tuple(self.by_locale.values())

    @cached_property
    def is_literal(self) -> bool:
        return False

    @cached_property
    def used_names(self) -> frozenset[str]:
        return super().used_names | {"locale"}

    def in_locale(self, locale: str) -> Value:
        """An unknown name stands for the default locale."""
        return self.by_locale.get(locale) or self.parts[0]

    def render(self, names: Mapping[str, Any]) -> Any:
        return self.in_locale(names["locale"]).render(names)


def localised(by_locale: Mapping[str, Value], place: Place) -> Value:
    """A value that all locales share is returned as a plain one."""
    first, *others = by_locale.values()
    if all(value.is_literal for value in by_locale.values()):
        content = first.render({})
        if all(value.render({}) == content for value in others):
            return first
    return Localised(by_locale, place) if others else first


def in_locale(value: Value, locale: str) -> Value:
    if isinstance(value, Localised):
        return value.in_locale(locale)
    if isinstance(value, Object) and "locale" in value.used_names:
        return Object({name: in_locale(member, locale) for name, member in value.members.items()}, value.place)
    return value


def leaves(value: Value) -> Iterator[Value]:
    if not isinstance(value, Whole):
        yield value
        return
    for part in value.parts:
        yield from leaves(part)


def find(value: Value, path: Iterable[str]) -> Value:
    """The innermost value that exists. A path has field names and list positions."""
    for segment in path:
        inner: Value | None = None
        if isinstance(value, Object):
            inner = value.members.get(segment)
        elif isinstance(value, Array) and segment.isdigit() and int(segment) < len(value.items):
            inner = value.items[int(segment)]
        if inner is None:
            break
        value = inner
    return value
