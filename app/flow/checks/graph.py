"""How steps lead to each other: steps that no call reaches (W215), and cycles without any input (E216, E280)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from typing import Final, TypeAlias, TypeVar

from jinja2 import nodes

from app.flow.issues import RULES, FlowIssue
from app.flow.language.exits import Branch
from app.flow.language.flow import ReadFlow
from app.flow.language.step import ReadStep
from app.flow.runtime import Assignment, Edge, Exit
from app.flow.templates.references import walk
from app.flow.templates.values import Computed, Native
from app.ncco.suggest import nearest

N = TypeVar("N")
Graph: TypeAlias = Mapping[N, Mapping[N, Edge]]
"""Nodes, each with those that follow it and the first edge that leads there."""

EdgesOf: TypeAlias = Callable[[Exit], Iterator[Edge]]
"""Those edges of an exit that a check follows."""


def check_reachable(flow: ReadFlow) -> Iterator[FlowIssue]:
    """W215 for each step that no call reaches, except those that only lead on from another such step.

    Nothing is reported while a fault hides an edge: it may lead to the step.
    """
    if flow.start is None or not flow.is_whole or not flow.defaults.is_whole:
        return
    steps, error = flow.steps, flow.defaults.error
    reached: set[str] = set()
    waiting = [flow.start, *([error.step] if error is not None and error.step is not None else [])]
    while waiting:
        name = _known(waiting.pop(), steps)
        if name is None or not steps[name].has_all_edges:
            return
        if name not in reached:
            reached.add(name)
            waiting += _targets(steps[name])
    lost = [name for name in steps if name not in reached]
    entered = {_known(name, steps) for origin in lost for name in _targets(steps[origin]) if name != origin}
    for name in [name for name in lost if name not in entered] or lost[:1]:
        yield RULES["W215"].at(steps[name].key.place, f'no caller can reach step "{name}"')


def _known(name: str, steps: Mapping[str, ReadStep]) -> str | None:
    """The step of that name, or the one that is probably meant; None for neither."""
    return name if name in steps else nearest(name, steps)


def _targets(step: ReadStep) -> list[str]:
    """The steps that it names."""
    targets = [edge.target for edge in step.exit.edges()] if step.exit else []
    return [target.step for target in (*targets, step.error) if target is not None and target.step is not None]


def edges_without_input(exit_: Exit) -> Iterator[Edge]:
    """The edges that lead on without input of the caller."""
    yield from (edge for edge in exit_.edges() if not edge.passes_input)


def edges_without_webhook(exit_: Exit) -> Iterator[Edge]:
    """The edges that may be taken without any webhook: a `hold` may be over as soon as it begins."""
    if exit_.word == "hold":
        yield from (edge for edge in exit_.edges() if edge.label == "ready")
    elif exit_.leaves_at_once:
        yield from edges_without_input(exit_)


EDGE_KINDS: Final[tuple[EdgesOf, ...]] = (edges_without_input, edges_without_webhook)
"""Which edges a cycle may consist of; a cycle that the first finds is not reported again by the second."""


def check_cycles(flow: ReadFlow) -> Iterator[FlowIssue]:
    """E216 once for each group of steps that can loop without any input of the caller.

    Silence and wrong input do not count as input: a caller who says nothing would loop forever. A cycle that a counter
    ends is not reported. `check_flow_cycles` reports cycles through other flows.
    """
    seen: set[str] = set()
    steps = flow.steps
    for edges_of in EDGE_KINDS:
        graph: dict[str, dict[str, Edge]] = {name: {} for name in steps}
        for name, step in steps.items():
            for edge in edges_of(step.exit) if step.exit is not None and step.exit.word != "run" else ():
                if edge.target.step in steps:
                    graph[name].setdefault(str(edge.target.step), edge)
        for cycle, group in _cycles(graph, seen):
            if not _is_counted(group, graph, steps):
                cure = "ask the caller, end the call, or count the rounds and leave by a `branch`"
                yield _endless([(name, edge.label) for name, edge in cycle], cycle[-1][1], cure)


def _endless(steps: list[tuple[str, str]], edge: Edge, cure: str) -> FlowIssue:
    path = " → ".join([*(name for name, _ in steps), steps[0][0]])
    labels = ", ".join(f"{name}: {label}" for name, label in steps)
    message = f"a call can loop forever without valid input from the caller: {path} ({labels})"
    return RULES["E216"].at(edge.target.place, message, cure)


def _cycles(graph: Graph[N], seen: set[N]) -> Iterator[tuple[list[tuple[N, Edge]], set[N]]]:
    """One cycle of each strongly connected component, and the component, whose nodes are added to `seen`."""
    for node in graph:
        cycle = _shortest(node, node, graph) if node not in seen else []
        if cycle:
            group = _component(node, graph)
            seen |= group
            yield cycle, group


def _shortest(start: N, goal: N, graph: Graph[N]) -> list[tuple[N, Edge]]:
    """The shortest path of one edge or more: each node with the edge that is taken; empty when there is none."""
    before: dict[N, tuple[N, Edge]] = {}
    waiting = deque([start])
    while waiting and goal not in before:
        node = waiting.popleft()
        new = {target: (node, edge) for target, edge in graph[node].items() if target not in before}
        before |= new
        waiting += new
    path = [before[goal]] if goal in before else []
    while path and path[-1][0] != start:
        path.append(before[path[-1][0]])
    return path[::-1]


def _component(start: N, graph: Graph[N]) -> set[N]:
    """The strongly connected component of a node."""
    before: dict[N, set[N]] = {node: set() for node in graph}
    for node, edges in graph.items():
        for target in edges:
            before[target].add(node)
    ahead, behind = _reachable(start, graph), _reachable(start, before)
    return ahead & behind


def _reachable(start: N, graph: Mapping[N, Collection[N]]) -> set[N]:
    found, waiting = {start}, [start]
    while waiting:
        new = set(graph[waiting.pop()]) - found
        found |= new
        waiting += new
    return found


_ORDERED: Final = frozenset({"lt", "lteq", "gt", "gteq", "eq"})


def _is_counted(group: Set[str], graph: Graph[str], steps: Mapping[str, ReadStep]) -> bool:
    """Whether a counter ends every cycle within a group of steps.

    Each cycle changes the counter, always in the same direction, and tests it in a branch that leads out of the group.
    Whether the limit is ever reached is not checked: that depends on the values of a call.
    """
    assigned = {name: tuple(_assigned(steps[name])) for name in group}
    for counter in {each.name for sets in assigned.values() for each in sets}:
        counting = {name for name, sets in assigned.items() if any(each.name == counter for each in sets)}
        directions = {direction(each) for name in counting for each in assigned[name] if each.name == counter}
        asking = {name for name in group if _tests_counter(steps[name], counter, group)}
        if directions in ({1}, {-1}) and not any(_has_cycle(group - passed, graph) for passed in (counting, asking)):
            return True
    return False


def _assigned(step: ReadStep) -> Iterator[Assignment]:
    """What a step sets on entering, and on each edge that leaves it."""
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


def _tests_counter(step: ReadStep, counter: str, group: Set[str]) -> bool:
    """Whether a step is a branch that compares the counter, and that leads out of the group."""
    if not isinstance(step.exit, Branch) or all(edge.target.step in group for edge in step.exit.edges()):
        return False
    compared = (
        part
        for arm in step.exit.arms
        for part in walk(arm.condition.node)
        if isinstance(part, nodes.Compare) and part.ops[0].op in _ORDERED
    )
    sides = (side for each in compared for side in (each.expr, each.ops[0].expr))
    return any(isinstance(side, nodes.Name) and side.name == counter for side in sides)


def _has_cycle(among: Set[str], graph: Graph[str]) -> bool:
    """Whether there is a cycle among these steps alone."""
    part = {name: {to: edge for to, edge in graph[name].items() if to in among} for name in among}
    return any(_shortest(name, name, part) for name in part)


def check_recursion(flows: Mapping[str, ReadFlow]) -> Iterator[FlowIssue]:
    """E280 once for each cycle of flows that wait for each other: none of them would ever come back."""
    graph: dict[str, dict[str, Edge]] = {name: {} for name in flows}
    for name, flow in flows.items():
        edges = (edge for step in flow.steps.values() if step.exit for edge in step.exit.edges())
        for edge in edges:
            if edge.target.runs is not None and edge.target.runs.comes_back and edge.target.runs.flow in flows:
                graph[name][edge.target.runs.flow] = edge
    for cycle, _ in _cycles(graph, set()):
        path = " → ".join([*(name for name, _ in cycle), cycle[0][0]])
        yield RULES["E280"].at(cycle[-1][1].target.place, f"this flow waits for itself to come back: {path}")


Node: TypeAlias = tuple[str, str]
"""A flow and one of its steps."""


def check_flow_cycles(flows: Mapping[str, ReadFlow]) -> Iterator[FlowIssue]:
    """E216 for each cycle without input of the caller that leads from one flow into another."""
    seen: set[Node] = set()
    for edges_of in EDGE_KINDS if any(flow.reader.runs for flow in flows.values()) else ():
        followed = _FlowEdges(flows, edges_of)
        graph = {(flow.name, name): dict(followed.edges(flow, name)) for flow in flows.values() for name in flow.steps}
        crossing = [
            (node, to, edge)
            for node, edges in graph.items()
            for to, edge in edges.items()
            if edge.target.runs is not None or followed.is_run(node)
        ]
        for node, to, edge in crossing:
            back = _shortest(to, node, graph) if to != node else []
            if node not in seen and (back or to == node):
                group = _component(node, graph)
                seen |= group
                if _is_counted_in_one_flow(group, graph, flows):
                    continue
                names = [(".".join(each), taken.label) for each, taken in ((node, edge), *back)]
                yield _endless(names, edge, "ask the caller, end the call or go elsewhere in one of the steps")


def _is_counted_in_one_flow(group: set[Node], graph: Graph[Node], flows: Mapping[str, ReadFlow]) -> bool:
    """Whether these steps are of one flow, run no other, and a counter ends every cycle among them."""
    names = {name for name, _ in group}
    inner = {node: {to: edge for to, edge in graph[node].items() if to in group} for node in group}
    if len(names) > 1 or any(edge.target.runs is not None for edges in inner.values() for edge in edges.values()):
        return False
    steps = {node[1]: {to[1]: edge for to, edge in edges.items()} for node, edges in inner.items()}
    return _is_counted(set(steps), steps, flows[names.pop()].steps)


class _FlowEdges:
    """The edges of one kind (without input, or without any webhook) over all flows."""

    def __init__(self, flows: Mapping[str, ReadFlow], edges_of: EdgesOf) -> None:
        self._flows = flows
        self._edges_of = edges_of
        self._returned: dict[str, set[str]] = {}

    def is_run(self, node: Node) -> bool:
        """Whether the step runs another flow."""
        exit_ = self._flows[node[0]].steps[node[1]].exit
        return exit_ is not None and exit_.word == "run"

    def edges(self, flow: ReadFlow, step: str) -> Iterator[tuple[Node, Edge]]:
        """The nodes that follow a step, each with the edge that leads there."""
        for edge in self._open(flow.steps[step]):
            target = edge.target
            other = self._flows.get(target.runs.flow) if target.runs is not None else flow
            name = target.step if target.runs is None else other.start if other else None
            if other is not None and name in other.steps:
                yield (other.name, str(name)), edge

    def _open(self, step: ReadStep) -> list[Edge]:
        """The edges of a step. After a `run`, only those whose outcome that flow can return over such edges."""
        edges = list(self._edges_of(step.exit)) if step.exit is not None else []
        ran = edges[0].target.runs if step.exit is not None and step.exit.word == "run" else None
        if ran is None:
            return edges
        named = {edge.label for edge in edges[1:]}
        back = {name if name in named else "otherwise" for name in self._returns(ran.flow)}
        return [edges[0], *(edge for edge in edges[1:] if edge.label in back)]

    def _returns(self, name: str) -> set[str]:
        """The outcomes that a flow can return over such edges; none for a flow that runs itself."""
        flow = self._flows.get(name)
        if name in self._returned or flow is None:
            return self._returned.get(name, set())
        self._returned[name] = set()
        found, entered, waiting = set[str](), set[str](), [flow.start]
        for step in waiting:
            if step is not None and step in flow.steps and step not in entered:
                entered.add(step)
                targets = [edge.target for edge in self._open(flow.steps[step])]
                found |= {target.returns for target in targets if target.returns}
                waiting += [target.step for target in targets]
        self._returned[name] = found
        return found
