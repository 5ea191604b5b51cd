"""What the command line hands to the console, which imports neither `web` nor `verify`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from pydantic import BaseModel, Field

from app.engine import Lookup, LookupAnswer, Session
from app.flow.model import Project
from app.service.turns import AnswerLookups
from app.simulator.legs import CallMoment, Leg
from app.simulator.parties import Outcome
from app.store import HookRow, TurnRow

NOBODY: Final = "nobody was asked"
"""Why a lookup without a chosen answer has none."""


class Press(BaseModel):
    """The caller presses keys."""

    kind: Literal["press"] = "press"
    keys: str = Field(pattern=r"^[0-9*#]{1,40}$")


class Speak(BaseModel):
    """The caller says something; `confidence` is how sure the recogniser is, 0 to 1."""

    kind: Literal["speak"] = "speak"
    text: str = Field(min_length=1, max_length=500)
    confidence: float = Field(0.9, ge=0, le=1)


class Silence(BaseModel):
    """The caller lets an input or a recording time out."""

    kind: Literal["silence"] = "silence"


class Message(BaseModel):
    """The caller speaks onto a recording for some seconds; a key ends it, without one silence does."""

    kind: Literal["message"] = "message"
    seconds: float = Field(5, ge=0.1, le=3600)
    key: str = Field("", pattern=r"^[0-9*#]?$")


class Decide(BaseModel):
    """What the dialled party does. `address` is filled in by the call."""

    kind: Literal["decide"] = "decide"
    outcome: Outcome
    talks_s: float = Field(30, ge=0.1, le=7200)
    address: str = Field("", max_length=500)


class HangUp(BaseModel):
    """The caller hangs up."""

    kind: Literal["hangup"] = "hangup"


Act: TypeAlias = Annotated[Press | Speak | Silence | Message | Decide | HangUp, Field(discriminator="kind")]
"""What a person does in a call."""


@dataclass(frozen=True, slots=True)
class Placing:
    """A call to place.

    Attributes:
        to: the called number; "" for the first number of the flow.
        caller: the calling number.
        made_at: aware.
        flow: the name of the flow; "" where the number decides.
        is_live: its lookups ask other servers, with the real variables of the environment. Otherwise flows read
            placeholders.
    """

    to: str
    caller: str
    made_at: datetime
    flow: str = ""
    is_live: bool = False


class CannotPlace(Exception):
    """No flow takes the call, or a scenario cannot be written.

    Attributes:
        message, cure: what is wrong, and what to do about it.
    """

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(f"{message}; {cure}" if cure else message)
        self.message = message
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Observed:
    """What the server has done in a call so far.

    Attributes:
        session: the state of the call; None before it is answered, and where no flow is played.
        turns: of the call and of what its dialled parties hear, by time.
        hooks: what would have been sent.
        problems: what the server or an NCCO did wrong, and warnings that the server logged.
        is_failsafe: the failsafe NCCO was played, or nothing.
    """

    session: Session | None = None
    turns: tuple[TurnRow, ...] = ()
    hooks: Sequence[HookRow] = ()
    problems: tuple[str, ...] = ()
    is_failsafe: bool = False


class Ways(NamedTuple):
    """What the caller can do: in words, and the phrases that are understood."""

    text: str
    phrases: tuple[str, ...] = ()


class PlayedCall(Protocol):
    """A placed call, and its script as a scenario."""

    @property
    def leg(self) -> Leg:
        """The caller's leg, through which the call is played."""

    async def observe(self) -> Observed:
        """What has happened on the server so far."""

    def ways(self, moment: CallMoment, session: Session | None) -> Ways:
        """What the caller can do at a moment."""

    def hear_out(self, moment: CallMoment) -> None:
        """Write into the script what was heard up to a moment in which the caller is waited for."""

    def record(self, act: Act, moment: CallMoment) -> None:
        """Add an act at a moment to the script; keys that continue an input extend the act before."""

    def extend(self, keys: str) -> None:
        """Add keys to the last act, a press."""

    def keep(self, answers: Sequence[tuple[Lookup, LookupAnswer]], observed: Observed, note: str = "") -> Kept:
        """Write the call as a scenario, below `note` as a comment of one line. Raises CannotPlace."""

    def blocked(self) -> str:
        """Why it cannot be written as a scenario, in words for people; "" when nothing is known against it."""

    async def close(self) -> None:
        """Release what it holds."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A written scenario: its file, its name, and the command that plays it."""

    path: Path
    name: str
    command: str


class Player(Protocol):
    """Places calls in this process. Nothing is sent to anybody, except what `look_ups` does."""

    async def place(
        self, project: Project, placing: Placing, look_ups: Callable[[], AnswerLookups], folder: Path
    ) -> PlayedCall:
        """Call a flow of a project. Raises CannotPlace.

        Args:
            project: its flows without errors.
            placing: who calls whom, and when.
            look_ups: returns a function that answers the lookups of one turn.
            folder: of the flows; scenarios are written beside it.
        """

    async def place_ncco(self, ncco: Sequence[Mapping[str, Any]], placing: Placing) -> PlayedCall:
        """Play an NCCO that no flow makes; each webhook gets an empty reply. Such a call cannot be kept."""


class Served(NamedTuple):
    """Where the webhook server beside the console answers on this host: `http://127.0.0.1:8000`; "" is not known.

    Attributes:
        url: its webhooks and probes.
        metrics_url: its counters.
    """

    url: str = ""
    metrics_url: str = ""


_NOT_KNOWN: Final = Served()


@dataclass(frozen=True)
class Services:
    """The services of the console.

    Attributes:
        player: places the calls of the phone; None: it cannot call.
        proof: the function that proves a flow in a subprocess, as `package.module:name`; "": none can be proved.
        served: the webhook server.
        coverage: the function that plays the scenarios of a project in a subprocess, as `proof`.
    """

    player: Player | None = None
    proof: str = ""
    served: Served = _NOT_KNOWN
    coverage: str = ""
