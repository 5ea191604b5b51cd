"""An NCCO action of a step, compiled: what is the same in every call is ready, the rest is computed for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from app.flow.actions.values import in_locale
from app.flow.model import Callback, Draft, Frame, Value
from app.flow.nodes import Place


@dataclass(frozen=True, slots=True)
class Action:
    """One action.

    Attributes:
        word: its name in the NCCO.
        fields: its fields by NCCO name, in the order in which they are sent.
        callback: the webhook that it asks for.
        checkpoint: its name when it is a checkpoint.
        is_opening: whether it is played only on entering the step, not for later targets of a connect list.
    """

    word: str
    place: Place
    fields: Mapping[str, Value]
    callback: Callback | None = None
    checkpoint: str = ""
    is_opening: bool = False
    _ready: dict[str, Any] = field(init=False, repr=False)
    _computed: tuple[tuple[str, Value], ...] = field(init=False, repr=False)
    _names: tuple[str, ...] = field(init=False, repr=False)
    _shape: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ready = {name: value.render({}) if value.is_literal else None for name, value in self.fields.items()}
        computed = tuple((name, value) for name, value in self.fields.items() if not value.is_literal)
        object.__setattr__(self, "_ready", {"action": self.word, **ready})
        object.__setattr__(self, "_computed", computed)
        object.__setattr__(self, "_names", tuple(name for name, _ in computed))
        object.__setattr__(self, "_shape", 0 if _ORDERING & dict(computed).keys() else id(self))

    def literal(self, name: str) -> Any:
        """What a field always is; None when it is not written or computed."""
        return literal(self.fields, name)

    def with_fields(self, fields: Mapping[str, Value], callback: Callback | None = None) -> Self:
        """The same action with more fields (or others in their place), and another webhook unless None."""
        return replace(self, fields={**self.fields, **fields}, callback=callback or self.callback)

    def in_locale(self, locale: str) -> Action:
        """The action as it is for callers who hear this locale."""
        if not any("locale" in value.used_names for value in self.fields.values()):
            return self
        return replace(self, fields={name: in_locale(value, locale) for name, value in self.fields.items()})

    def render(self, frame: Frame) -> list[Draft]:
        """The action in this call. Only the outermost dict is its own; what is in it is shared. Raises RenderError."""
        if self.is_opening and frame.position:
            return []
        action = dict(self._ready)
        for name, value in self._computed:
            action[name] = value.render(frame.names)
        return [Draft(action, self.callback, "", self._shape, self._names)]

    def sample(self, sample_of: Callable[[Value], Any]) -> dict[str, Any]:
        """The action with a sample in each field that only a call can fill."""
        return self._ready | {name: sample_of(value) for name, value in self._computed}


def literal(fields: Mapping[str, Value], name: str) -> Any:
    """What a field always is; None when it is not written or computed."""
    value = fields.get(name)
    return value.render({}) if value is not None and value.is_literal else None


_ORDERING = frozenset({"bargeIn", "loop", "endOnSilence", "endOnKey", "timeOut"})
"""Fields that rules between actions look at."""

_OBSERVED = frozenset({"record", "connect", "conversation"})


def observer(word: str, *, has_url: bool, records: bool, is_asynchronous: bool = False) -> Callback | None:
    """The webhook that an action asks for by itself; None when it has none or the author named its address.

    Args:
        word: the action.
        has_url: whether its `eventUrl` is written.
        records: whether a `conversation` is recorded.
        is_asynchronous: whether an `input` only reports keys as they are pressed.
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
