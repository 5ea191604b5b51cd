"""The state space of a flow as a graph: states that calls wait in, the turns between them, and paths through both.

Faults are left out, and so is what dialled parties hear, unless a function says otherwise.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, Final, Literal, NamedTuple

import orjson

from app.engine import Call, Session
from app.engine.outcome import APART
from app.flow.model import Flow
from app.ncco import Issue, check
from app.verify.outcomes import Key
from app.verify.prove.listening import ENDLESS, RINGS_S, TALKED, Listened, listen
from app.verify.prove.triggers import Answers, Trigger

END: Final = -1
START: Final = -2
NOWHERE: Final = -1
UNROLLED: Final = "unrolled"
"""How the keys of states begin that repeat others in a call that counts its dials."""
Sort = Literal["acts", "held", "passes", "leg", "fault"]
"""acts: the caller has chosen or given something. held: held on. leg: the first turn of a dialled party. passes: else.
"""


class PlayedNcco(NamedTuple):
    """What is played, what Vonage would refuse of it, and what the caller hears; a dialled party, with `is_party`."""

    actions: list[dict[str, Any]]
    issues: tuple[Issue, ...]
    heard: Listened
    is_party: bool = False


NOTHING: Final = PlayedNcco([], (), TALKED)
"""What the server sends when a conversation ends."""


@dataclass(frozen=True)
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
        ncco: what is played.
        behind: for the first turn of a dialled party, the transition that dialled; else NOWHERE.
        is_failsafe: nothing of the flow could be played.
        env: the variables of the server.
    """

    source: int
    target: int
    trigger: Trigger
    moment: datetime
    sort: Sort
    ncco: PlayedNcco = NOTHING
    answers: Answers = ()
    entered: tuple[tuple[str, str], ...] = ()
    taken: tuple[Key, ...] = ()
    failed: tuple[tuple[str, str, str, str], ...] = ()
    call: Call | None = None
    behind: int = NOWHERE
    is_failsafe: bool = False
    is_timed: bool = False
    env: Mapping[str, str] = field(default_factory=dict)

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


class SearchLimits(NamedTuple):
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

    _found: dict[tuple[bytes, bool], PlayedNcco] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._found)

    def of(self, actions: list[dict[str, Any]], *, is_party: bool) -> PlayedNcco:
        """An NCCO with its issues and its sound. A party that declines hangs up: the room it waits in is not heard."""
        key = (orjson.dumps(actions), is_party)
        if key not in self._found:
            errors = tuple(issue for issue in check(actions) if issue.severity == "error")
            heard = actions[:-1] if is_party and actions[-1:] == [APART] else actions
            self._found[key] = PlayedNcco(actions, errors, listen(heard), is_party)
        return self._found[key]


_CALM: Final = frozenset({"acts", "held", "passes"})


def components(successors: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """The strongly connected components, each after those that it leads to (Kosaraju, without recursion)."""
    order = _by_finish(successors, successors)
    predecessors: dict[int, list[int]] = {node: [] for node in successors}
    for node, targets in successors.items():
        for target in targets:
            predecessors[target].append(node)
    found: list[list[int]] = []
    seen: set[int] = set()
    for start in reversed(order):
        if start not in seen:
            group, waiting = [], [start]
            seen.add(start)
            while waiting:
                group.append(node := waiting.pop())
                fresh = [each for each in predecessors[node] if each not in seen]
                seen.update(fresh)
                waiting += fresh
            found.append(group)
    return found[::-1]


def _by_finish(successors: Mapping[int, Sequence[int]], starts: Collection[int]) -> list[int]:
    """The nodes in the order in which a depth-first search leaves them."""
    order: list[int] = []
    seen: set[int] = set()
    for start in starts:
        waiting = [] if start in seen else [(start, iter(successors[start]))]
        seen.add(start)
        while waiting:
            node, rest = waiting[-1]
            following = next((each for each in rest if each not in seen), None)
            if following is None:
                order.append(node)
                waiting.pop()
            else:
                seen.add(following)
                waiting.append((following, iter(successors[following])))
    return order


class Graph:
    """The states of calls, without those that are unrolled, and the transitions between them."""

    def __init__(self, space: StateSpace) -> None:
        self._space = space
        unrolled = {number for number, state in enumerate(space.states) if state.is_unrolled}
        self._out: dict[int, list[int]] = {number: [] for number in range(len(space.states)) if number not in unrolled}
        self._first: list[int] = []
        for number, each in enumerate(space.transitions):
            if each.source == START:
                self._first.append(number)
            elif each.sort in _CALM and not unrolled & {each.source, each.target}:
                self._out[each.source].append(number)

    def _transition(self, number: int) -> Transition:
        return self._space.transitions[number]

    def trapped(self) -> list[int]:
        """The states from which no path leads to the end of the call."""
        before: dict[int, list[int]] = {number: [] for number in self._out}
        waiting: list[int] = []
        for source, numbers in self._out.items():
            for target in (self._transition(number).target for number in numbers):
                (waiting if target == END else before[target]).append(source)
        free: set[int] = set()
        while waiting:
            state = waiting.pop()
            if state not in free:
                free.add(state)
                waiting += before[state]
        return [number for number in self._out if number not in free]

    def steps_after(self, state: int) -> set[tuple[str, str]]:
        """The steps of the states that a state leads to."""
        sessions = [self._space.states[target].session for target in self._targets(state)]
        return {(session.at or self._space.root.name, session.step) for session in sessions}

    def _targets(self, state: int) -> list[int]:
        return [target for number in self._out[state] if (target := self._transition(number).target) != END]

    def cycles(self, *, dialling: bool) -> Iterator[list[Transition]]:
        """The shortest cycle of each component in which a call stays although the caller does nothing.

        Without `dialling`, only those in which nobody is dialled.
        """
        passing = {
            state: [each for each in map(self._transition, numbers) if each.sort == "passes" and each.target != END]
            for state, numbers in self._out.items()
        }
        if not dialling:
            passing = {state: [each for each in out if not each.dials] for state, out in passing.items()}
        successors = {state: [each.target for each in out] for state, out in passing.items()}
        for group in components(successors):
            if len(group) > 1 or group[0] in successors[group[0]]:
                yield _cycle_in(set(group), passing)

    def silences(self, most: float) -> Iterator[tuple[int, float]]:
        """For each turn, the longest silence that the caller hears in it, with the silence before it.

        A silence that was longer than `most` before a turn belongs to the turns before.
        """
        quiet: dict[int, float] = dict.fromkeys(self._out, 0.0)
        calm = [*self._first, *(number for numbers in self._out.values() for number in numbers)]
        for number in sorted(calm, key=lambda number: (not self._transition(number).heard.is_heard, number)):
            each = self._transition(number)
            heard = each.heard
            before = quiet[each.source] if each.source >= 0 else 0.0
            carried = 0.0 if before > most else before
            last = heard.last if heard.is_heard else carried + heard.last
            yield number, max(carried + heard.lead, heard.longest, last)
            if each.target >= 0:
                behind = heard.last if heard.is_heard else before + heard.last
                quiet[each.target] = max(quiet[each.target], 0.0 if behind == ENDLESS else behind)

    def party_waits(self) -> Iterator[tuple[int, float]]:
        """The last turn of each dialled party who does nothing but listen, and after how many seconds it is over."""
        for first in self._first:
            if self._transition(first).sort == "leg":
                number, seconds, seen = first, self._lasts(first), {first}
                while following := self._unanswered(self._transition(number).target) - seen:
                    number = min(following)
                    seen.add(number)
                    seconds += self._lasts(number)
                yield number, seconds

    def _lasts(self, number: int) -> float:
        heard = self._transition(number).heard
        return ENDLESS if heard.is_endless else heard.prompt + heard.listens

    def _unanswered(self, state: int) -> set[int]:
        """The turns that follow when nobody does anything."""
        out = {number: self._transition(number) for number in self._out.get(state, [])}
        acts = {"press", "speak"}
        return {number for number, each in out.items() if each.sort == "passes" and not acts & each.trigger.line.keys()}

    def longest(self) -> tuple[int, int]:
        """How many steps the longest path enters, with its last transition; a cycle counts once."""
        found = components({state: self._targets(state) for state in self._out})
        group_of = {state: index for index, group in enumerate(found) for state in group}
        longest: list[tuple[int, int]] = [(0, -1)] * len(found)
        best = (0, -1)

        def extend(steps: int, number: int) -> None:
            nonlocal best
            target = self._transition(number).target
            path = (steps + len(self._transition(number).entered), number)
            if target < 0:
                best = max(best, path, key=lambda each: each[0])
            elif path[0] > longest[group_of[target]][0]:
                longest[group_of[target]] = path

        for number in self._first:
            extend(0, number)
        for index in reversed(range(len(found))):  # components come after those that they lead to
            steps, last = longest[index]
            if last < 0:
                continue
            steps += self._steps_within(set(found[index]))
            best = max(best, (steps, last), key=lambda each: each[0])
            for number in (number for state in found[index] for number in self._out[state]):
                target = self._transition(number).target
                if target < 0 or group_of[target] != index:
                    extend(steps, number)
        return best

    def _steps_within(self, group: set[int]) -> int:
        """How many different steps are entered between the states of a component."""
        within = (self._transition(number) for state in group for number in self._out[state])
        return len({step for each in within if each.target in group for step in each.entered})

    def person(self) -> tuple[float, int]:
        """After how many seconds somebody is rung by the quickest path, and by which transition; NOWHERE for nobody."""
        best: tuple[float, int] = (ENDLESS, NOWHERE)
        ticket = count()
        waiting = [(0.0, next(ticket), number) for number in self._first if self._transition(number).sort != "leg"]
        done: set[int] = set()
        while waiting:
            at, _, number = heapq.heappop(waiting)
            each = self._transition(number)
            if each.heard.person is not None and at + each.heard.person < best[0]:
                best = (at + each.heard.person, number)
            if each.target < 0 or each.target in done or at >= best[0]:
                continue
            done.add(each.target)
            for following in self._out[each.target]:
                seconds = at + each.heard.prompt + _answers_after(self._transition(following), each)
                heapq.heappush(waiting, (seconds, next(ticket), following))
        return best


def _answers_after(transition: Transition, before: Transition) -> float:
    """Seconds until something happens, after everything was played."""
    if transition.trigger.kind == "dial":
        return before.heard.rings or RINGS_S
    return before.heard.listens if "silence" in transition.trigger.line else 0.0


def _cycle_in(group: set[int], passing: Mapping[int, list[Transition]]) -> list[Transition]:
    """The shortest cycle within a component that begins at its first state."""
    start = min(group)
    within = {state: [each for each in passing[state] if each.target in group] for state in group}
    return _shortest_path(start, lambda state: within[state], lambda each: each.target == start)


def _shortest_path(
    start: int, out: Callable[[int], Iterable[Transition]], is_last: Callable[[Transition], bool]
) -> list[Transition]:
    """The shortest path from a state that ends with a transition for which `is_last` holds; [] for none."""
    before: dict[int, Transition] = {}
    waiting, reached = [start], {start, END}
    for state in waiting:
        for each in out(state):
            if is_last(each):
                path = [each]
                while path[-1].source != start:
                    path.append(before[path[-1].source])
                return path[::-1]
            if each.target not in reached:
                reached.add(each.target)
                before[each.target] = each
                waiting.append(each.target)
    return []


class Paths:
    """Finds paths that a single call can take, shortest first: everything in it happens at one moment."""

    def __init__(self, space: StateSpace) -> None:
        self._space = space
        self._out: dict[int, list[int]] = {}
        self._legs = [each for each in space.transitions if each.sort == "leg"]
        for number, each in enumerate(space.transitions):
            if each.sort not in ("leg", "fault"):
                self._out.setdefault(each.source, []).append(number)

    @property
    def moments(self) -> list[datetime]:
        """Every moment at which something was decided by it, and that of the first turn."""
        all_ = self._space.transitions
        return list(dict.fromkeys([all_[0].moment, *(each.moment for each in all_ if each.is_timed)]))

    def to(self, number: int) -> list[Transition]:
        """The shortest path to a transition and that one; at one moment, if there is such a path."""
        each = self._space.transitions[number]
        if each.behind >= 0:
            return [*self.to(each.behind), each]
        if each.source < 0:
            return [each]
        first = self._space.transitions[self._space.states[each.source].first]
        if first.behind >= 0 or first.sort in ("leg", "fault"):
            return self._space.first_path_to(number)
        moments = [each.moment] if each.is_timed else self.moments
        paths = (self._search(START, moment, frozenset({each.source})) for moment in moments)
        found = min(filter(None, paths), key=len, default=None)
        return self._space.first_path_to(number) if found is None else [*found, each]

    def held_at(self, state: int) -> list[Transition]:
        """The turns in which a caller who is held in this state stays held."""
        out = (self._space.transitions[number] for number in self._out.get(state, ()))
        return [each for each in out if each.sort == "held"]

    def covering(self, wanted: Set[Key]) -> list[tuple[datetime, list[Transition]]]:
        """A small set of paths that takes each of `wanted` that can be; each goes on while there is more to take."""
        left, found = set(wanted), list[tuple[datetime, list[Transition]]]()
        for moment in self.moments:
            while path := self._tour(START, moment, left):
                found.append((moment, path))
        for leg in self._legs:
            while not left.isdisjoint(leg.taken) or self._search(leg.target, leg.moment, frozenset(), left):
                left.difference_update(leg.taken)
                rest = self._tour(leg.target, leg.moment, left)
                found.append((leg.moment, [*self.to(leg.behind), leg, *rest]))
        return found

    def joining(self) -> list[Transition]:
        """What some dialled party does who hears a flow and is then joined; [] if none hears any."""
        return next((path for first in self._legs if (path := self.to_joined(first))), [])

    def to_joined(self, first: Transition) -> list[Transition]:
        """The turns of a dialled party up to being joined, by its first one; [] if none leads there."""
        if first.target == END:
            return [first] if _joins(first) else []
        return self._search(first.target, first.moment, frozenset({END}), joins=True)

    def _search(
        self, start: int, moment: datetime, states: Set[int], keys: Collection[Key] = (), *, joins: bool = False
    ) -> list[Transition]:
        """The shortest path from a state to one of `states`, or through one of `keys`; [] for none."""

        def out(state: int) -> Iterator[Transition]:
            found = (self._space.transitions[number] for number in self._out.get(state, ()))
            return (each for each in found if not each.is_timed or each.moment == moment)

        def is_last(each: Transition) -> bool:
            is_target = each.target in states and (not joins or _joins(each))
            return is_target or any(key in keys for key in each.taken)

        return _shortest_path(start, out, is_last)

    def _tour(self, start: int, moment: datetime, left: set[Key]) -> list[Transition]:
        tour: list[Transition] = []
        state = start
        while state != END and (path := self._search(state, moment, frozenset(), left)):
            left.difference_update(*(each.taken for each in path))
            tour += path
            state = path[-1].target
        return tour


def _joins(transition: Transition) -> bool:
    """Whether a dialled party is joined after it has heard this."""
    return transition.target != END or dict(APART) not in transition.ncco.actions
