"""The state space of a flow: the states that calls wait in, and the transitions (turns) between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import orjson

from app.engine import Call, Session
from app.engine.called import APART
from app.flow.model import Flow
from app.ncco import Issue, check
from app.verify.following import Key
from app.verify.prove.listening import TALKED, Listened, listen
from app.verify.prove.transitions import Answers, Trigger

END: Final = -1
START: Final = -2
NOWHERE: Final = -1
UNROLLED: Final = "unrolled"
"""How the keys of states begin that repeat others in a call that counts its dials."""
Sort = Literal["acts", "held", "passes", "leg", "fault"]
"""acts: the caller has chosen or given something. held: held on. leg: the first turn of a dialled party. passes: else.
"""


class Ncco(NamedTuple):
    """What is played, what Vonage would refuse of it, and what the caller hears."""

    actions: list[dict[str, Any]]
    issues: tuple[Issue, ...]
    heard: Listened


NOTHING: Final = Ncco([], (), TALKED)


@dataclass(frozen=True, slots=True)
class Transition:
    """One turn: what happened in a state, and where it led.

    Attributes:
        source, target: numbers of states; START and END.
        trigger: what came in. call: the call, for its first turn.
        moment: when. is_timed: it may be another turn at another moment.
        answers: the answers of lookups.
        entered: the steps that were entered, as (flow, step).
        taken: the outcomes.
        failed: (flow, step, code, why).
        sort: how the call goes on.
        ncco: what is played. heard: what the caller hears, with the silence before it.
        behind: for the first turn of a dialled party, the transition that dialled; else NOWHERE.
        is_party: a dialled party hears it, not the caller.
        is_failsafe: nothing of the flow could be played.
        env: the variables of the server.
    """

    source: int
    target: int
    trigger: Trigger
    moment: datetime
    sort: Sort
    heard: Listened
    answers: Answers = ()
    entered: tuple[tuple[str, str], ...] = ()
    taken: tuple[Key, ...] = ()
    failed: tuple[tuple[str, str, str, str], ...] = ()
    call: Call | None = None
    behind: int = NOWHERE
    is_failsafe: bool = False
    ncco: Ncco = NOTHING
    is_timed: bool = False
    is_party: bool = False
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def dials(self) -> int:
        """How often it dials."""
        return sum(action["action"] == "connect" for action in self.ncco.actions)

    @property
    def dial_outcome(self) -> str:
        """The outcome of the dial that triggered it; "" for any other trigger."""
        return str(self.trigger.line.get("dial", {}).get("outcome", ""))


class State(NamedTuple):
    """A place where calls wait.

    Attributes:
        session, moment: of the call that reached it first. first: the transition of that call.
        key: what distinguishes it, by `States`.
        env: the variables of the server, which differ between calls and not within a call.
    """

    session: Session
    first: int
    moment: datetime
    key: Any
    env: Mapping[str, str]

    @property
    def is_unrolled(self) -> bool:
        """Whether it repeats another one."""
        return bool(self.key[0] == UNROLLED)


class Bounds(NamedTuple):
    """How far to explore: states, and seconds of real time."""

    states: int = 200_000
    seconds: float = 300.0


@dataclass(slots=True)
class StateSpace:
    """Everything that was found.

    Attributes:
        states, transitions: by number.
        nccos: how many different NCCOs were played.
        stopped: why the exploration has stopped early; "" when it has not.
        seconds: how long it took.
    """

    root: Flow
    states: list[State] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    nccos: int = 0
    stopped: str = ""
    seconds: float = 0.0

    def first_path_to(self, number: int) -> list[Transition]:
        """The transitions of the first path that was found to a transition, and that one."""
        path: list[Transition] = []
        while number >= 0:
            each = self.transitions[number]
            path.append(each)
            number = each.behind if each.behind >= 0 else self.states[each.source].first if each.source >= 0 else -1
        return path[::-1]

    def step_before(self, transition: Transition) -> tuple[str, str]:
        """The step in which the call has waited, as (flow, step); its first one, for its first turn."""
        if transition.source < 0:
            return transition.entered[0] if transition.entered else (self.root.name, self.root.start)
        session = self.states[transition.source].session
        return session.at or self.root.name, session.step

    def step_after(self, transition: Transition) -> tuple[str, str]:
        """The step that a turn led to; the one before if it has entered none."""
        return transition.entered[-1] if transition.entered else self.step_before(transition)


@dataclass(slots=True)
class Nccos:
    """The NCCOs that were played; each is checked and listened to once."""

    _found: dict[tuple[bytes, bool], Ncco] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._found)

    def of(self, actions: list[dict[str, Any]], *, is_party: bool) -> Ncco:
        """An NCCO with its issues and its sound. A party that declines hangs up: the room it waits in is not heard."""
        key = (orjson.dumps(actions), is_party)
        if key not in self._found:
            errors = tuple(issue for issue in check(actions) if issue.severity == "error")
            heard = actions[:-1] if is_party and actions[-1:] == [APART] else actions
            self._found[key] = Ncco(actions, errors, listen(heard))
        return self._found[key]
