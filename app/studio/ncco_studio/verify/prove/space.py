"""A flow's state space: the states in which calls wait, and the turns between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ncco_server.engine import CallData, Session
from ncco_server.flow.model import Flow
from ncco_server.ncco import Issue
from ncco_studio.pictures.graph import OutcomeKey
from ncco_studio.verify.prove.listening import CONVERSATION, TurnAudio
from ncco_studio.verify.prove.trigger import Trigger
from ncco_studio.verify.prove.turns import Answers

DIALS: Final = 10
"""The default limit for a call."""

TurnKind = Literal["accepted", "held", "other", "leg", "fault"]
"""accepted: the input was a choice or a collected value, or an agent handed back. held: the hold continues. leg: a
dialled party's first turn. fault: a webhook or its reply failed. other: everything else, such as silence or a dial
outcome.
"""
StepKey: TypeAlias = tuple[str, str]
"""The names of a flow and one of its steps."""


class PlayedNcco(NamedTuple):
    """An NCCO, the errors for which Vonage would refuse it, and its audio. `is_party`: for a dialled party."""

    actions: Sequence[Mapping[str, Any]]
    issues: tuple[Issue, ...]
    heard: TurnAudio
    is_party: bool = False


NO_PARAMS: Final[Mapping[str, Any]] = {}

NOTHING: Final = PlayedNcco((), (), CONVERSATION)
"""The empty reply at the end of a conversation."""


@dataclass(eq=False, slots=True)
class State:
    """A point at which calls wait for a webhook.

    Attributes:
        number: from 0, in the order of discovery.
        session: of the first call in the state.
        first: the first turn found that leads to it.
        given: the params of a placed call that machine detection can still move.
        is_repeated: whether it is a copy from an unrolled dial loop.
    """

    number: int
    session: Session
    given: Mapping[str, Any]
    is_repeated: bool
    first: Transition = field(init=False)

    @property
    def where(self) -> StepKey:
        return self.session.at or self.session.flow, self.session.step


class FailedStep(NamedTuple):
    """A step that took an error exit, and why."""

    flow: str
    step: str
    code: str
    because: str

    @property
    def where(self) -> StepKey:
        return self.flow, self.step


@dataclass(frozen=True, eq=False)
class Transition:
    """One turn: what happened in a state, and where it led.

    Attributes:
        source: None for the first turn of a call or dialled party.
        target: None when the call is over.
        call: only for its first turn.
        is_timed: whether the turn depends on the time.
        before: the step in which the call waited; for the first turn, the first step entered.
        dialled_by: for a dialled party's first turn, the turn that dialled it.
        is_failsafe: only the failsafe NCCO could be played.
        unsent: the names of hooks that cannot be sent, each with its problem.
    """

    source: State | None
    target: State | None
    trigger: Trigger
    moment: datetime
    env: Mapping[str, str]
    before: StepKey
    kind: TurnKind
    ncco: PlayedNcco = NOTHING
    answers: Answers = ()
    entered: tuple[StepKey, ...] = ()
    taken: tuple[OutcomeKey, ...] = ()
    failed: tuple[FailedStep, ...] = ()
    call: CallData | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    dialled_by: Transition | None = None
    is_failsafe: bool = False
    is_timed: bool = False
    unsent: tuple[tuple[str, str], ...] = ()

    @property
    def detected(self) -> str:
        """The result of machine detection that begins or moves a placed call, or ""."""
        return self._outcome if self.trigger.kind in ("call", "detected") else ""

    @property
    def heard(self) -> TurnAudio:
        return self.ncco.heard

    @property
    def is_party(self) -> bool:
        return self.ncco.is_party

    @property
    def dials(self) -> int:
        return sum(action["action"] == "connect" for action in self.ncco.actions)

    @property
    def dial_outcome(self) -> str:
        """Empty ("") for any other trigger than a dial."""
        return self._outcome if self.trigger.kind not in ("call", "detected") else ""

    @property
    def handed_back(self) -> str:
        """The outcome that an agent has handed back, or ""."""
        handed = self.trigger.handed
        return str(handed[-1]["outcome"]) if handed else ""

    @property
    def _outcome(self) -> str:
        return str(self.trigger.line.get("dial", {}).get("outcome", ""))

    @property
    def where(self) -> StepKey:
        """The last step entered; `before` if there is none."""
        return self.entered[-1] if self.entered else self.before

    @property
    def previous(self) -> Transition | None:
        """The previous turn on the first path found; for a dialled party's first turn, the dialling turn."""
        return self.source.first if self.source is not None else self.dialled_by

    @property
    def first_path(self) -> list[Transition]:
        path = [self]
        before = self.previous
        while before is not None:
            path.append(before)
            before = before.previous
        return path[::-1]


class SearchLimits(NamedTuple):
    """Limits of an exploration: the number of states, and seconds of real time."""

    states: int = 200_000
    seconds: float = 300.0


@dataclass(slots=True)
class StateSpace:
    """Every state and turn that was found.

    Attributes:
        out: the turns that leave each state; under None, all first turns of calls and dialled parties.
        nccos: the number of different NCCOs played.
        stopped: the limit that ended the exploration early, or "".
    """

    root: Flow
    states: list[State] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    out: defaultdict[State | None, list[Transition]] = field(default_factory=lambda: defaultdict(list))
    nccos: int = 0
    stopped: str = ""
    seconds: float = 0.0

    def new_state(self, session: Session, given: Mapping[str, Any], *, is_repeated: bool = False) -> State:
        """The next transition must lead to the state."""
        self.states.append(State(len(self.states), session, given, is_repeated))
        return self.states[-1]

    def add(self, made: Transition) -> None:
        self.transitions.append(made)
        self.out[made.source].append(made)
        if made.target is not None and not hasattr(made.target, "first"):
            made.target.first = made

    @property
    def entered(self) -> frozenset[StepKey]:
        return frozenset(where for transition in self.transitions for where in transition.entered)
