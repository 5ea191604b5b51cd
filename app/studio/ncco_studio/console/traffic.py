"""Counts the ways of a period's calls through the current flows, and where callers hung up.

Each counts once per call; one of an older revision counts if its step and exit still exist.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import ceil
from typing import Final

import orjson

from ncco_server.desk.call_report import Period
from ncco_server.engine.session import TraceLine, from_json
from ncco_server.errors import StoreError
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow
from ncco_server.service.library import PinnedFlows
from ncco_server.service.masks import json_object
from ncco_server.store import ConnectStatus, Records, ReportedCall, ResultRow
from ncco_server.wording import counted
from ncco_studio.console.state import Console
from ncco_studio.editor.project import ReadProject
from ncco_studio.pictures.graph import BEGUN, Arrow, Drawing, OutcomeKey, draw
from ncco_studio.verify.outcomes import (
    Following,
    by_file,
    completed_last,
    error_exit,
)

BATCH: Final = 200
MOST_CALLS: Final = 10_000
"""Only the newest calls are counted."""
_HUNG_UP: Final = frozenset({"own", "served", "missed", "answered"})
"""Calls with these results end in a step only because the caller hung up."""
STALE_S: Final = 60
"""How long counts of calls are cached."""
PAINT_S: Final = 50.0
"""How long a page waits for the calls of its picture, also behind other pages."""
WIDEST_COUNT: Final = 9_900
"""A number of calls that takes the most room in a picture."""
WIDEST: Final = 5
"""Line width of the way that most calls took."""


@dataclass(slots=True)
class Traffic:
    """The counted ways and hang-ups of a period's calls.

    Attributes:
        calls: by the flow they began in, without the legs of called parties.
        ways: by the way's first outcome (`Arrow.outcomes`).
        hung_up: by (flow, step): before the flow's end and before a person answered.
        is_cut: whether there were more than `MOST_CALLS` calls.
    """

    calls: Counter[str] = field(default_factory=Counter)
    ways: Counter[OutcomeKey] = field(default_factory=Counter)
    hung_up: Counter[tuple[str, str]] = field(default_factory=Counter)
    is_cut: bool = False


async def traffic_for(console: Console, period: Period, read: ReadProject) -> Traffic | str:
    """Return why it cannot be counted, with a fix."""
    if console.settings.has_memory_store:
        return "Calls are kept in the server's memory, where this page cannot read them. Set NCCO_DATABASE_URL."

    async def count() -> Traffic:
        async with console.records() as records:
            return await count_traffic(records, read.project.flows, period)

    try:
        async with asyncio.timeout(PAINT_S):
            key = ("traffic", period.milliseconds, read.revisions)
            traffic: Traffic = await console.results.get(key, count, STALE_S)
    except StoreError as error:
        return f"The calls cannot be read: {error}. {error.cure}"
    except TimeoutError:
        return f"It took longer than {PAINT_S:g} seconds. Choose fewer days, or try again in a minute."
    return traffic


async def count_traffic(records: Records, flows: Mapping[str, Flow], period: Period) -> Traffic:
    """Raise StoreError."""
    counter = _TrafficCounter(records, flows)
    calls = list[ReportedCall]()
    found = 0
    async for call in records.reported(*period.milliseconds):
        found += 1
        if found > MOST_CALLS:
            counter.traffic.is_cut = True
            break
        calls.append(call)
        if len(calls) == BATCH:
            await counter.add(calls)
            calls = []
    if calls:
        await counter.add(calls)
    return counter.traffic


class _TrafficCounter:
    """Counts calls in batches."""

    def __init__(self, records: Records, flows: Mapping[str, Flow]) -> None:
        self.traffic = Traffic()
        self._records = records
        self._flows = flows
        self._pinned = PinnedFlows()
        arrows = draw(flows.values(), errors=True).arrows
        self._way_of = {key: arrow.outcomes[0] for arrow in arrows for key in arrow.outcomes}
        self._steps = {(flow.name, step) for flow in flows.values() for step in flow.steps}

    async def add(self, calls: Sequence[ReportedCall]) -> None:
        """The newest call comes first."""
        keys = calls[-1].key, calls[0].key
        results = {row.call_key: row for row in await self._records.results_between(*keys)}
        traces = defaultdict[int, list[bytes]](list)
        statuses = defaultdict[int, list[ConnectStatus]](list)
        for key, trace in await self._records.traces(*keys):
            traces[key].append(trace)
        for status in await self._records.connect_statuses(*keys):
            statuses[status.call].append(status)
        flows = [await self._played_flow(call) for call in calls]

        def count() -> None:
            for call, flow in zip(calls, flows, strict=True):
                self._count(call, flow, traces[call.key], statuses[call.key], results.get(call.key))

        await asyncio.to_thread(count)

    async def _played_flow(self, call: ReportedCall) -> Flow | None:
        """Return None if the call's revision of the flow is lost."""
        now = self._flows.get(call.flow)
        revision = str(json_object(call.state).get("revision", ""))
        if now is not None and now.revision == revision:
            return now
        known = self._pinned.get((call.flow, revision))
        if known is None and (row := await self._records.revision(revision)):
            project = await asyncio.to_thread(load, orjson.loads(row.sources))
            if call.flow in project.flows:
                known = replace(project.flows[call.flow], revision=revision)
                self._pinned.add(known)
        return known

    def _count(
        self,
        call: ReportedCall,
        flow: Flow | None,
        traces: Sequence[bytes],
        statuses: Sequence[ConnectStatus],
        result: ResultRow | None,
    ) -> None:
        if not call.flow:
            return
        state = json_object(call.state)
        traffic = self.traffic
        taken = _taken_by(call, flow, traces, statuses) if flow else set()
        traffic.ways.update({self._way_of[key] for key in taken if key in self._way_of})
        if not state.get("parent"):
            traffic.calls[call.flow] += 1
            if result is not None and result.step and not result.is_played and result.result in _HUNG_UP:
                flow_name, _, step = result.step.partition(".")
                if (flow_name, step) in self._steps:
                    traffic.hung_up[flow_name, step] += 1


def _taken_by(
    call: ReportedCall, flow: Flow, traces: Sequence[bytes], statuses: Sequence[ConnectStatus]
) -> set[OutcomeKey]:
    flows = {each.name: each for each in (flow, *flow.subs.values())}
    found = {key for trace in traces for key in _taken_in(trace, flows)}
    if call.is_over and statuses:
        session = from_json(call.state)
        last = ((statuse.wait, statuse.status) for statuse in statuses if statuse.turn == session.turn)
        found.update(completed_last(flows, session, last))
    return found


def _taken_in(trace: bytes, flows: Mapping[str, Flow]) -> Iterable[OutcomeKey]:
    lines = [TraceLine.read(line) for line in orjson.loads(trace)]
    follow = Following(by_file(flows.values())).read(lines)
    if follow.begun is not None:
        yield follow.begun.name, "", BEGUN
    yield from ((line.what, "", BEGUN) for line in lines if line.did == "ran")
    yield from follow.jumped
    yield from (error_exit(flows[flow], step) for flow, step, _ in follow.failed)
    yield from follow.taken


def paint_traffic(drawing: Drawing, traffic: Traffic) -> Drawing:
    most = max((traffic.ways[arrow.outcomes[0]] for arrow in drawing.arrows if arrow.outcomes), default=0)

    def painted(arrow: Arrow) -> Arrow:
        if not arrow.outcomes:
            return arrow
        count = traffic.ways[arrow.outcomes[0]]
        if not count:
            return replace(arrow, width=0)
        return replace(arrow, lines=(*arrow.lines, _short(count)), width=ceil(WIDEST * count / most))

    def mark_of(flow: str, step: str) -> str:
        count = traffic.hung_up[flow, step]
        return f"{_short(count)} hung up here" if count else ""

    return drawing.with_arrows(painted).marked(mark_of)


def _short(count: int) -> str:
    """Takes at most four characters, for which the picture has room: `999`, `1.2k`."""
    return str(count) if count < 1000 else f"{count / 1000:.2g}k"


def busiest(drawing: Drawing) -> Drawing:
    """Paint the widest counts everywhere, so that a picture has room for all."""
    ways = Counter({arrow.outcomes[0]: WIDEST_COUNT for arrow in drawing.arrows if arrow.outcomes})
    steps = ((flow.title, node.step) for flow in drawing.subgraphs for node in flow.nodes)
    hung_up = Counter({(flow, step): WIDEST_COUNT for flow, step in steps if step})
    return paint_traffic(drawing, Traffic(ways=ways, hung_up=hung_up))


def traffic_words(flow: Flow, traffic: Traffic, period: Period) -> Iterator[str]:
    began = f"{counted(traffic.calls[flow.name], 'call')} began"
    came = f"{counted(traffic.ways[flow.name, '', BEGUN], 'call')} came"
    drawn = [flow.name, *(each.name for each in flow.subs.values())]
    first, last = period.first, period.last
    days = f"on {_day(last)}" if last == first else f"from {_day(first)} to {_day(last)}"
    yield f"{began if flow.is_startable else came} here {days}. The numbers beside the lines count calls."
    if lost := sum(count for (name, _), count in traffic.hung_up.items() if name in drawn):
        yield f"{counted(lost, 'caller')} hung up before the end, in the boxes with a red frame."
    if traffic.is_cut:
        yield f"Only the newest {MOST_CALLS:,} calls on these days are counted."


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
