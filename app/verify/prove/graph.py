"""The states of a walk as a graph: what leads out, what goes round, how long ways are."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count
from typing import Final

from app.verify.prove.components import components
from app.verify.prove.listening import ENDLESS, RINGS_S
from app.verify.prove.walked import END, START, Edge, Walk

_CALM: Final = frozenset({"acts", "held", "passes"})
_ON: Final = frozenset({"noinput", "nomatch"})


class Graph:
    """Looked at from many sides; faults are left out, and so is what other parties hear."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        again = {number for number, state in enumerate(walk.states) if state.is_unrolled}
        self._out: dict[int, list[int]] = {number: [] for number in range(len(walk.states)) if number not in again}
        self._first: list[int] = []
        for number, edge in enumerate(walk.edges):
            if edge.source == START:
                self._first.append(number)
            elif edge.sort in _CALM and not again & {edge.source, edge.target}:
                self._out[edge.source].append(number)

    def _edge(self, number: int) -> Edge:
        return self._walk.edges[number]

    def trapped(self) -> list[int]:
        """The states from which no way leads to the end of the call."""
        before: dict[int, list[int]] = {number: [] for number in self._out}
        waiting: list[int] = []
        for source, numbers in self._out.items():
            for number in numbers:
                target = self._edge(number).target
                if target == END:
                    waiting.append(source)
                else:
                    before[target].append(source)
        free: set[int] = set()
        while waiting:
            state = waiting.pop()
            if state not in free:
                free.add(state)
                waiting += before[state]
        return [number for number in self._out if number not in free]

    def near(self, state: int) -> set[tuple[str, str]]:
        """The steps of the states that a state leads to."""
        targets = {self._edge(number).target for number in self._out[state]} - {END}
        sessions = [self._walk.states[target].session for target in targets]
        return {(session.at or self._walk.root.name, session.step) for session in sessions}

    def circles(self, *, dialling: bool) -> Iterator[list[Edge]]:
        """One circle of each group of states that a call goes round in though the caller does nothing.

        Those in which nobody is dialled, or with `dialling` those in which it may be.
        """
        passing = {
            state: [edge for edge in map(self._edge, numbers) if edge.sort == "passes" and (dialling or not edge.dials)]
            for state, numbers in self._out.items()
        }
        follows = {state: [edge.target for edge in edges if edge.target != END] for state, edges in passing.items()}
        for group in components(follows):
            first = group[0]
            if len(group) > 1 or first in follows[first]:
                yield _round(min(group), set(group), passing)

    def silences(self, most: float) -> Iterator[tuple[int, float]]:
        """For each turn the longest that the caller hears nothing in it, with what went before.

        A silence that was longer than `most` before a turn begins is one of the turns before.
        """
        quiet: dict[int, float] = dict.fromkeys(self._out, 0.0)
        order = self._in_order()
        for number in order:
            edge = self._edge(number)
            heard = edge.heard
            before = quiet[edge.source] if edge.source >= 0 else 0.0
            lead = 0.0 if before > most else before + heard.lead
            last = heard.last if heard.is_heard else 0.0 if before > most else before + heard.last
            yield number, max(lead, heard.longest, last)
            if edge.target >= 0:
                behind = heard.last if heard.is_heard else before + heard.last
                quiet[edge.target] = max(quiet[edge.target], _waited(edge, behind))

    def _in_order(self) -> list[int]:
        """Every edge, those that a caller hears nothing of behind those that lead to them."""
        calm = [*self._first, *(number for numbers in self._out.values() for number in numbers)]
        return sorted(calm, key=lambda number: (not self._edge(number).heard.is_heard, number))

    def asides(self) -> Iterator[tuple[int, float]]:
        """The last turn of each other party who does nothing but listen, and for how many seconds that takes."""
        for number in self._first:
            if self._edge(number).sort == "leg":
                yield self._aside(number)

    def _aside(self, first: int) -> tuple[int, float]:
        number, seconds, seen = first, self._lasts(first), {first}
        while following := self._silent_after(self._edge(number).target) - seen:
            number = min(following)
            seen.add(number)
            seconds += self._lasts(number)
        return number, seconds

    def _lasts(self, number: int) -> float:
        heard = self._edge(number).heard
        return ENDLESS if heard.is_endless else heard.prompt + heard.listens

    def _silent_after(self, state: int) -> set[int]:
        """The turns that come when nobody does anything."""
        out = self._out.get(state, [])
        return {number for number in out if self._edge(number).sort == "passes" and not self._acts(number)}

    def _acts(self, number: int) -> bool:
        return bool({"press", "speak"} & self._edge(number).happened.told.keys())

    def longest(self) -> tuple[int, int]:
        """How many steps the longest way enters, with its last edge; what goes round counts once."""
        follows = {state: self._targets(state) for state in self._out}
        group_of: dict[int, int] = {}
        weights: list[int] = []
        found = components(follows)
        for index, group in enumerate(found):
            group_of.update(dict.fromkeys(group, index))
            weights.append(self._steps_within(set(group)))
        longest: list[tuple[int, int]] = [(0, -1)] * len(found)
        best = (0, -1)
        for number in self._first:
            edge = self._edge(number)
            best = _farther(best, (len(edge.entered), number))
            if edge.target >= 0:
                longest[group_of[edge.target]] = _farther(longest[group_of[edge.target]], (len(edge.entered), number))
        for index in reversed(range(len(found))):  # components come behind those that they lead to
            steps, last = longest[index]
            if last < 0:
                continue
            best = _farther(best, (steps + weights[index], last))
            for number in (number for state in found[index] for number in self._out[state]):
                edge = self._edge(number)
                way = (steps + weights[index] + len(edge.entered), number)
                if edge.target < 0:
                    best = _farther(best, way)
                elif group_of[edge.target] != index:
                    longest[group_of[edge.target]] = _farther(longest[group_of[edge.target]], way)
        return best

    def _targets(self, state: int) -> list[int]:
        return [target for number in self._out[state] if (target := self._edge(number).target) >= 0]

    def _steps_within(self, group: set[int]) -> int:
        """How many different steps are entered while a call goes round in a group of states."""
        edges = (self._edge(number) for state in group for number in self._out[state])
        return len({step for edge in edges if edge.target in group for step in edge.entered})

    def person(self) -> tuple[float, int]:
        """After how many seconds somebody is rung by the quickest way, and by which edge; -1 when nobody ever is."""
        best: tuple[float, int] = (ENDLESS, -1)
        ticket = count()
        waiting = [(0.0, next(ticket), number) for number in self._first if self._edge(number).sort != "leg"]
        heapq.heapify(waiting)
        done: set[int] = set()
        while waiting:
            at, _, number = heapq.heappop(waiting)
            edge = self._edge(number)
            if edge.heard.person is not None and at + edge.heard.person < best[0]:
                best = (at + edge.heard.person, number)
            if edge.target < 0 or edge.target in done or at >= best[0]:
                continue
            done.add(edge.target)
            after = at + edge.heard.prompt
            for following in self._out[edge.target]:
                wait = _answered(self._edge(following), edge)
                heapq.heappush(waiting, (after + wait, next(ticket), following))
        return best


def _waited(edge: Edge, behind: float) -> float:
    """The silence with which the next turn begins: none where the caller speaks, chooses or is held."""
    return behind if behind != ENDLESS else 0.0


def _answered(edge: Edge, before: Edge) -> float:
    """Seconds until something happens, once everything was played."""
    if edge.happened.kind == "dial":
        return before.heard.rings or RINGS_S
    is_silent = edge.happened.told.get("silence") is not None
    return before.heard.listens if is_silent else 0.0


def _farther(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    return second if second[0] > first[0] else first


def _round(start: int, group: set[int], passing: dict[int, list[Edge]]) -> list[Edge]:
    """The shortest circle within a group of states that begins at `start`."""
    before: dict[int, Edge] = {}
    waiting = [start]
    for state in waiting:
        for edge in passing[state]:
            if edge.target in group and edge.target not in before:
                before[edge.target] = edge
                waiting.append(edge.target)
        if start in before:
            break
    circle = [before[start]]
    while circle[-1].source != start:
        circle.append(before[circle[-1].source])
    return circle[::-1]
