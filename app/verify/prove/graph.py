"""The state space of a flow as a graph: states that calls wait in, the turns between them, and paths through both."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from app.engine import Call, Session
from app.engine.outcome import APART
from app.flow.model import Flow
from app.ncco import Issue
from app.verify.outcomes import Key
from app.verify.prove.listening import CONVERSATION, ENDLESS, RINGS_S, Listened
from app.verify.prove.triggers import Answers, Trigger

Sort = Literal["acts", "held", "passes", "leg", "fault"]
"""acts: the caller has chosen or given something. held: held on. leg: the first turn of a dialled party. passes: else.
"""
Where: TypeAlias = tuple[str, str]
"""A flow and one of its steps."""


class PlayedNcco(NamedTuple):
    """What is played, what Vonage would refuse of it, and what the caller hears; a dialled party, with `is_party`."""

    actions: Sequence[Mapping[str, Any]]
    issues: tuple[Issue, ...]
    heard: Listened
    is_party: bool = False


NOTHING: Final = PlayedNcco((), (), CONVERSATION)
"""What the server sends when a conversation ends."""


@dataclass(eq=False, slots=True)
class State:
    """A place where calls wait.

    Attributes:
        number: from 0, in the order in which states are found.
        session: of the call that reached it first. first: the turn that led there.
        key: what distinguishes it, without failed tries; None where it repeats a state in a call that counts its dials.
    """

    number: int
    session: Session
    key: Any
    first: Transition = field(init=False)

    @property
    def is_repeated(self) -> bool:
        """Whether it repeats another one."""
        return self.key is None

    @property
    def where(self) -> Where:
        """The step in which the call waits."""
        return self.session.at or self.session.flow, self.session.step


@dataclass(frozen=True, eq=False)
class Transition:
    """One turn: what happened in a state, and where it led.

    Attributes:
        source: where the call has waited; None for its first turn.
        target: where it waits then; None when it is over.
        trigger: what came in. call: the call, for its first turn.
        moment: when. is_timed: it may be another turn at another moment.
        env: the variables of the server, which differ between calls and not within a call.
        before: the step in which the call has waited; its first one, for its first turn.
        sort: how the call goes on.
        ncco: what is played.
        answers: the answers of lookups.
        entered: the steps that were entered.
        taken: the outcomes.
        failed: (flow, step, code, why).
        dialled_by: for the first turn of a dialled party, the turn that dialled.
        is_failsafe: nothing of the flow could be played.
    """

    source: State | None
    target: State | None
    trigger: Trigger
    moment: datetime
    env: Mapping[str, str]
    before: Where
    sort: Sort
    ncco: PlayedNcco = NOTHING
    answers: Answers = ()
    entered: tuple[Where, ...] = ()
    taken: tuple[Key, ...] = ()
    failed: tuple[tuple[str, str, str, str], ...] = ()
    call: Call | None = None
    dialled_by: Transition | None = None
    is_failsafe: bool = False
    is_timed: bool = False

    @property
    def heard(self) -> Listened:
        """What the caller hears."""
        return self.ncco.heard

    @property
    def is_party(self) -> bool:
        """Whether a dialled party hears it, not the caller."""
        return self.ncco.is_party

    @property
    def dials(self) -> int:
        """How often it dials."""
        return sum(action["action"] == "connect" for action in self.ncco.actions)

    @property
    def dial_outcome(self) -> str:
        """The outcome of the dial that triggered it; "" for any other trigger."""
        return str(self.trigger.line.get("dial", {}).get("outcome", ""))

    @property
    def where(self) -> Where:
        """The step that it led to; the one before if it has entered none."""
        return self.entered[-1] if self.entered else self.before

    @property
    def previous(self) -> Transition | None:
        """The turn before it on the first path that was found to it; for a dialled party, the turn that dialled."""
        return self.source.first if self.source is not None else self.dialled_by

    @property
    def first_path(self) -> list[Transition]:
        """The turns of the first path that was found to it, and itself."""
        path, before = [self], self.previous
        while before is not None:
            path.append(before)
            before = before.previous
        return path[::-1]


class SearchLimits(NamedTuple):
    """How far to explore: states, and seconds of real time."""

    states: int = 200_000
    seconds: float = 300.0


@dataclass(slots=True)
class StateSpace:
    """Everything that was found.

    Attributes:
        out: the turns that begin in each state; the first turns of all calls and dialled parties in None.
        nccos: how many different NCCOs were played.
        stopped: why the exploration has stopped early; "" when it has not.
        seconds: how long it took.
    """

    root: Flow
    states: list[State] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    out: defaultdict[State | None, list[Transition]] = field(default_factory=lambda: defaultdict(list))
    nccos: int = 0
    stopped: str = ""
    seconds: float = 0.0

    def new_state(self, session: Session, key: Any = None) -> State:
        """A state that the next transition leads to."""
        self.states.append(State(len(self.states), session, key))
        return self.states[-1]

    def add(self, made: Transition) -> None:
        """Add a turn."""
        self.transitions.append(made)
        self.out[made.source].append(made)
        if made.target is not None and not hasattr(made.target, "first"):
            made.target.first = made

    @property
    def entered(self) -> frozenset[Where]:
        """The steps that some call enters."""
        return frozenset(where for each in self.transitions for where in each.entered)


class Graph:
    """What happens in a state space when nothing fails, without states that are repeated."""

    def __init__(self, space: StateSpace) -> None:
        self._beginnings = space.out[None]
        self.out = {
            state: [each for each in space.out[state] if each.sort != "fault" and not _is_repeated(each)]
            for state in space.states
            if not state.is_repeated
        }

    def _after(self, turn: Transition) -> list[Transition]:
        return self.out[turn.target] if turn.target is not None else []

    def trapped(self) -> list[State]:
        """The states from which no path leads to the end of the call."""
        before: dict[State, list[State]] = {state: [] for state in self.out}
        waiting: list[State] = []
        for source, out in self.out.items():
            for each in out:
                (waiting if each.target is None else before[each.target]).append(source)
        free: set[State] = set()
        while waiting:
            state = waiting.pop()
            if state not in free:
                free.add(state)
                waiting += before[state]
        return [state for state in self.out if state not in free]

    def cycles(self, *, dialling: bool) -> Iterator[list[Transition]]:
        """The shortest cycle of each component in which a call stays although the caller does nothing.

        Without `dialling`, only those in which nobody is dialled.
        """
        passing = {
            state: [each for each in out if each.sort == "passes" and (dialling or not each.dials)]
            for state, out in self.out.items()
        }
        cycles = (_cycle_in(group, passing) for group in components(passing))
        return filter(None, cycles)

    def silences(self, most: float) -> Iterator[tuple[Transition, float]]:
        """For each turn, the longest silence that the caller hears in it, with the silence before it.

        A silence that was longer than `most` before a turn belongs to the turns before.
        """
        quiet: dict[State | None, float] = defaultdict(float)
        turns = [*self._beginnings, *(each for out in self.out.values() for each in out)]
        for each in sorted(turns, key=lambda each: not each.heard.is_heard):
            heard = each.heard
            before = quiet[each.source]
            carried = 0.0 if before > most else before
            last = heard.last if heard.is_heard else carried + heard.last
            yield each, max(carried + heard.lead, heard.longest, last)
            if each.target is not None:
                behind = heard.last if heard.is_heard else before + heard.last
                quiet[each.target] = max(quiet[each.target], 0.0 if behind == ENDLESS else behind)

    def party_waits(self) -> Iterator[tuple[Transition, float]]:
        """The last turn of each dialled party who does nothing but listen, and after how many seconds it is over."""
        for first in (each for each in self._beginnings if each.sort == "leg"):
            path, following = list[Transition](), [first]
            while following:
                path.append(following[0])
                following = [each for each in self._after(path[-1]) if _is_passive(each) and each not in path]
            yield path[-1], sum(_lasts(each.heard) for each in path)

    def longest(self) -> tuple[int, Transition]:
        """How many steps the longest path enters, with its last transition; a cycle counts once."""
        groups = components(self.out)
        group_of = {state: number for number, group in enumerate(groups) for state in group}
        longest: list[tuple[int, Transition | None]] = []

        def from_(turn: Transition) -> tuple[int, Transition]:
            steps, last = (0, None) if turn.target is None else longest[group_of[turn.target]]
            return steps + len(turn.entered), last or turn

        for number, group in enumerate(groups):  # each comes after those that it leads to
            turns = [each for state in group for each in self.out[state]]
            inner = {each for each in turns if each.target is not None and group_of[each.target] == number}
            ways = (from_(each) for each in turns if each not in inner)
            steps, last = max(ways, key=itemgetter(0), default=(0, None))
            longest.append((steps + len({where for each in inner for where in each.entered}), last))
        return max(map(from_, self._beginnings), key=itemgetter(0))

    def person(self) -> tuple[float, Transition | None]:
        """After how many seconds somebody is rung by the quickest path, and by which turn; None for nobody."""
        best: tuple[float, Transition | None] = (ENDLESS, None)
        ticket = count()
        waiting = [(0.0, next(ticket), each) for each in self._beginnings if each.sort != "leg"]
        done: set[State | None] = {None}
        while waiting:
            at, _, each = heapq.heappop(waiting)
            if each.heard.person is not None and at + each.heard.person < best[0]:
                best = (at + each.heard.person, each)
            if each.target not in done and at < best[0]:
                done.add(each.target)
                for following in self._after(each):
                    seconds = at + each.heard.prompt + _answers_after(following, each)
                    heapq.heappush(waiting, (seconds, next(ticket), following))
        return best


def _is_repeated(turn: Transition) -> bool:
    return any(state is not None and state.is_repeated for state in (turn.source, turn.target))


def _is_passive(turn: Transition) -> bool:
    """Whether it follows when nobody does anything."""
    return turn.sort == "passes" and not {"press", "speak"} & turn.trigger.line.keys()


def _lasts(heard: Listened) -> float:
    return ENDLESS if heard.is_endless else heard.prompt + heard.listens


def _answers_after(turn: Transition, before: Transition) -> float:
    """Seconds until something happens, after everything was played."""
    if turn.trigger.kind == "dial":
        return before.heard.rings or RINGS_S
    return before.heard.listens if "silence" in turn.trigger.line else 0.0


def components(out: Mapping[State, Sequence[Transition]]) -> list[list[State]]:
    """The strongly connected components of states, each after those that it leads to (Kosaraju)."""
    successors = {state: [each.target for each in turns if each.target is not None] for state, turns in out.items()}
    predecessors: dict[State, list[State]] = {state: [] for state in successors}
    for state, targets in successors.items():
        for target in targets:
            predecessors[target].append(state)
    order = [state for group in _searched(successors, successors) for state in group]
    return _searched(predecessors, reversed(order))[::-1]


def _searched(successors: Mapping[State, Sequence[State]], starts: Iterable[State]) -> list[list[State]]:
    """What a depth-first search reaches from each start and from none before, in the order in which it leaves them."""
    found: list[list[State]] = []
    seen: set[State] = set()
    for start in starts:
        group, path = list[State](), [] if start in seen else [(start, iter(successors[start]))]
        seen.add(start)
        while path:
            state, rest = path[-1]
            following = next((each for each in rest if each not in seen), None)
            if following is None:
                group.append(state)
                path.pop()
            else:
                seen.add(following)
                path.append((following, iter(successors[following])))
        found += [group] if group else []
    return found


def _cycle_in(group: Sequence[State], passing: Mapping[State, Sequence[Transition]]) -> list[Transition]:
    """The shortest cycle within a component that begins at its first state; [] for none."""
    start, within = min(group, key=lambda state: state.number), set(group)

    def out(state: State | None) -> Iterator[Transition]:
        return (each for each in passing[state or start] if each.target in within)

    return shortest_path(start, out, lambda each: each.target is start)


def shortest_path(
    start: State | None, out: Callable[[State | None], Iterable[Transition]], is_last: Callable[[Transition], bool]
) -> list[Transition]:
    """The shortest path from a state that ends with a turn for which `is_last` holds; [] for none."""
    before: dict[State | None, Transition] = {}
    waiting = [start]
    for state in waiting:
        for each in out(state):
            if is_last(each):
                path = [each]
                while path[-1].source is not start:
                    path.append(before[path[-1].source])
                return path[::-1]
            if each.target not in (None, start) and each.target not in before:
                before[each.target] = each
                waiting.append(each.target)
    return []


class Paths:
    """Finds paths that a single call can take, shortest first: everything in it happens at one moment."""

    def __init__(self, space: StateSpace) -> None:
        self._space = space
        self._legs = [each for each in space.out[None] if each.sort == "leg"]

    @property
    def moments(self) -> list[datetime]:
        """Every moment at which something was decided by it, and that of the first turn."""
        turns = self._space.transitions
        return list(dict.fromkeys([turns[0].moment, *(each.moment for each in turns if each.is_timed)]))

    def to(self, last: Transition) -> list[Transition]:
        """The shortest path to a turn and that one; at one moment, if there is such a path."""
        if last.dialled_by is not None:
            return [*self.to(last.dialled_by), last]
        if last.source is None:
            return [last]
        moments = [last.moment] if last.is_timed else self.moments
        paths = (self._search(None, moment, lambda each: each.target is last.source) for moment in moments)
        found = min(filter(None, paths), key=len, default=None)
        return [*found, last] if found else last.first_path

    def held_at(self, state: State | None) -> list[Transition]:
        """The turns in which a caller who is held in this state stays held."""
        return [each for each in self._space.out[state] if each.sort == "held"]

    def covering(self, wanted: Set[Key]) -> list[tuple[datetime, list[Transition]]]:
        """A small set of paths that takes each of `wanted` that can be; each goes on while there is more to take."""
        left, found = set(wanted), list[tuple[datetime, list[Transition]]]()
        for moment in self.moments:
            while path := self._tour(None, moment, left):
                found.append((moment, path))
        for leg in self._legs:
            while not left.isdisjoint(leg.taken) or self._taking(leg, leg.moment, left):
                left.difference_update(leg.taken)
                found.append((leg.moment, [*self.to(leg), *self._tour(leg, leg.moment, left)]))
        return found

    def joining(self) -> list[Transition]:
        """What some dialled party does who hears a flow and is then joined; [] if none hears any."""
        return next((path for leg in self._legs if (path := self.to_joined(leg))), [])

    def to_joined(self, leg: Transition) -> list[Transition]:
        """The turns of a dialled party up to being joined, by its first one; [] if none leads there."""
        if _is_joined(leg):
            return [leg]
        return self._search(leg, leg.moment, _is_joined)

    def _tour(self, after: Transition | None, moment: datetime, left: set[Key]) -> list[Transition]:
        tour: list[Transition] = []
        while path := self._taking(after, moment, left):
            left.difference_update(*(each.taken for each in path))
            tour += path
            after = path[-1]
        return tour

    def _taking(self, after: Transition | None, moment: datetime, keys: Set[Key]) -> list[Transition]:
        """The shortest path to a turn that takes one of `keys`; [] for none."""
        return self._search(after, moment, lambda each: not keys.isdisjoint(each.taken))

    def _search(
        self, after: Transition | None, moment: datetime, is_last: Callable[[Transition], bool]
    ) -> list[Transition]:
        """The shortest path at one moment from the beginning, or after a turn, to one for which `is_last` holds."""

        def out(state: State | None) -> Iterator[Transition]:
            turns = (each for each in self._space.out[state] if each.sort not in ("leg", "fault"))
            return (each for each in turns if not each.is_timed or each.moment == moment)

        is_over = after is not None and after.target is None
        return [] if is_over else shortest_path(after.target if after else None, out, is_last)


def _is_joined(turn: Transition) -> bool:
    """Whether a dialled party is joined after it has heard this."""
    return turn.target is None and dict(APART) not in turn.ncco.actions
