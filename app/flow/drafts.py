"""What a step plays: values and parts as they stand in a flow, and the drafts of NCCO actions that they become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from app.flow.nodes import Place

CallbackKind = Literal["input", "notify", "event", "onanswer"]


def any_number(number: str) -> bool:
    """Whether a number may be dialled where nobody forbids any."""
    return True


class Frame(NamedTuple):
    """What a part or an exit may look at while it runs.

    Attributes:
        names: everything in scope: `call`, `input`, `env`, `now`, `locale` and the variables by name.
        position: how far a list of the step has come; 0 on entering (which target of a connect list rings).
        waited: seconds since the step was entered.
        may_dial: whether a computed number or address may be dialled; "" stands for what is no number.
        dials_left: how often the call may still dial.
    """

    names: Mapping[str, Any]
    position: int = 0
    waited: float = 0.0
    may_dial: Callable[[str], bool] = any_number
    dials_left: int = 1_000


class Value(Protocol):
    """A field of a flow file, compiled: a literal, or a text with braces.

    `used_names` are the root names that it looks up, and sensitive fields as `name.field`; `used_files` the template
    files that it is made of.
    """

    @property
    def place(self) -> Place:
        """Where it is written."""

    @property
    def used_names(self) -> frozenset[str]:
        """Root names."""

    @property
    def used_files(self) -> frozenset[str]:
        """Template file names."""

    @property
    def is_literal(self) -> bool:
        """Whether it is the same in every call."""

    def render(self, names: Mapping[str, Any]) -> Any:
        """The value, cast to its declared type. Raises RenderError."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A webhook that an action asks for; the engine opens a wait for it and writes its `eventUrl`.

    Attributes:
        kind: which route it comes in on.
        name: `input`, `connect`, `record`, `conversation`, or the checkpoint's name.
        steers: whether its reply may replace the NCCO.
        sensitive: whether what the caller keys in must not be written anywhere.
    """

    kind: CallbackKind
    name: str
    steers: bool
    sensitive: bool = False


@dataclass(slots=True)
class Draft:
    """One NCCO action of one turn: a dict of its own, which the engine may complete.

    Attributes:
        action: the NCCO action.
        callback: the webhook that it asks for.
        dials: the computed (not literal) number or address that a connect dials, to be checked against the
            allow-list; "" when the flow file names it literally.
        shape: names what decides about the order of actions; two drafts with the same shape are alike in it. 0 when
            it may differ from call to call.
        computed: the options of the action that a call computes; the others are the same in every call.
        heard: the flow that the other party of a connect hears before it is joined, and what that is given
            (`{"flow": .., "given": {..}}`); None when it hears none. The engine writes the `url` of its `onAnswer`.
    """

    action: dict[str, Any]
    callback: Callback | None = None
    dials: str = ""
    shape: int = 0
    computed: tuple[str, ...] = ()
    heard: Mapping[str, Any] | None = None


class Part(Protocol):
    """One item of `do`, in its file under app/flow/actions/."""

    @property
    def place(self) -> Place:
        """Where it is written."""

    def render(self, frame: Frame) -> list[Draft]:
        """Its actions in this call. Raises RenderError."""
