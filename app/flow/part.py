"""What a step plays: each part is rendered in a call, to NCCO actions that may ask for a callback URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from app.flow.nodes import Place

CallbackKind = Literal["input", "notify", "event", "onanswer"]


def allow_any_number(number: str) -> bool:
    """Always true: any number may be dialled."""
    return True


class Frame(NamedTuple):
    """What a part or an exit may look at while it runs.

    Attributes:
        names: everything in scope: `call`, `input`, `env`, `now`, `locale` and the variables by name.
        position: the index of the target of a connect list that rings now; 0 on entering.
        waited: seconds since the step was entered.
        may_dial: whether a computed number or address may be dialled; "" means that it is not a number.
        dials_left: how many more numbers the call may dial.
    """

    names: Mapping[str, Any]
    position: int = 0
    waited: float = 0.0
    may_dial: Callable[[str], bool] = allow_any_number
    dials_left: int = 1_000


@dataclass(frozen=True, slots=True)
class Callback:
    """A webhook that an action asks for; the engine opens a wait for it and writes its `eventUrl`.

    Attributes:
        kind: the route that receives it.
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
    """One NCCO action of one turn, which the engine may still change.

    Attributes:
        action: the NCCO action.
        callback: the webhook that it asks for.
        dials: the computed (not literal) number or address that a connect dials, to be checked against the
            allow-list; "" when the flow file names it literally.
        shape: identifies the properties that decide whether an order of actions is valid; drafts with the same shape
            have the same ones. 0 when they may differ from call to call.
        computed: the options of the action that are computed in each call; the others never change.
        heard: the flow that the called party hears before it is joined, and the params of that flow
            (`{"flow": .., "given": {..}}`); None when it hears no flow. The engine writes the `url` of its `onAnswer`.
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
