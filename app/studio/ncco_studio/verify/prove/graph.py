"""Searches a state space: cycles, silences, and the shortest paths of calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import TypeAlias

from ncco_server.engine.waits.called_party import APART
from ncco_server.flow.digraph import components, reachable, shortest_path
from ncco_studio.pictures.graph import OutcomeKey
from ncco_studio.simulator.parties import ENDLESS
from ncco_studio.verify.faults import is_over
from ncco_studio.verify.prove.listening import TurnAudio
from ncco_studio.verify.prove.space import State, StateSpace, Transition

Edge: TypeAlias = tuple[Transition, State | None]


class Graph:
    """A state space without faults and copies from unrolled dial loops."""

    def __init__(self, space: StateSpace) -> None:
        self._beginnings = space.out[None]
        self.out = {
            state: [each for each in space.out[state] if each.kind != "fault" and not _is_repeated(each)]
            for state in space.states
            if not state.is_repeated
        }

    def _after(self, turn: Transition) -> list[Transition]:
        return self.out[turn.target] if turn.target is not None else []

    def trapped(self) -> list[State]:
        before: dict[State, list[State]] = {state: [] for state in self.out}
        waiting: list[State] = []
        for source, out in self.out.items():
            for each in out:
                (waiting if each.target is None else before[each.target]).append(source)
        free = reachable(waiting, before.__getitem__)
        return [state for state in self.out if state not in free]

    def cycles(self, *, dialling: bool) -> Iterator[list[Transition]]:
        """The shortest cycle of each strongly connected component that calls can stay in without accepted input.

        Unless `dialling`, only cycles that dial nobody are found.
        """
        passing = {
            state: sorted((each for each in out if each.kind == "other" and (dialling or not each.dials)), key=_varies)
            for state, out in self.out.items()
        }
        cycles = (_cycle_in(group, passing) for group in components(_targets(passing)))
        return filter(None, cycles)

    def silences(self, most: float) -> Iterator[tuple[Transition, float]]:
        """Each turn with its longest silence, in seconds, including that just before it.

        A silence that was longer than `most` before the turn is reported for the earlier turn only. A caller whose
        speech the recogniser has failed at was not silent.
        """
        quiet: dict[State | None, float] = defaultdict(float)
        turns = [*self._beginnings, *(each for out in self.out.values() for each in out)]
        for turn in sorted(turns, key=lambda turn: not turn.heard.is_heard):
            heard = turn.heard
            before = 0.0 if _is_unrecognised(turn) else quiet[turn.source]
            carried = 0.0 if is_over(before, most) else before
            last = heard.trailing_silence_s if heard.is_heard else carried + heard.trailing_silence_s
            yield turn, max(carried + heard.lead_silence_s, heard.longest_silence_s, last)
            if turn.target is not None:
                behind = heard.trailing_silence_s if heard.is_heard else before + heard.trailing_silence_s
                quiet[turn.target] = max(quiet[turn.target], 0.0 if behind == ENDLESS else behind)

    def party_waits(self) -> Iterator[tuple[Transition, float]]:
        """The last turn of each dialled party that only listens, and the seconds until its NCCOs have ended."""
        for first in (beginning for beginning in self._beginnings if beginning.kind == "leg"):
            path = list[Transition]()
            following = [first]
            while following:
                path.append(following[0])
                following = [each for each in self._after(path[-1]) if _is_passive(each) and each not in path]
            yield path[-1], sum(_total_s(each.heard) for each in path)


def _is_repeated(turn: Transition) -> bool:
    return any(state is not None and state.is_repeated for state in (turn.source, turn.target))


def _is_passive(turn: Transition) -> bool:
    return turn.kind == "other" and not {"press", "speak"} & turn.trigger.line.keys()


def _is_unrecognised(turn: Transition) -> bool:
    said = turn.trigger.line.get("speak")
    return isinstance(said, Mapping) and "error" in said


def _total_s(heard: TurnAudio) -> float:
    return ENDLESS if heard.is_endless else heard.prompt_s + heard.input_s


def _varies(turn: Transition) -> bool:
    """Whether a lookup is made again in the turn, with another answer. A scenario repeats only its last answer."""
    return any(answer != dict(turn.answers)[name] for name, answer in turn.answers)


def _targets(out: Mapping[State, Sequence[Transition]]) -> dict[State, list[State]]:
    return {state: [turn.target for turn in turns if turn.target is not None] for state, turns in out.items()}


def _cycle_in(group: Sequence[State], passing: Mapping[State, Sequence[Transition]]) -> list[Transition]:
    start = min(group, key=lambda state: state.number)
    within = set(group)

    def out(state: State) -> Iterator[Edge]:
        return ((each, each.target) for each in passing[state] if each.target in within)

    return shortest_path(start, out, lambda each: each.target is start)


def _happens_at(turn: Transition, moment: datetime) -> bool:
    return not turn.is_timed or turn.moment == moment


class Paths:
    """Finds a call's shortest paths, with all time-dependent turns at the same moment."""

    def __init__(self, space: StateSpace) -> None:
        self._space = space
        self._legs = [each for each in space.out[None] if each.kind == "leg"]

    @property
    def moments(self) -> list[datetime]:
        turns = self._space.transitions
        return list(dict.fromkeys([turns[0].moment, *(turn.moment for turn in turns if turn.is_timed)]))

    def to(self, last: Transition) -> list[Transition]:
        """The path includes `last`; if possible, all time-dependent turns are at one moment."""
        if last.dialled_by is not None:
            return [*self.to(last.dialled_by), last]
        if last.source is None:
            return [last]
        moments = [last.moment] if last.is_timed else self.moments
        paths = (self._search(None, moment, lambda each: each.target is last.source) for moment in moments)
        found = min(filter(None, paths), key=len, default=None)
        return [*found, last] if found else last.first_path

    def held_at(self, state: State | None) -> list[Transition]:
        return [each for each in self._space.out[state] if each.kind == "held"]

    def covering(self, wanted: Set[OutcomeKey]) -> list[tuple[datetime, list[Transition]]]:
        """A small set of paths that take every possible outcome of `wanted`.

        A path continues while it can reach another outcome.
        """
        left = set(wanted)
        found = list[tuple[datetime, list[Transition]]]()
        for moment in self.moments:
            while path := self._tour(None, moment, left):
                found.append((moment, path))
        for leg in self._legs:
            while not left.isdisjoint(leg.taken) or self._path_taking(leg, leg.moment, left):
                left.difference_update(leg.taken)
                found.append((leg.moment, [*self.to(leg), *self._tour(leg, leg.moment, left)]))
        return found

    def joining(self) -> list[Transition]:
        """A called party's turns from hearing a flow to being connected; [] if none ever is."""
        return next((path for leg in self._legs if (path := self.to_joined(leg))), [])

    def to_joined(self, leg: Transition) -> list[Transition]:
        """[] if no path leads from a called party's first turn to its connection."""
        if _is_joined(leg):
            return [leg]
        return self._search(leg, leg.moment, _is_joined)

    def _tour(self, after: Transition | None, moment: datetime, left: set[OutcomeKey]) -> list[Transition]:
        tour: list[Transition] = []
        while path := self._path_taking(after, moment, left):
            left.difference_update(*(each.taken for each in path))
            tour += path
            after = path[-1]
        return tour

    def _path_taking(self, after: Transition | None, moment: datetime, keys: Set[OutcomeKey]) -> list[Transition]:
        return self._search(after, moment, lambda each: not keys.isdisjoint(each.taken))

    def _search(
        self, after: Transition | None, moment: datetime, is_last: Callable[[Transition], bool]
    ) -> list[Transition]:
        """Start at the beginning if `after` is None."""

        def out(state: State | None) -> Iterator[Edge]:
            turns = (each for each in self._space.out[state] if each.kind not in ("leg", "fault"))
            return ((turn, turn.target) for turn in turns if _happens_at(turn, moment))

        is_over = after is not None and after.target is None
        return [] if is_over else shortest_path(after.target if after else None, out, is_last)


def _is_joined(turn: Transition) -> bool:
    return turn.target is None and dict(APART) not in turn.ncco.actions
