"""What a handler gets from an agent."""

from __future__ import annotations

import typing
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from ncco_server.flow.handlers.arguments import TYPE_NAMES, WrongArgument
from ncco_server.flow.handlers.effects import HandlerEffect, WrittenText
from ncco_server.flow.runtime import FAILED, TOO_LONG
from ncco_server.ncco.value_types import TYPES

Name = TypeVar("Name", bound=str)
Name_co = TypeVar("Name_co", bound=str, covariant=True)
Values = TypeVar("Values")
Values_co = TypeVar("Values_co", covariant=True)
NotHandedBack: TypeAlias = Literal["failed", "too_long"]
Done: TypeAlias = Literal["done"]


class AgentFailed(Exception):
    """An agent has not handed the caller back.

    Attributes:
        outcome: `failed`: it could not be reached, or closed its websocket without a word; or `too_long`.
    """

    def __init__(self, outcome: NotHandedBack) -> None:
        super().__init__(f"the agent has not handed the caller back: {outcome}")
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class HandedBack(Generic[Name_co, Values_co]):
    """What an agent has handed back.

    Attributes:
        outcome: one of its `outcomes`, or `done`.
        values: as `returns`. What the agent left out is "", 0, False, an empty list, or None for anything else.
    """

    outcome: Name_co | Done
    values: Values_co


@dataclass(frozen=True, slots=True)
class AgentResult(Generic[Name_co, Values_co]):
    """What came of an agent.

    Attributes:
        outcome: one of its `outcomes`, or `done`; `failed` or `too_long` if it has handed nothing back.
        values: as in `HandedBack`; None if it has handed nothing back.
    """

    outcome: Name_co | Done | NotHandedBack
    values: Values_co | None


class AgentEffect(HandlerEffect[AgentResult[Name, Values]], Generic[Name, Values]):
    """A caller's conversation with an agent. Its result is what came of it."""

    __slots__ = ()

    def or_raise(self) -> Coroutine[Any, Any, HandedBack[Name, Values]]:
        """The same, but `failed` and `too_long` raise AgentFailed."""
        result = self.result

        def handed_back(stored: Any) -> HandedBack[Name, Values]:
            found: Any = result(stored)
            if found.outcome in (FAILED, TOO_LONG):
                raise AgentFailed(found.outcome)
            return HandedBack(found.outcome, found.values)

        effect: HandlerEffect[Any] = self
        effect.result = handed_back
        return effect


def result_of(outcome: Callable[[Any], Any], returns: Callable[..., Any] | None) -> Callable[[Any], Any]:
    """Makes an `AgentResult` from what is stored: the outcome and the values, or only `failed`."""

    def result(stored: Any) -> AgentResult[Any, Any]:
        name, values = (stored, None) if isinstance(stored, str) else stored
        made = None
        if values is not None and returns is not None:
            hints = typing.get_type_hints(returns)
            made = returns(**{field: _restored(hint, values[field]) for field, hint in hints.items()})
        return AgentResult(outcome(name) or name, made)

    return result


def words_of(returns: Callable[..., Any]) -> Mapping[str, Any]:
    """The fields of a dataclass or `TypedDict`, as under `returns` in a flow file. Raises WrongArgument."""
    return {WrittenText(name): _word(name, hint) for name, hint in typing.get_type_hints(returns).items()}


_KNOWN: Final = "str, int, float, bool, date, time, datetime, Phone, a Literal or StrEnum, each also with `| None`"


def _word(name: str, hint: Any) -> Any:
    inner, is_optional = _unwrapped(hint)
    if inner in TYPE_NAMES:
        kind = TYPES[TYPE_NAMES[inner]]
        return WrittenText(f"{kind.name}?" if is_optional and kind.begins_unknown else kind.name)
    if words := _words(inner):
        return [WrittenText(word) for word in words]
    if typing.get_origin(inner) is list:
        return [_word(name, typing.get_args(inner)[0])]
    raise WrongArgument(f"`{name}` of `returns` cannot be {hint}", f"write one of: {_KNOWN}, or a list of these")


def _unwrapped(hint: Any) -> tuple[Any, bool]:
    """The type without `| None`, and whether it had that."""
    if typing.get_origin(hint) in (UnionType, typing.Union):
        others = [each for each in typing.get_args(hint) if each is not NoneType]
        if len(others) == 1:
            return others[0], True
    return hint, False


def _words(hint: Any) -> tuple[str, ...]:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return tuple(str(member) for member in hint)
    return tuple(map(str, typing.get_args(hint))) if typing.get_origin(hint) is Literal else ()


def _restored(hint: Any, stored: Any) -> Any:
    inner, _ = _unwrapped(hint)
    if typing.get_origin(inner) is list:
        return [_restored(typing.get_args(inner)[0], each) for each in stored]
    if isinstance(inner, type) and issubclass(inner, StrEnum):
        return inner(stored) if stored != "" else None
    if stored == "" and inner is not str:
        return None
    return TYPES[TYPE_NAMES[inner]].operand(stored) if inner in TYPE_NAMES else stored
