"""How steps lead to each other: steps that no call reaches (W215), and cycles without any input (E216, E280)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from typing import Final, TypeAlias, TypeVar

from jinja2 import nodes

from app.flow.issues import RULES, FlowIssue
from app.flow.language.flow import ReadFlow
from app.flow.language.step import ReadStep
from app.flow.runtime import Assignment, Exit, Way
from app.flow.templates.references import walk
from app.flow.templates.values import Computed, Native
from app.suggest import nearest

N = TypeVar("N")
Graph: TypeAlias = Mapping[N, Mapping[N, Way]]
"""Nodes, each with those that follow it and the first way that leads there."""

IsFollowed: TypeAlias = Callable[[Way], bool]
"""Whether a check follows a way."""


def check_reachable(flow: ReadFlow) -> Iterator[FlowIssue]:
    """W215 for each step that no call reaches, except those that only lead on from another such step.

    Nothing is reported while a fault hides a way: it may lead to the step.
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
    targets = [way.target for way in step.exit.ways()] if step.exit else []
    return [target.step for target in (*targets, step.error) if target is not None and target.step is not None]


FOLLOWED: Final[tuple[IsFollowed, ...]] = (lambda way: not way.passes_input, lambda way: way.is_immediate)
"""Which ways a cycle may consist of: those without input of the caller, or those without any webhook.

A cycle that the first finds is not reported again by the second.
"""


def check_cycles(flow: ReadFlow) -> Iterator[FlowIssue]:
    """E216 once for each group of steps that can loop without any input of the caller.

    Silence and wrong input do not count as input: a caller who says nothing would loop forever. A cycle that a counter
    ends is not reported. `check_flow_cycles` reports cycles through other flows.
    """
    seen: set[str] = set()
    steps = flow.steps
    for is_followed in FOLLOWED:
        graph: dict[str, dict[str, Way]] = {name: {} for name in steps}
        for name, step in steps.items():
            for way in _followed(step.exit, is_followed):
                if way.target.step in steps and not way.is_return:
                    graph[name].setdefault(str(way.target.step), way)
        for cycle, group in _cycles(graph, seen):
            if not _is_counted(group, graph, steps):
                cure = "ask the caller, end the call, or count the rounds and leave by a `branch`"
                yield _endless([(name, way.name) for name, way in cycle], cycle[-1][1], cure)


def _followed(exit_: Exit | None, is_followed: IsFollowed) -> Iterator[Way]:
    if exit_ is not None:
        yield from filter(is_followed, exit_.ways())


def _endless(steps: list[tuple[str, str]], way: Way, cure: str) -> FlowIssue:
    path = " → ".join([*(name for name, _ in steps), steps[0][0]])
    labels = ", ".join(f"{name}: {label}" for name, label in steps)
    message = f"a call can loop forever without valid input from the caller: {path} ({labels})"
    return RULES["E216"].at(way.target.place, message, cure)


def _cycles(graph: Graph[N], seen: set[N]) -> Iterator[tuple[list[tuple[N, Way]], set[N]]]:
    """One cycle of each strongly connected component, and the component, whose nodes are added to `seen`."""
    for node in graph:
        cycle = _shortest(node, node, graph) if node not in seen else []
        if cycle:
            group = _component(node, graph)
            seen |= group
            yield cycle, group


def _shortest(start: N, goal: N, graph: Graph[N]) -> list[tuple[N, Way]]:
    """The shortest path of one way or more: each node with the way that is taken; empty when there is none."""
    before: dict[N, tuple[N, Way]] = {}
    waiting = deque([start])
    while waiting and goal not in before:
        node = waiting.popleft()
        new = {target: (node, way) for target, way in graph[node].items() if target not in before}
        before |= new
        waiting += new
    path = [before[goal]] if goal in before else []
    while path and path[-1][0] != start:
        path.append(before[path[-1][0]])
    return path[::-1]


def _component(start: N, graph: Graph[N]) -> set[N]:
    """The strongly connected component of a node."""
    before: dict[N, set[N]] = {node: set() for node in graph}
    for node, ways in graph.items():
        for target in ways:
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
    """What a step sets on entering, and on each way out."""
    yield from step.step.sets if step.step is not None else ()
    for way in step.exit.ways() if step.exit is not None else ():
        yield from (*way.sets, *way.target.sets)


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
    """Whether a step compares the counter whenever a call leaves it, and leads out of the group."""
    exit_ = step.exit
    if exit_ is None or not exit_.leaves_at_once or all(way.target.step in group for way in exit_.ways()):
        return False
    compared = (
        part
        for condition in exit_.reads()
        for part in walk(condition.node)
        if isinstance(part, nodes.Compare) and part.ops[0].op in _ORDERED
    )
    sides = (side for each in compared for side in (each.expr, each.ops[0].expr))
    return any(isinstance(side, nodes.Name) and side.name == counter for side in sides)


def _has_cycle(among: Set[str], graph: Graph[str]) -> bool:
    """Whether there is a cycle among these steps alone."""
    part = {name: {to: way for to, way in graph[name].items() if to in among} for name in among}
    return any(_shortest(name, name, part) for name in part)


def check_recursion(flows: Mapping[str, ReadFlow]) -> Iterator[FlowIssue]:
    """E280 once for each cycle of flows that wait for each other: none of them would ever come back."""
    graph: dict[str, dict[str, Way]] = {name: {} for name in flows}
    for name, flow in flows.items():
        ways = (way for step in flow.steps.values() if step.exit for way in step.exit.ways())
        for way in ways:
            if way.target.runs is not None and way.target.runs.comes_back and way.target.runs.flow in flows:
                graph[name][way.target.runs.flow] = way
    for cycle, _ in _cycles(graph, set()):
        path = " → ".join([*(name for name, _ in cycle), cycle[0][0]])
        yield RULES["E280"].at(cycle[-1][1].target.place, f"this flow waits for itself to come back: {path}")


Node: TypeAlias = tuple[str, str]
"""A flow and one of its steps."""


def check_flow_cycles(flows: Mapping[str, ReadFlow]) -> Iterator[FlowIssue]:
    """E216 for each cycle without input of the caller that leads from one flow into another."""
    seen: set[Node] = set()
    for is_followed in FOLLOWED if any(flow.reader.runs for flow in flows.values()) else ():
        followed = _FlowWays(flows, is_followed)
        nodes = [(flow, name) for flow in flows.values() for name in flow.steps]
        graph = {(flow.name, name): dict(followed.leading(flow, name)) for flow, name in nodes}
        crossing = [
            (node, to, way)
            for node, ways in graph.items()
            for to, way in ways.items()
            if way.target.runs is not None or way.is_return
        ]
        for node, to, way in crossing:
            back = _shortest(to, node, graph) if to != node else []
            if node not in seen and (back or to == node):
                group = _component(node, graph)
                seen |= group
                if _is_counted_in_one_flow(group, graph, flows):
                    continue
                names = [(".".join(each), taken.name) for each, taken in ((node, way), *back)]
                yield _endless(names, way, "ask the caller, end the call or go elsewhere in one of the steps")


def _is_counted_in_one_flow(group: set[Node], graph: Graph[Node], flows: Mapping[str, ReadFlow]) -> bool:
    """Whether these steps are of one flow, run no other, and a counter ends every cycle among them."""
    names = {name for name, _ in group}
    inner = {node: {to: way for to, way in graph[node].items() if to in group} for node in group}
    if len(names) > 1 or any(way.target.runs is not None for ways in inner.values() for way in ways.values()):
        return False
    steps = {node[1]: {to[1]: way for to, way in ways.items()} for node, ways in inner.items()}
    return _is_counted(set(steps), steps, flows[names.pop()].steps)


class _FlowWays:
    """The followed ways over all flows."""

    def __init__(self, flows: Mapping[str, ReadFlow], is_followed: IsFollowed) -> None:
        self._flows = flows
        self._is_followed = is_followed
        self._returned: dict[str, set[str]] = {}

    def leading(self, flow: ReadFlow, step: str) -> Iterator[tuple[Node, Way]]:
        """The nodes that follow a step, each with the way that leads there."""
        for way in self._open(flow.steps[step]):
            target = way.target
            other = self._flows.get(target.runs.flow) if target.runs is not None else flow
            name = target.step if target.runs is None else other.start if other else None
            if other is not None and name in other.steps:
                yield (other.name, str(name)), way

    def _open(self, step: ReadStep) -> list[Way]:
        """The ways out of a step. After a `run`, only those whose outcome that flow can return over such ways."""
        ways = list(_followed(step.exit, self._is_followed))
        ran = step.exit.runs if step.exit is not None else None
        if ran is None:
            return ways
        named = {way.name for way in ways if way.is_return}
        back = {name if name in named else "otherwise" for name in self._returns(ran.flow)}
        return [way for way in ways if not way.is_return or way.name in back]

    def _returns(self, name: str) -> set[str]:
        """The outcomes that a flow can return over such ways; none for a flow that runs itself."""
        flow = self._flows.get(name)
        if name in self._returned or flow is None:
            return self._returned.get(name, set())
        self._returned[name] = set()
        found, entered, waiting = set[str](), set[str](), [flow.start]
        for step in waiting:
            if step is not None and step in flow.steps and step not in entered:
                entered.add(step)
                targets = [way.target for way in self._open(flow.steps[step])]
                found |= {target.returns for target in targets if target.returns}
                waiting += [target.step for target in targets]
        self._returned[name] = found
        return found
