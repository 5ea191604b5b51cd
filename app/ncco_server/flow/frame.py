"""What a step is given in a call and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from ncco_server.flow.effects import Effect, EffectKind, Phase
from ncco_server.flow.nodes import Place
from ncco_server.flow.templates.values import Value

CallbackKind = Literal["input", "notify", "event", "onanswer", "placed", "agent"]
T_co = TypeVar("T_co", covariant=True)


class Rendered(Protocol):
    """What a step plays."""

    def render(self, frame: Frame) -> list[Draft]:
        """Raises RenderError."""


class Entered(Protocol[T_co]):
    """How a step ends."""

    def enter(self, frame: Frame) -> T_co | None:
        """Return None if a webhook decides. Raises RenderError."""


class Frame(NamedTuple):
    """What a step's parts and exit can use in a call.

    Attributes:
        waited: seconds since the step was entered.
        may_dial: decides on a computed number or address; called with "" for a value that is not a number.
        hand_back: returns the URL at which an agent hands the caller back.
    """

    names: Mapping[str, Any]
    position: int = 0
    waited: float = 0.0
    may_dial: Callable[[str], bool] = lambda number: True
    dials_left: int = 1_000
    hand_back: Callable[[], str] = str

    def render(self, parts: Iterable[Rendered]) -> list[Draft]:
        """Raises RenderError."""
        return [draft for part in parts for draft in part.render(self)]

    def enter(self, leave: Entered[T_co]) -> T_co | None:
        return leave.enter(self)


@dataclass(frozen=True, slots=True)
class Callback:
    """A webhook that an action requests. The engine opens a wait for it and sets the action's `eventUrl`.

    Attributes:
        name: `input`, `connect`, `agent`, `record`, `conversation`, or the checkpoint's name.
        limit_s: after which Vonage ends an agent's turn; 0 for any other webhook.
    """

    kind: CallbackKind
    name: str
    steers: bool
    sensitive: bool = False
    limit_s: int = 0


@dataclass(slots=True)
class Draft:
    """One NCCO action of a turn, which the engine can still change.

    Attributes:
        dials: the computed number or address, for the allow-list; "" if literal.
        computed: options computed in each call; None if loading has not checked the others.
        reply: the template that answers the webhook, and its params (`{"template": .., "given": {..}}`).
        heard: the called party's flow and its params (`{"flow": .., "given": {..}}`). The engine sets the `url` of
            `onAnswer`.
    """

    action: dict[str, Any]
    callback: Callback | None = None
    dials: str = ""
    computed: Mapping[str, Value] | None = None
    heard: Mapping[str, Any] | None = None
    secret: tuple[str, ...] = ()
    reply: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line of a `set`, or of a `with`."""

    name: str
    value: Value
    place: Place


@dataclass(frozen=True, slots=True)
class Runs:
    """Another flow, in which the call continues: for good, unless it `comes_back` to the same step.

    The running flow computes the values of `given`.
    """

    flow: str
    given: tuple[Assignment, ...] = ()
    comes_back: bool = False

    def effects(self, phase: Phase) -> Iterator[Effect]:
        yield from (Effect("give", phase, each.value, each.name, into=self.flow) for each in self.given)


class Target(NamedTuple):
    """Where a flow goes next: a step, another flow, back to the flow that ran it, or the end of the call.

    Attributes:
        returns: the outcome that this flow returns, or ""; the call ends if no flow waits for it.
        sets: assignments on the way. Those of a `return` fill variables of the flow that runs this one.
    """

    step: str | None
    place: Place
    runs: Runs | None = None
    returns: str = ""
    sets: tuple[Assignment, ...] = ()

    @property
    def is_end(self) -> bool:
        return self.step is None and self.runs is None and not self.returns

    @property
    def is_plain(self) -> bool:
        return self.runs is None and not self.returns and not self.sets

    def effects(self, phase: Phase) -> Iterator[Effect]:
        kind: EffectKind = "return" if self.returns else "set"
        yield from (Effect(kind, phase, each.value, each.name) for each in self.sets)
        if self.runs is not None:
            yield from self.runs.effects(phase)

    @property
    def shown(self) -> str:
        if self.runs is not None:
            return f"run {self.runs.flow}"
        return f"return {self.returns}" if self.returns else self.step or "end"
