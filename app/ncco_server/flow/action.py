"""A step's NCCO action, compiled: constant fields are ready to send, others are computed in each call.

A checkpoint is a `notify` that reports how far the call has got. If `on` names it, it decides how the call continues;
otherwise it is only recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Self

from ncco_server.flow.effects import Effect, Phase
from ncco_server.flow.frame import Callback, Draft, Frame
from ncco_server.flow.nodes import Place
from ncco_server.flow.templates.values import Value
from ncco_server.flow.values import CallField, Constant, Object, in_locale


@dataclass(frozen=True)
class Action:
    """One compiled NCCO action.

    Attributes:
        fields: by NCCO name, in the order in which they are sent.
        checkpoint: the name of the checkpoint; "" for any other action.
        is_opening: it is played only on entry, not again for later targets of a connect list.
    """

    word: str
    place: Place
    fields: Mapping[str, Value]
    callback: Callback | None = None
    checkpoint: str = ""
    is_opening: bool = False

    @property
    def actions(self) -> tuple[Self, ...]:
        return (self,)

    @property
    def targets(self) -> tuple[()]:
        return ()

    def effects(self, phase: Phase) -> Iterator[Effect]:
        yield from (Effect("play", phase, value, f"{self.word}.{name}") for name, value in self.computed.items())

    def literal(self, name: str) -> Any:
        return literal(self.fields, name)

    def with_fields(self, fields: Mapping[str, Value], callback: Callback | None = None) -> Self:
        return replace(self, fields={**self.fields, **fields}, callback=callback or self.callback)

    def in_locale(self, locale: str) -> Action:
        if not any("locale" in value.used_names for value in self.fields.values()):
            return self
        return replace(self, fields={name: in_locale(value, locale) for name, value in self.fields.items()})

    @cached_property
    def computed(self) -> Mapping[str, Value]:
        return {name: value for name, value in self.fields.items() if not value.is_literal}

    @cached_property
    def constant(self) -> dict[str, Any]:
        """With None for each field that only a call can fill in. Do not modify the result."""
        known = {name: value.render({}) if value.is_literal else None for name, value in self.fields.items()}
        return {"action": self.word, **known}

    def render(self, frame: Frame) -> list[Draft]:
        """Return [] if the action is not played again. Raises RenderError.

        Only the outermost dict is a copy; its values are shared.
        """
        if self.is_opening and frame.position:
            return []
        action = self.constant.copy()
        for name, value in self.computed.items():
            action[name] = value.render(frame.names)
        return [Draft(action, self.callback, "", self.computed)]

    def sample(self, sample_of: Callable[[Value], Any]) -> dict[str, Any]:
        return {"action": self.word} | {name: sample_of(value) for name, value in self.fields.items()}


def literal(fields: Mapping[str, Value], name: str) -> Any:
    """Return None if the field is not written or is computed."""
    value = fields.get(name)
    return value.render({}) if value is not None and value.is_literal else None


def may_be_true(fields: Mapping[str, Value], name: str) -> bool:
    value = fields.get(name)
    return value is not None and (not value.is_literal or value.render({}) is True)


ORDERING = frozenset({"bargeIn", "loop", "endOnSilence", "endOnKey", "timeOut"})
"""Rules about more than one action use these fields."""

_OBSERVED = frozenset({"record", "connect", "conversation"})


def observer(word: str, *, has_url: bool, records: bool, is_asynchronous: bool = False) -> Callback | None:
    """The webhook that the server adds; None if none is needed, or the author wrote an `eventUrl`.

    `records`: a `conversation` is recorded; `is_asynchronous`: an `input` only reports keys.
    """
    if has_url or (word == "conversation" and not records):
        return None
    if word in _OBSERVED:
        return Callback("event", word, steers=False)
    if word == "notify":
        return Callback("notify", "notify", steers=False)
    if word == "input" and is_asynchronous:
        return Callback("event", "input", steers=False)
    return None


CONNECTED = "connected"
"""The notify after a connect. It decides the outcome if no event has before."""

HELD = "held"

AGENT: Final = "agent"
"""The events of an agent's websocket."""
AGENT_OVER = "agent.over"
"""The notify behind an agent. Flows cannot use this name."""

OWN_CHECKPOINTS = frozenset({CONNECTED, HELD, AGENT_OVER})
"""The notifies that an exit adds."""


def checkpoint(name: str, place: Place, *, steers: bool) -> Action:
    """The payload names the leg, since the webhook only names the conversation.

    Source: webhook reference, Notify event.
    """
    payload = Object({"checkpoint": Constant(name, place), "leg": CallField("uuid", place)}, place)
    return Action("notify", place, {"payload": payload}, Callback("notify", name, steers), checkpoint=name)
