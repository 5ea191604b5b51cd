"""Checks how steps lead to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from itertools import chain
from typing import Final, TypeAlias, TypeVar

from jinja2 import nodes

from ncco_server.flow.digraph import components, reachable, shortest_path
from ncco_server.flow.frame import Target
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.language.flow import ReadFlow
from ncco_server.flow.language.hooks import SentHook
from ncco_server.flow.language.step import ReadStep
from ncco_server.flow.model import Step, later_hooks
from ncco_server.flow.runtime import Way
from ncco_server.flow.templates.operators import step_of
from ncco_server.flow.templates.references import walk
from ncco_server.flow.templates.values import Computed, Expression, Native, Value
from ncco_server.flow.values import in_locale

N = TypeVar("N")
Graph: TypeAlias = Mapping[N, Mapping[N, Way]]
"""For each node, its successors and the first way to each of them."""

IsFollowed: TypeAlias = Callable[[Way], bool]


def check_reachable(flow: ReadFlow) -> Iterator[FlowIssue]:
    """Report W215 for each step that no call reaches, except after another unreachable step.

    Nothing is reported while a reachable step lacks an exit, which may lead there.
    """
    if flow.start is None:
        return
    steps = flow.steps
    error = flow.defaults.error
    begun = flow.outbound.targets if flow.outbound is not None else ()
    reached = reachable([flow.start, *_steps_of(error, *begun)], lambda name: _targets(steps[name].step))
    if any(steps[name].lacks_exit for name in reached):
        return
    lost = [name for name in steps if name not in reached]
    entered = {name for origin in lost for name in _targets(steps[origin].step) if name != origin}
    for name in [name for name in lost if name not in entered] or lost[:1]:
        yield RULES["W215"].at(steps[name].step.place, f'no caller can reach step "{name}"')


def _targets(step: Step) -> list[str]:
    return _steps_of(*(way.target for way, _ in step.leaving), step.error)


def _steps_of(*targets: Target | None) -> list[str]:
    return [target.step for target in targets if target is not None and target.step is not None]


Node: TypeAlias = tuple[str, str]

FOLLOWED: Final[tuple[IsFollowed, ...]] = (lambda way: not way.passes_input, lambda way: way.is_immediate)
"""Ways that can form an endless cycle: without input from the caller, and without a webhook.

A cycle of both kinds is reported once.
"""


def check_cycles(flows: Mapping[str, ReadFlow]) -> Iterator[FlowIssue]:
    """Report E216 once for each group of steps, in one flow or more, that can loop without the caller's input.

    Silence and wrong input do not count: a caller who says nothing would loop forever. Not reported are cycles that a
    counter ends, and those through a handler in Python, whose variables are unknown; `ncco prove` finds them.
    """
    seen: set[Node] = set()
    for is_followed in FOLLOWED:
        followed = _FlowWays(flows, is_followed)
        nodes = {(name, step) for name, flow in flows.items() for step in flow.steps}
        graph = {
            (name, step): {to: way for to, way in followed.leading(name, step) if to in nodes}
            for name, flow in flows.items()
            for step in flow.steps
        }
        for group in _looping(graph):
            if seen.isdisjoint(group):
                seen |= group
                yield from _endless(group, graph, flows)


def _endless(group: Set[Node], graph: Graph[Node], flows: Mapping[str, ReadFlow]) -> Iterator[FlowIssue]:
    ways = [(node, to, way) for node in graph if node in group for to, way in graph[node].items() if to in group]
    if all(way.target.runs is None for _, _, way in ways):
        (flow,) = {flow for flow, _ in group}
        inner = {step: {to: way for (_, to), way in graph[flow, step].items()} for _, step in group}
        if _is_counted(set(inner), inner, flows[flow].steps):
            return
    crossing = next((each for each in ways if each[2].target.runs is not None or each[2].is_return), None)
    if crossing is None:
        start = ways[0][0]
        path = _path(start, start, graph)
        names = [(step, way.name) for (_, step), way in path]
        last = path[-1][1]
    else:
        node, to, last = crossing
        path = [(node, last), *(_path(to, node, graph) if to != node else ())]
        names = [(".".join(each), way.name) for each, way in path]
    shown = " → ".join([*(name for name, _ in names), names[0][0]])
    labels = ", ".join(f"{name}: {label}" for name, label in names)
    message = f"a call can loop forever without valid input from the caller: {shown} ({labels})"
    yield RULES["E216"].at(last.target.place, message)


def _looping(graph: Graph[N]) -> list[set[N]]:
    number = {node: place for place, node in enumerate(graph)}
    groups = (set(group) for group in components(graph) if len(group) > 1 or group[0] in graph[group[0]])
    return sorted(groups, key=lambda group: min(number[node] for node in group))


def _path(start: N, goal: N, graph: Graph[N]) -> list[tuple[N, Way]]:
    """Return [] if there is no path with at least one way."""

    def edges(node: N) -> Iterator[tuple[tuple[N, N, Way], N]]:
        return (((node, to, way), to) for to, way in graph[node].items())

    return [(node, way) for node, _, way in shortest_path(start, edges, lambda edge: edge[1] == goal)]


def _is_counted(group: Set[str], graph: Graph[str], steps: Mapping[str, ReadStep]) -> bool:
    """Whether a counter ends every cycle within a group.

    Each cycle must change it, always in one direction, and test it in a branch that leads out of the group. Whether the
    limit is ever reached depends on the values of a call.
    """
    assigned = {name: tuple(_assigned(steps[name].step)) for name in group}
    for counter in {name for sets in assigned.values() for name, _ in sets}:
        counting = {step for step, sets in assigned.items() if any(name == counter for name, _ in sets)}
        directions = {direction(*each) for step in counting for each in assigned[step] if each[0] == counter}
        asking = {name for name in group if _tests_counter(steps[name].step, counter, group)}
        if directions in ({1}, {-1}) and not any(_has_cycle(group - passed, graph) for passed in (counting, asking)):
            return True
    return False


def _assigned(step: Step) -> Iterator[tuple[str, Value | Expression]]:
    for effect in step.effects:
        if effect.kind == "set" and effect.phase != "error":
            yield effect.name, effect.value


def direction(counter: str, value: Value | Expression) -> int:
    """1 for an assignment like `x + 2`, -1 for `x - 2`; otherwise 0."""
    counted_by = value if isinstance(value, Expression) else in_locale(value, "")  # all locales count alike
    match counted_by.template.body if isinstance(counted_by, Native | Computed) else []:
        case [nodes.Output(nodes=[node])] if (found := step_of(node)) is not None:
            counted, step = found
            if isinstance(counted, nodes.Name) and counted.name == counter:
                return (step > 0) - (step < 0)
    return 0


def _tests_counter(step: Step, counter: str, group: Set[str]) -> bool:
    exit_ = step.exit
    if not exit_.leaves_at_once or all(way.target.step in group for way in exit_.ways):
        return False
    compared = (part for condition in exit_.reads() for part in walk(condition.node) if isinstance(part, nodes.Compare))
    sides = (side for each in compared for side in (each.expr, each.ops[0].expr))
    return any(isinstance(side, nodes.Name) and side.name == counter for side in sides)


def _has_cycle(among: Set[str], graph: Graph[str]) -> bool:
    return bool(_looping({name: {to: way for to, way in graph[name].items() if to in among} for name in among}))


def check_recursion(flows: Mapping[str, ReadFlow]) -> Iterator[FlowIssue]:
    """Report E216 for each cycle of flows that wait for each other: none would ever return."""
    graph: dict[str, dict[str, Way]] = {name: {} for name in flows}
    for name, flow in flows.items():
        ways = (way for step in flow.played.values() for way, _ in step.leaving)
        for way in ways:
            if way.target.runs is not None and way.target.runs.comes_back and way.target.runs.flow in flows:
                graph[name][way.target.runs.flow] = way
    for group in _looping(graph):
        start = next(name for name in graph if name in group)
        cycle = _path(start, start, graph)
        path = " → ".join([*(name for name, _ in cycle), start])
        yield RULES["E216"].at(
            cycle[-1][1].target.place,
            f"this flow waits for itself to return: {path}",
            "hand the call over: `goto: {run: flow}`",
        )


def check_placing(flows: Mapping[str, ReadFlow]) -> Iterator[FlowIssue]:
    """Report W298 for each group of flows that can place calls for each other without anyone's input."""
    followed = _FlowWays(flows, FOLLOWED[0])
    graph = {name: dict(_placed_unasked(name, flows, followed)) for name in flows}
    for group in components(graph):
        sent = (hook for name in group for to, hook in graph[name].items() if to in group)
        hook = min(sent, key=lambda each: each.place, default=None)
        if hook is not None:
            message = f"calls place each other in an endless loop, even if nobody answers: {', '.join(sorted(group))}"
            yield RULES["W298"].at(hook.place, message)


def _placed_unasked(name: str, flows: Mapping[str, ReadFlow], followed: _FlowWays) -> Iterator[tuple[str, SentHook]]:
    """Each flow for which a flow's calls place calls without input from the person called, and the hook."""
    begun = flows[name].flow
    if begun is None or begun.outbound is None:
        return
    sent = [*chain.from_iterable(begun.outbound.hooks.values())]
    waiting = [(name, step) for step in begun.entered]
    for flow, step in waiting:
        read = flows[flow]
        found = followed.played[flow][step]
        sent += [*found.sends, *later_hooks(found.events), *(later_hooks(read.flow.events) if read.flow else ())]
        waiting += [to for to, _ in followed.leading(flow, step) if to not in waiting]
    for hook in sent:
        if hook.definition.placing is not None and hook.definition.placing.flow.value in flows:
            yield hook.definition.placing.flow.value, hook


class _FlowWays:
    def __init__(self, flows: Mapping[str, ReadFlow], is_followed: IsFollowed) -> None:
        self._flows = flows
        self.played = {name: flow.played for name, flow in flows.items()}
        self._is_followed = is_followed
        self._returned: dict[str, set[str]] = {}

    def leading(self, name: str, step: str) -> Iterator[tuple[Node, Way]]:
        found: dict[Node, Way] = {}
        for way in self._open(self.played[name][step]):
            runs = way.target.runs
            flow = name if runs is None else runs.flow
            to = way.target.step if runs is None else self._flows[flow].entry if flow in self._flows else None
            if to is not None and to in self.played.get(flow, ()):
                found.setdefault((flow, to), way)
        yield from found.items()

    def _open(self, step: Step) -> list[Way]:
        """After a `run`, follow an outcome's way only if the other flow can return it by such ways."""
        ways = [way for way, _ in step.leaving if self._is_followed(way)]
        ran = step.exit.runs
        if ran is None:
            return ways
        named = {way.name for way in ways if way.is_return}
        back = {name if name in named else "otherwise" for name in self._returns(ran.flow)}
        return [way for way in ways if not way.is_return or way.name in back]

    def _returns(self, name: str) -> set[str]:
        """A flow that runs itself returns no outcomes."""
        flow = self._flows.get(name)
        if name in self._returned or flow is None:
            return self._returned.get(name, set())
        self._returned[name] = set()
        played = self.played[name]

        def targets(step: str) -> list[Target]:
            return [way.target for way in self._open(played[step])]

        begun = [flow.entry] if flow.entry is not None and flow.entry in played else []
        entered = reachable(begun, lambda step: (each for each in _steps_of(*targets(step)) if each in played))
        self._returned[name] = {each.returns for step in entered for each in targets(step) if each.returns}
        return self._returned[name]
