"""Counts which ways the calls of a period took in the flows as they are now, and where callers hung up.

A call counts once on each way, however often it took it. One that was played on an older revision counts where the
flow, the step and its exit still exist; the others are counted apart.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Final, TypeAlias

import orjson

from app.engine.session import TraceLine, from_json
from app.flow.graph import Arrow, Drawing, GraphNode
from app.flow.loader import load
from app.flow.model import Flow
from app.flow.report import counted
from app.service.call_report import Period, disposition_of
from app.service.library import PinnedFlows
from app.service.outcomes import (
    BEGUN,
    ENTERED,
    JUMPED,
    Following,
    Key,
    by_file,
    completed_last,
    error_exit,
    error_exits_of,
    outcomes_of,
    ways_of,
)
from app.service.recorded_calls import json_object
from app.store import Records, ReportedCall

AT_ONCE: Final = 200
"""Calls whose traces are read at once."""
MOST_CALLS: Final = 100_000
"""Calls that are counted, the oldest first."""
WIDEST: Final = 5
"""The width of the way that most calls took."""

Traces: TypeAlias = Mapping[int, Sequence[bytes]]
Statuses: TypeAlias = Mapping[int, Sequence[tuple[int, int, str]]]


@dataclass(slots=True)
class Traffic:
    """What the calls of a period did.

    Attributes:
        calls: how many began in each flow; legs of called parties, who hear a flow, are none.
        ways: how many took each way, by its first outcome (`ways_of`).
        hung_up: how many callers hung up in each step, as (flow, step), before the flow's end and without a person.
        gone: how many were on steps or ways that a flow no longer has, by flow.
        until_person: whole seconds until a person answered → how many calls, by the flow in which they began.
        is_cut: there were more calls than `MOST_CALLS`.
    """

    calls: Counter[str] = field(default_factory=Counter)
    ways: Counter[Key] = field(default_factory=Counter)
    hung_up: Counter[tuple[str, str]] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    until_person: dict[str, Counter[int]] = field(default_factory=dict)
    is_cut: bool = False


async def count_traffic(records: Records, flows: Mapping[str, Flow], period: Period, now_ms: int) -> Traffic:
    """The traffic of a period on the present `flows`, by name. Raises StoreError."""
    since, until = period.milliseconds
    counter, pinned, calls, counted = _TrafficCounter(flows, now_ms), PinnedFlows(), list[ReportedCall](), 0

    async def count() -> None:
        keys = calls[0].key, calls[-1].key
        traces: dict[int, list[bytes]] = {}
        for key, trace in await records.traces(*keys):
            traces.setdefault(key, []).append(trace)
        statuses: dict[int, list[tuple[int, int, str]]] = {}
        for key, turn, wait, status in await records.connect_statuses(*keys):
            statuses.setdefault(key, []).append((turn, wait, status))
        played = {call.key: await _played_flow(records, flows, pinned, call) for call in calls}
        await asyncio.to_thread(counter.add, calls, played, traces, statuses)
        calls.clear()

    async for call in records.reported(since, until):
        if not since <= call.created_at < until:
            continue
        if counted >= MOST_CALLS:
            counter.traffic.is_cut = True
            break
        counted += 1
        calls.append(call)
        if len(calls) >= AT_ONCE:
            await count()
    if calls:
        await count()
    return counter.traffic


async def _played_flow(
    records: Records, flows: Mapping[str, Flow], pinned: PinnedFlows, call: ReportedCall
) -> Flow | None:
    """The flow that a call began in, in its revision; None when that is lost."""
    now, revision = flows.get(call.flow), str(json_object(call.state).get("revision", ""))
    if now is not None and now.revision == revision:
        return now
    known = pinned.get((call.flow, revision))
    if known is None and (row := await records.revision(revision)):
        project = await asyncio.to_thread(load, orjson.loads(row.sources))
        if call.flow in project.flows:
            known = replace(project.flows[call.flow], revision=revision)
            pinned.add(known)
    return known


class _TrafficCounter:
    """Counts calls, some after others.

    Args:
        flows: as they are now. now_ms: the present.
    """

    def __init__(self, flows: Mapping[str, Flow], now_ms: int) -> None:
        self.traffic = Traffic()
        self._now_ms = now_ms
        ways = [way for flow in flows.values() for way in ways_of(flow, errors=True) if way]
        self._way_of = {key: way[0] for way in ways for key in way}
        self._steps = {(flow.name, step) for flow in flows.values() for step in flow.steps}
        self._known = {*self._way_of, *((flow, step, ENTERED) for flow, step in self._steps)}
        for flow in flows.values():
            self._known.update(outcome[:3] for outcome in (*outcomes_of(flow), *error_exits_of(flow)))
            self._known.add(error_exit(flow, ""))

    def add(
        self, calls: Iterable[ReportedCall], played: Mapping[int, Flow | None], traces: Traces, statuses: Statuses
    ) -> None:
        """Count some calls; the rest is by their keys."""
        for call in calls:
            self._add(call, played[call.key], traces.get(call.key, ()), statuses.get(call.key, ()))

    def _add(
        self, call: ReportedCall, flow: Flow | None, traces: Sequence[bytes], statuses: Sequence[tuple[int, int, str]]
    ) -> None:
        state, traffic = json_object(call.state), self.traffic
        if not call.flow:
            return
        gone: set[str] = set() if flow else {call.flow}
        keys = self._keys(call, flow, traces, statuses) if flow else set()
        traffic.ways.update({self._way_of[key] for key in keys if key in self._way_of})
        gone.update(key[0] for key in keys if key not in self._known)
        if not state.get("parent"):
            traffic.calls[call.flow] += 1
            if call.person_at is not None:
                seconds = max(0, call.person_at - call.created_at) // 1000
                traffic.until_person.setdefault(call.flow, Counter())[seconds] += 1
            where = str(state.get("at") or call.flow), str(state.get("step", ""))
            if where[1] and disposition_of(call, bool(state.get("is_over")), self._now_ms) == "abandoned":
                if where in self._steps:
                    traffic.hung_up[where] += 1
                else:
                    gone.add(where[0])
        traffic.gone.update(gone)

    def _keys(
        self, call: ReportedCall, flow: Flow, traces: Sequence[bytes], statuses: Sequence[tuple[int, int, str]]
    ) -> set[Key]:
        """Every outcome that a call took."""
        flows = {each.name: each for each in (flow, *flow.subs.values())}
        found: set[Key] = set()
        for trace in traces:
            found.update(_taken_in(trace, flows))
        if call.is_over and statuses:
            session = from_json(call.state)
            found.update(completed_last(flows, session, [each[1:] for each in statuses if each[0] == session.turn]))
        return found


def _taken_in(trace: bytes, flows: Mapping[str, Flow]) -> Iterable[Key]:
    """What one turn took."""
    lines = [TraceLine.read(line) for line in orjson.loads(trace)]
    follow = Following(by_file(flows.values())).read(lines)
    if follow.begun is not None:
        yield follow.begun.name, "", BEGUN
    yield from ((line.what, "", BEGUN) for line in lines if line.did == "ran")
    yield from ((flow, step, JUMPED) for flow, step in follow.jumped)
    yield from (error_exit(flows[flow], step) for flow, step, _ in follow.failed)
    yield from follow.taken


def paint_traffic(drawing: Drawing, flows: Mapping[str, Flow], traffic: Traffic, *, errors: bool) -> Drawing:
    """A drawing of `flows` with the number of calls on each way, and of those who hung up in each step."""
    ways = [way for subgraph in drawing.subgraphs for way in ways_of(flows[subgraph.title], errors=errors)]
    most = max((traffic.ways[way[0]] for way in ways if way), default=0)

    def painted(arrow: Arrow, way: tuple[Key, ...]) -> Arrow:
        if not way:
            return arrow
        count = traffic.ways[way[0]]
        lines = (*arrow.lines, counted(count, "call")) if count else arrow.lines
        return replace(arrow, lines=lines, width=ceil(WIDEST * count / most) if count else 0)

    def marked(flow: str, node: GraphNode) -> GraphNode:
        count = traffic.hung_up[flow, node.step]
        return replace(node, mark=f"{count:,} hung up here") if count else node

    subgraphs = tuple(
        replace(each, nodes=tuple(marked(each.title, node) for node in each.nodes)) for each in drawing.subgraphs
    )
    arrows = tuple(painted(arrow, way) for arrow, way in zip(drawing.arrows, ways, strict=True))
    return Drawing(subgraphs, arrows)
