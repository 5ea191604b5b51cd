"""Paints the picture of a flow: with the calls of a period, with what scenarios take, or with what a proof found."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import urlencode

from fastapi import Query, Request

from app.console.calls import recorded
from app.console.project import ProjectFolder, ReadProject
from app.console.report import PeriodQuery
from app.console.results import Results
from app.console.services import Services
from app.console.worker import Worker, WorkNotDone
from app.errors import StoreError
from app.flow.graph import Drawing, OutcomeKey
from app.flow.model import Flow
from app.flow.report import counted
from app.service.call_report import Period, percentile, zone_of
from app.service.outcomes import paint_taken
from app.service.recorded_calls import duration_text
from app.service.traffic import MOST_CALLS, Traffic, count_traffic, paint_traffic
from app.store import milliseconds

PAINTS: Final = {"": "nothing", "traffic": "calls", "coverage": "scenarios", "proof": "the proof"}
"""What a picture can be painted with, in words."""
PERIODS: Final = {"1": "today", "7": "the last 7 days", "30": "the last 30 days", "": "the days"}
STALE_S: Final = 60
"""How long the counts of calls and of scenarios are shown before they are counted again."""
PROOF_S: Final = 20.0
"""How long a proof explores."""
PAINT_S: Final = 50.0
"""How long a page waits for its paint, with those before it; it asks no longer than a minute."""
_NO_LIMITS: Final = {"coverage": "`ncco test` has no such limits.", "proof": "`ncco prove` has no such limits."}


class PaintQuery(PeriodQuery):
    """What a picture is to be painted with, as its address holds it. `days` wins over `first` and `last`."""

    paint: Literal["", "traffic", "coverage", "proof"] = ""
    days: Literal["", "1", "7", "30"] = ""
    errors: bool = False
    """Whether to draw where faults of a call lead."""

    def period_of(self, read: ReadProject, flow: str, now: datetime) -> Period:
        """The days, in the time zone of the flow. Raises HTTPException."""
        zone = zone_of(read.project, flow)
        if self.days or not (self.first or self.last):
            end = now.astimezone(zone).date() + timedelta(1)
            return Period(end - timedelta(int(self.days or "7")), end, zone)
        return self.period(zone, now)

    def address(self, *, errors: bool) -> str:
        """The query of a picture with the same paint."""
        values = self.model_dump(include={"paint", "days"}) | {"from": self.first, "to": self.last}
        values["errors"] = "true" if errors else ""
        return urlencode({name: value for name, value in values.items() if value})


Wanted: TypeAlias = Annotated[PaintQuery, Query()]


def _plain(drawing: Drawing) -> Drawing:
    return drawing


@dataclass(frozen=True)
class Paint:
    """How a picture is painted.

    Attributes:
        key: the same for the same paint of the same flow.
        apply: paints a drawing.
        words: what it shows, in sentences.
        problem: why the picture is not painted, with a cure; "" when it is.
    """

    key: object = None
    apply: Callable[[Drawing], Drawing] = _plain
    words: Sequence[str] = ()
    problem: str = ""


async def paint_for(request: Request, wanted: PaintQuery, flow: Flow, read: ReadProject) -> Paint:
    """The paint that is wanted for the picture of a flow. Raises HTTPException for a period that is none."""
    services: Services = request.app.state.services
    if not wanted.paint:
        return Paint()
    if not {"coverage": services.coverage, "proof": services.proof}.get(wanted.paint, "traffic"):
        return Paint(problem="This console plays no scenarios and proves no flows.")
    try:
        async with asyncio.timeout(PAINT_S):
            return await _PAINTERS[wanted.paint](request, wanted, flow, read)
    except StoreError as error:
        return Paint(problem=f"The calls cannot be read: {error}. {error.cure}")
    except WorkNotDone as error:
        return Paint(problem=f"{error} {_NO_LIMITS.get(wanted.paint, '')}")
    except TimeoutError:
        cure = _NO_LIMITS.get(wanted.paint, "Choose fewer days.")
        return Paint(problem=f"It took longer than {PAINT_S:g} seconds. Try again in a minute. {cure}")


def _revisions(read: ReadProject) -> tuple[str, ...]:
    return tuple(flow.revision for flow in read.project.flows.values())


def _drawn(flow: Flow) -> dict[str, Flow]:
    return {each.name: each for each in (flow, *flow.subs.values())}


async def _traffic(request: Request, wanted: PaintQuery, flow: Flow, read: ReadProject) -> Paint:
    now = datetime.now(UTC)
    period = wanted.period_of(read, flow.name, now)
    if request.app.state.settings.has_memory_store:
        problem = "Calls are kept in the memory of the server, where no page can read them. Set NCCO_DATABASE_URL."
        return Paint(problem=problem)

    async def count() -> Traffic:
        async with recorded(request) as records:
            return await count_traffic(records, read.project.flows, period, milliseconds(now))

    results: Results = request.app.state.results
    key = ("traffic", period.milliseconds, _revisions(read))
    counted_at, traffic = await results.get(key, count, STALE_S)
    return Paint(
        (*key, counted_at),
        lambda drawing: paint_traffic(drawing, traffic),
        list(_traffic_words(flow, traffic, period)),
    )


def _traffic_words(flow: Flow, traffic: Traffic, period: Period) -> Iterator[str]:
    calls, waits = traffic.calls[flow.name], traffic.until_person.get(flow.name)
    first, last = period.first, period.last
    days = f"on {last}" if last == first else f"from {first} to {last}"
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


async def _answered(
    request: Request, function: str, key: tuple[object, ...], most_s: float, values: Mapping[str, Any]
) -> tuple[float, Any]:
    """What a function of the command line says about the project, and when it did. Raises WorkNotDone."""
    prover: Worker = request.app.state.prover
    results: Results = request.app.state.results
    return await results.get(key, lambda: prover.run(function, values, owner=request.state.session.id), most_s)


async def _coverage(request: Request, wanted: PaintQuery, flow: Flow, read: ReadProject) -> Paint:
    services: Services = request.app.state.services
    folder: ProjectFolder = request.app.state.project
    key = ("coverage", _revisions(read))
    values = {
        "texts": dict(read.texts),
        "env": dict(folder.env),
        "home": str(folder.flows.parent.absolute()),
        "dial_allow": list(request.app.state.settings.dial_allow),
    }
    found_at, found = await _answered(request, services.coverage, key, STALE_S, values)  # a scenario may have changed
    if not found["scenarios"]:
        return Paint(problem="The project has no scenario yet. Keep a call of the phone as one.")
    counts: dict[OutcomeKey, int] = {(name, step, outcome): count for name, step, outcome, count in found["counts"]}
    own = [count > 0 for (name, _, _), count in counts.items() if name == flow.name]
    taken = f"{sum(own)} of {len(own)} outcomes of {flow.name} taken"
    words = [f"{counted(found['scenarios'], 'scenario')} played; {taken}."]
    if found["differing"]:
        differs = "One differs" if found["differing"] == 1 else f"{found['differing']} differ"
        words.append(f"{differs} from what the flow plays: `ncco test` shows how.")
    return Paint(
        (*key, found_at),
        lambda drawing: paint_taken(drawing, counts),
        words,
    )


async def prove(request: Request, flow: Flow, read: ReadProject) -> tuple[tuple[object, ...], dict[str, Any]]:
    """What a proof of a flow has found, and its key. Raises WorkNotDone."""
    services: Services = request.app.state.services
    folder: ProjectFolder = request.app.state.project
    key = ("proof", flow.name, _revisions(read))
    values = {"texts": dict(read.texts), "env": dict(folder.env), "flow": flow.name, "seconds": PROOF_S}
    _, found = await _answered(request, services.proof, key, math.inf, values)
    return key, found


async def _proof(request: Request, _: PaintQuery, flow: Flow, read: ReadProject) -> Paint:
    key, found = await prove(request, flow, read)
    faults = defaultdict[tuple[str, str], dict[str, None]](dict)
    for each in found["violations"]:
        faults[each["flow"], each["step"] or flow.start][each["kind"].replace("_", " ")] = None
    many = counted(len(found["violations"]), "fault")
    words = [
        f"{many} found, in the steps with a red frame. Prove shows a call for each." if faults else "No fault found."
    ]
    words += [f"The proof stopped at {found['stopped']}."] if found["stopped"] else []
    return Paint(key, lambda drawing: drawing.marked(lambda *step: ", ".join(faults.get(step, ()))), words)


_PAINTERS: Final[Mapping[str, Callable[[Request, PaintQuery, Flow, ReadProject], Awaitable[Paint]]]] = {
    "traffic": _traffic,
    "coverage": _coverage,
    "proof": _proof,
}
