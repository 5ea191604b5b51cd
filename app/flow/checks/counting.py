"""Circles that a counter leads out of: each round counts a variable on, and a branch of each round asks for it.

Whether the count is ever reached is not asked here: it takes the values of a call to tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING, Final

from jinja2 import nodes

from app.flow.language.exits import Branch
from app.flow.model import Assignment, Edge
from app.flow.templates import Computed, Native
from app.flow.templates.references import walk

if TYPE_CHECKING:
    from app.flow.language.step import ReadStep

_ORDERED: Final = frozenset({"lt", "lteq", "gt", "gteq", "eq"})


def is_counted(group: Set[str], graph: Mapping[str, Mapping[str, Edge]], steps: Mapping[str, ReadStep]) -> bool:
    """Whether a counter leads out of every circle within a group of steps."""
    assigned = {name: tuple(_assigned(steps[name])) for name in group}
    counters = {each.name for sets in assigned.values() for each in sets}
    return any(_leads_out(counter, assigned, graph, steps) for counter in counters)


def _leads_out(
    counter: str,
    assigned: Mapping[str, tuple[Assignment, ...]],
    graph: Mapping[str, Mapping[str, Edge]],
    steps: Mapping[str, ReadStep],
) -> bool:
    """Whether each circle counts `counter` on, always the same way, and asks for it where a way leads out."""
    ways = {direction(each) for sets in assigned.values() for each in sets if each.name == counter}
    if len(ways) != 1 or 0 in ways:
        return False
    group = assigned.keys()
    counting = {name for name, sets in assigned.items() if any(each.name == counter for each in sets)}
    asking = {name for name in group if _asks(steps[name], counter, group)}
    return not _goes_round(group - counting, graph) and not _goes_round(group - asking, graph)


def _assigned(step: ReadStep) -> Iterator[Assignment]:
    """What a step sets on entering, and on each of its ways."""
    yield from step.step.sets if step.step is not None else ()
    for edge in step.exit.edges() if step.exit is not None else ():
        yield from (*edge.sets, *edge.target.sets)


def direction(assignment: Assignment) -> int:
    """1 for `x + 2`, -1 for `x - 2`, 0 for anything else."""
    value = assignment.value
    match value.template.body if isinstance(value, Native | Computed) else []:
        case [nodes.Output(nodes=[nodes.BinExpr(left=nodes.Name(name=name), right=nodes.Const(value=step)) as node])]:
            is_count = isinstance(step, int | float) and not isinstance(step, bool) and step > 0
            if is_count and name == assignment.name:
                return {nodes.Add: 1, nodes.Sub: -1}.get(type(node), 0)
    return 0


def _asks(step: ReadStep, counter: str, group: Set[str]) -> bool:
    """Whether a branch asks how far the counter is, and a way of it leads out of the group."""
    if not isinstance(step.exit, Branch):
        return False
    leaves = any(edge.target.step not in group for edge in step.exit.edges())
    return leaves and any(_tests(arm.condition.node, counter) for arm in step.exit.arms)


def _tests(node: nodes.Node, counter: str) -> bool:
    compared = (part for part in walk(node) if isinstance(part, nodes.Compare) and part.ops[0].op in _ORDERED)
    sides = (side for each in compared for side in (each.expr, each.ops[0].expr))
    return any(isinstance(side, nodes.Name) and side.name == counter for side in sides)


def _goes_round(among: Set[str], graph: Mapping[str, Mapping[str, Edge]]) -> bool:
    """Whether there is a circle among these steps alone."""
    left = set(among)
    while left:
        ends = {name for name in left if not any(target in left for target in graph[name])}
        if not ends:
            return True
        left -= ends
    return False
