"""Ways through a walk that a single call can take: one moment at which everything happens, shortest first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Set
from datetime import datetime

from app.engine.called import APART
from app.verify.following import Key
from app.verify.prove.walked import END, START, Edge, Walk


def _any(edge: Edge) -> bool:
    return True


def _joins(edge: Edge) -> bool:
    """Whether a party that was called is joined when it has heard this."""
    return edge.target != END or dict(APART) not in edge.ncco.actions


class Ways:
    """Finds ways. Faults are left out, and so is what other parties hear."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._out: dict[int, list[int]] = {}
        self._legs = [edge for edge in walk.edges if edge.sort == "leg"]
        for number, edge in enumerate(walk.edges):
            if edge.sort not in ("leg", "fault"):
                self._out.setdefault(edge.source, []).append(number)

    def to(self, number: int) -> list[Edge]:
        """The shortest way to an edge and that edge; at one moment, if there is such a way."""
        edge = self._walk.edges[number]
        if edge.behind >= 0:
            return [*self.to(edge.behind), edge]
        if edge.source < 0:
            return [edge]
        first = self._walk.edges[self._walk.states[edge.source].edge]
        if first.behind >= 0 or first.sort in ("leg", "fault"):
            return self._walk.way_to(number)
        moments = [edge.moment] if edge.is_timed else self.moments
        found = [way for moment in moments if (way := self._search(START, moment, frozenset({edge.source}), ()))]
        if not found:
            return self._walk.way_to(number)
        return [*(self._walk.edges[each] for each in min(found, key=len)), edge]

    def held_at(self, state: int) -> list[Edge]:
        """The turns in which a caller who is held in this state is held on."""
        edges = (self._walk.edges[number] for number in self._out.get(state, ()))
        return [edge for edge in edges if edge.sort == "held"]

    @property
    def moments(self) -> list[datetime]:
        """Every moment at which something was decided by it, and that of the first turn."""
        edges = self._walk.edges
        return list(dict.fromkeys([edges[0].moment, *(edge.moment for edge in edges if edge.is_timed)]))

    def _search(
        self,
        start: int,
        moment: datetime,
        states: Set[int],
        keys: Collection[Key],
        is_right: Callable[[Edge], bool] = _any,
    ) -> list[int]:
        """The shortest way from a state to one of `states`, or through an edge with one of `keys`; [] for none."""
        before: dict[int, int] = {}
        waiting, reached = [start], {start}
        for state in waiting:
            for number in self._open(state, moment):
                edge = self._walk.edges[number]
                is_found = (edge.target in states and is_right(edge)) or any(key in keys for key in edge.taken)
                if edge.target not in reached or is_found:
                    if is_found:
                        return self._back(start, before, number)
                    reached.add(edge.target)
                    before[edge.target] = number
                    if edge.target != END:
                        waiting.append(edge.target)
        return []

    def _open(self, state: int, moment: datetime) -> Iterator[int]:
        for number in self._out.get(state, ()):
            edge = self._walk.edges[number]
            if not edge.is_timed or edge.moment == moment:
                yield number

    def _back(self, start: int, before: dict[int, int], last: int) -> list[int]:
        way = [last]
        while self._walk.edges[way[-1]].source != start:
            way.append(before[self._walk.edges[way[-1]].source])
        return way[::-1]

    def covering(self, wanted: Set[Key]) -> list[tuple[datetime, list[Edge]]]:
        """A small set of ways that takes each of `wanted` that can be; each goes on while there is more to take."""
        left, found = set(wanted), list[tuple[datetime, list[Edge]]]()
        for moment in self.moments:
            while tour := self._tour(START, moment, left):
                found.append((moment, tour))
        for edge in self._legs:
            while not left.isdisjoint(edge.taken) or self._search(edge.target, edge.moment, frozenset(), left):
                left.difference_update(edge.taken)
                rest = self._tour(edge.target, edge.moment, left)
                found.append((edge.moment, [*self.to(edge.behind), edge, *rest]))
        return found

    def joining(self) -> list[Edge]:
        """What another party does that hears a flow of its own and is joined then; [] when none hears any."""
        return next((found for first in self._legs if (found := self.to_joined(first))), [])

    def to_joined(self, first: Edge) -> list[Edge]:
        """The turns of such a party up to being joined, by its first one; [] when nothing leads there."""
        if first.target == END:
            return [first] if _joins(first) else []
        found = self._search(first.target, first.moment, frozenset({END}), (), is_right=_joins)
        return [self._walk.edges[number] for number in found]

    def _tour(self, start: int, moment: datetime, left: set[Key]) -> list[Edge]:
        tour: list[Edge] = []
        state = start
        while state != END and (way := self._search(state, moment, frozenset(), left)):
            edges = [self._walk.edges[number] for number in way]
            for edge in edges:
                left.difference_update(edge.taken)
            tour += edges
            state = edges[-1].target
        return tour
