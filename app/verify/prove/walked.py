"""What a walk has found: the states that calls wait in, and the turns that lead from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from app.engine import Call, Session
from app.flow.model import Flow
from app.ncco import Issue
from app.verify.following import Key
from app.verify.outcomes import ENTERED, outcomes_of
from app.verify.prove.driving import Answers
from app.verify.prove.flows import family
from app.verify.prove.inputs import Input
from app.verify.prove.listening import TALKED, Listened

END: Final = -1
START: Final = -2
UNROLLED: Final = "unrolled"
"""How the keys of states begin that are others once more, in a call that remembers how often it has dialled."""
UNSET: Final[Mapping[str, str]] = {}
Sort = Literal["acts", "held", "passes", "leg", "fault"]
"""acts: the caller has chosen or given something. held: held on. passes: anything else but a called party, a fault."""


class Ncco(NamedTuple):
    """What is played, what Vonage would refuse of it, and what it sounds like."""

    actions: list[dict[str, Any]]
    issues: tuple[Issue, ...]
    heard: Listened


NOTHING: Final = Ncco([], (), TALKED)


@dataclass(frozen=True, slots=True)
class Edge:
    """One turn: what happened in a state, and where that has led.

    Attributes:
        source, target: numbers of states; START and END.
        behind: for the first turn of a called party, the edge that dialled it; else -1.
        happened: what came in. call: the call, for its first turn.
        answers: what look-ups were answered.
        moment: when.
        entered: the steps that were entered, as (flow, step). taken: the outcomes. failed: (flow, step, code, why).
        sort: what kind of way it is.
        heard: what it sounds like.
        ncco: what is played. is_timed: it may be another turn at another moment.
        is_party: not the caller hears it, but somebody who was dialled.
        is_failsafe: nothing of the flow could be played.
        env: the variables of the server.
    """

    source: int
    target: int
    happened: Input
    moment: datetime
    answers: Answers
    entered: tuple[tuple[str, str], ...]
    taken: tuple[Key, ...]
    failed: tuple[tuple[str, str, str, str], ...]
    sort: Sort
    heard: Listened
    call: Call | None = None
    behind: int = -1
    is_failsafe: bool = False
    ncco: Ncco = NOTHING
    is_timed: bool = False
    is_party: bool = False
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def dials(self) -> int:
        """How often it dials."""
        return sum(action["action"] == "connect" for action in self.ncco.actions)


class State(NamedTuple):
    """A place where calls wait; `edge` first led to it. `faulted`: only faults lead here. `key`: of `States`.

    `env` are the variables of the server, which differ from walk to walk and not within a call.
    """

    session: Session
    edge: int
    moment: datetime
    faulted: bool
    key: Any = ()
    env: Mapping[str, str] = UNSET

    @property
    def is_unrolled(self) -> bool:
        """Whether it is another one once more."""
        return bool(self.key) and self.key[0] == UNROLLED


class Bounds(NamedTuple):
    """How far a walk may go: states, and seconds of real time."""

    states: int = 200_000
    seconds: float = 300.0


def undecided_in(root: Flow) -> dict[str, str]:
    """The flows of a family in which nothing is decided, with their first step."""
    only = {name: outcomes_of(flow)[0] for name, flow in family(root).items()}
    return {name: first.step for name, first in only.items() if first.name == ENTERED}


@dataclass(slots=True)
class Walk:
    """Everything that was found.

    Attributes:
        undecided: the flows in which nothing is decided, with their first step.
        states, edges: by number.
        nccos: how many different NCCOs were played. menus: the menus that were heard, as (flow, step).
        stopped: why it has stopped before everything was walked; "" when it has not.
        seconds: how long it took.
    """

    root: Flow
    undecided: Mapping[str, str] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    nccos: int = 0
    stopped: str = ""
    seconds: float = 0.0

    def undecided_among(self, entered: Iterable[tuple[str, str]]) -> Iterator[Key]:
        """That a flow was entered, of those in which nothing else is decided."""
        for flow, step in entered:
            if self.undecided.get(flow) == step:
                yield flow, step, ENTERED

    def way_to(self, number: int) -> list[Edge]:
        """The edges of the shortest way that was found to an edge, and that edge."""
        way: list[Edge] = []
        while number >= 0:
            edge = self.edges[number]
            way.append(edge)
            number = edge.behind if edge.behind >= 0 else self.states[edge.source].edge if edge.source >= 0 else -1
        return way[::-1]
