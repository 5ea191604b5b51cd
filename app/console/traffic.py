"""Paints the picture of a flow: with the calls of a period, with what scenarios take, or with what a proof found."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import urlencode

from fastapi import Depends, HTTPException, Query, Request
from pydantic import BeforeValidator

from app.console.calls import recorded
from app.console.project import ProjectFolder, ReadProject
from app.console.services import Services
from app.console.worker import Worker, WorkNotDone
from app.errors import StoreError
from app.flow.graph import Drawing, GraphNode
from app.flow.model import Flow
from app.flow.report import counted
from app.service.call_report import Period, percentile, read_period, zone_of
from app.service.outcomes import Key, paint_taken
from app.service.recorded_calls import duration_text
from app.service.traffic import MOST_CALLS, Traffic, count_traffic, paint_traffic

PAINTS: Final = {"": "nothing", "traffic": "calls", "coverage": "scenarios", "proof": "the proof"}
"""What a picture can be painted with, in words."""
PERIODS: Final = {"1": "today", "7": "the last 7 days", "30": "the last 30 days", "": "the days"}
KEPT: Final = 16
"""Results that are kept."""
TRAFFIC_S: Final = 60
"""How long the traffic of a period is shown before it is counted again."""
PROOF_S: Final = 20.0
"""How long a proof explores."""

_Day: TypeAlias = Annotated[date | None, BeforeValidator(lambda text: text or None)]


@dataclass(frozen=True, slots=True)
class WantedPaint:
    """What a picture is to be painted with, as its address holds it. `days` wins over `first` and `end`."""

    paint: Literal["", "traffic", "coverage", "proof"]
    days: Literal["", "1", "7", "30"]
    first: date | None
    end: date | None

    def period(self, project: ReadProject, flow: str, now: datetime) -> Period:
        """The days. Raises HTTPException."""
        zone, first, end = zone_of(project.project, flow), self.first, self.end
        if self.days or not (first or end):
            end = now.astimezone(zone).date() + timedelta(1)
            first = end - timedelta(int(self.days or "7"))
        try:
            return read_period(first, end, zone, now)
        except ValueError as error:
            raise HTTPException(422, f"The period cannot be shown: {error}.") from error


def _wanted(
    paint: Literal["", "traffic", "coverage", "proof"] = "",
    days: Literal["", "1", "7", "30"] = "",
    first: Annotated[_Day, Query(alias="from")] = None,
    end: Annotated[_Day, Query(alias="to")] = None,
) -> WantedPaint:
    return WantedPaint(paint, days, first, end)


Wanted: TypeAlias = Annotated[WantedPaint, Depends(_wanted)]


@dataclass(frozen=True)
class Paint:
    """How a picture is painted.

    Attributes:
        wanted: what was asked for.
        key: the same for the same paint of the same flow.
        apply: paints a drawing, which may have the arrows of errors.
        words: what is said above the picture.
        problem: why it is not painted, with a cure; "" when it is.
        period: of the traffic.
    """

    wanted: WantedPaint
    key: object = None
    apply: Callable[[Drawing, bool], Drawing] = lambda drawing, _: drawing
    words: list[str] = field(default_factory=list)
    problem: str = ""
    period: Period | None = None


class Results:
    """The results that were needed last. The first value of a key is its kind; one of a kind is computed at a time."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], tuple[datetime, Any]] = {}
        self._turns = defaultdict[object, asyncio.Lock](asyncio.Lock)

    async def get(self, key: tuple[object, ...], compute: Callable[[], Any], oldest: datetime | None = None) -> Any:
        """What `compute` gives, or gave after `oldest`, and when."""
        async with self._turns[key[0]]:
            known = self._known.pop(key, None)
            if known is None or (oldest is not None and known[0] < oldest):
                known = datetime.now(UTC), await compute()
            self._known[key] = known
            if len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
            return known


async def paint_for(request: Request, wanted: WantedPaint, flow: Flow, read: ReadProject, asker: str) -> Paint:
    """The paint that is wanted for the picture of a flow. Raises HTTPException for a period that is none."""
    services: Services = request.app.state.services
    if not {"coverage": services.coverage, "proof": services.proof}.get(wanted.paint, "traffic"):
        return Paint(wanted, problem="This console plays no scenarios and proves no flows.")
    try:
        match wanted.paint:
            case "traffic":
                return await _traffic(request, wanted, flow, read)
            case "coverage":
                return await _coverage(request, wanted, flow, read, asker)
            case "proof":
                return await _proof(request, wanted, flow, read, asker)
    except (StoreError, WorkNotDone) as error:
        return Paint(wanted, problem=str(error))
    return Paint(wanted)


def _revisions(read: ReadProject) -> tuple[str, ...]:
    return tuple(flow.revision for flow in read.project.flows.values())


def _drawn(flow: Flow) -> dict[str, Flow]:
    return {each.name: each for each in (flow, *flow.subs.values())}


async def _traffic(request: Request, wanted: WantedPaint, flow: Flow, read: ReadProject) -> Paint:
    now = datetime.now(UTC)
    period = wanted.period(read, flow.name, now)
    if request.app.state.settings.database_url.startswith("memory:"):
        problem = "Calls are kept in the memory of the server, where no page can read them. Set NCCO_DATABASE_URL."
        return Paint(wanted, problem=problem, period=period)

    async def count() -> Traffic:
        async with recorded(request) as records:
            return await count_traffic(records, read.project.flows, period, int(now.timestamp() * 1000))

    results: Results = request.app.state.results
    key = ("traffic", period.milliseconds, _revisions(read))
    try:
        counted_at, traffic = await results.get(key, count, now - timedelta(seconds=TRAFFIC_S))
    except StoreError as error:
        return Paint(wanted, problem=f"The calls cannot be read: {error}.", period=period)
    flows = _drawn(flow)
    return Paint(
        wanted,
        (*key, counted_at),
        lambda drawing, errors: paint_traffic(drawing, flows, traffic, errors=errors),
        list(_told_traffic(flow, traffic, period)),
        period=period,
    )


def _told_traffic(flow: Flow, traffic: Traffic, period: Period) -> Iterator[str]:
    calls, waits = traffic.calls[flow.name], traffic.until_person.get(flow.name)
    last = period.end - timedelta(1)
    days = f"on {last}" if last == period.first else f"from {period.first} to {last}"
    yield f"{counted(calls, 'call')} began in {flow.name} {days}."
    if waits is not None:
        median = duration_text(percentile(waits, 0.5))
        yield f"{counted(waits.total(), 'call')} reached a person, half of them within {median}."
    if lost := sum(count for (name, _), count in traffic.hung_up.items() if name in _drawn(flow)):
        yield f"{counted(lost, 'caller')} hung up before the end, in the steps with a red frame."
    for name in _drawn(flow):
        if gone := traffic.gone[name]:
            yield f"{counted(gone, 'call')} on steps or ways of {name} that no longer exist."
    if traffic.is_cut:
        yield f"Only the first {MOST_CALLS:,} calls of these days are counted."


async def _coverage(request: Request, wanted: WantedPaint, flow: Flow, read: ReadProject, asker: str) -> Paint:
    services: Services = request.app.state.services
    folder: ProjectFolder = request.app.state.project
    prover: Worker = request.app.state.prover
    dial_allow = list(request.app.state.settings.dial_allow)
    values = {"texts": dict(read.texts), "env": dict(folder.env), "home": str(folder.flows.parent.absolute())}

    async def cover() -> Any:
        return await prover.run(services.coverage, {**values, "dial_allow": dial_allow}, owner=asker)

    results: Results = request.app.state.results
    oldest = datetime.now(UTC) - timedelta(seconds=TRAFFIC_S)  # a scenario may have changed
    key = ("coverage", _revisions(read))
    found_at, found = await results.get(key, cover, oldest)
    counts: dict[Key, int] = {(name, step, outcome): count for name, step, outcome, count in found["counts"]}
    own = [count for (name, _, _), count in counts.items() if name == flow.name]
    if not found["scenarios"]:
        return Paint(wanted, problem="The project has no scenario yet. Keep a call of the phone as one.")
    words = [
        f"{counted(found['scenarios'], 'scenario')} played; {sum(map(bool, own))} of {len(own)} outcomes of"
        f" {flow.name} taken."
    ]
    if found["differing"]:
        differs = "one differs" if found["differing"] == 1 else f"{found['differing']} differ"
        words.append(f"{differs.capitalize()} from what the flow plays: `ncco test` shows how.")
    flows = _drawn(flow)
    return Paint(
        wanted,
        (*key, found_at),
        lambda drawing, errors: paint_taken(drawing, flows, counts, errors=errors),
        words,
    )


async def _proof(request: Request, wanted: WantedPaint, flow: Flow, read: ReadProject, asker: str) -> Paint:
    services: Services = request.app.state.services
    folder: ProjectFolder = request.app.state.project
    prover: Worker = request.app.state.prover
    values = {"texts": dict(read.texts), "env": dict(folder.env), "flow": flow.name, "seconds": PROOF_S}
    key = ("proof", flow.name, _revisions(read))

    async def prove() -> Any:
        return await prover.run(services.proof, values, owner=asker)

    _, found = await request.app.state.results.get(key, prove)
    faults: dict[tuple[str, str], list[str]] = {}
    for each in found["violations"]:
        faults.setdefault((each["flow"], each["step"] or flow.start), []).append(each["kind"].replace("_", " "))
    many = counted(sum(map(len, faults.values())), "fault")
    words = [
        f"{many} found, in the steps with a red frame. Prove shows a call for each." if faults else "No fault found."
    ]
    words += [f"The proof stopped at {found['stopped']}."] if found["stopped"] else []
    return Paint(wanted, key, lambda drawing, _: _marked(drawing, faults), words)


def _marked(drawing: Drawing, faults: Mapping[tuple[str, str], list[str]]) -> Drawing:
    def marked(flow: str, node: GraphNode) -> GraphNode:
        return replace(node, mark=", ".join(dict.fromkeys(faults.get((flow, node.step), ()))))

    subgraphs = (
        replace(each, nodes=tuple(marked(each.title, node) for node in each.nodes)) for each in drawing.subgraphs
    )
    return replace(drawing, subgraphs=tuple(subgraphs))


def address_of(wanted: WantedPaint, *, errors: bool) -> str:
    """The query of a picture with the same paint."""
    values = {"paint": wanted.paint, "days": wanted.days, "from": wanted.first or "", "to": wanted.end or ""}
    return urlencode({name: value for name, value in values.items() if value} | ({"errors": "true"} if errors else {}))
