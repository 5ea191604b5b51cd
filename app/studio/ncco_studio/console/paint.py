"""Overlays the picture of a flow with the calls of a period."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlencode

from fastapi import Query

from ncco_server.desk.call_report import Period, percentile
from ncco_server.desk.project import zone_of
from ncco_server.desk.recorded_calls import duration_text
from ncco_server.errors import StoreError
from ncco_server.flow.model import Flow
from ncco_server.flow.report import counted
from ncco_studio.console.report import PeriodQuery
from ncco_studio.console.state import Console
from ncco_studio.console.traffic import MOST_CALLS, Traffic, count_traffic
from ncco_studio.editor.project import ReadProject
from ncco_studio.pictures.graph import BEGUN

PERIODS: Final = {"1": "today", "7": "the last 7 days", "30": "the last 30 days", "": "the days"}
STALE_S: Final = 60
"""How long counts of calls are cached."""
PAINT_S: Final = 50.0
"""How long a page waits for its overlay, also behind other overlays."""


class PaintQuery(PeriodQuery):
    """Whether to show an overlay, and of which days' calls."""

    paint: Literal["", "traffic", "none"] = ""
    """`""` paints if calls are kept."""
    errors: bool = False
    """Whether to draw error paths."""

    def period_of(self, read: ReadProject, flow: str, now: datetime) -> Period:
        """Use the time zone of the flow. Raises HTTPException."""
        return self.period(zone_of(read.project, flow), now)

    def address(self, *, errors: bool) -> str:
        values = self.model_dump(include={"paint", "days"}) | {"from": self.first, "to": self.last}
        values["errors"] = "true" if errors else ""
        return urlencode({name: value for name, value in values.items() if value})


Wanted: TypeAlias = Annotated[PaintQuery, Query()]


@dataclass(frozen=True)
class Overlay:
    """The calls of a period, for the picture of a flow; `words` describe them in sentences."""

    traffic: Traffic
    words: Sequence[str]


async def overlay_for(console: Console, wanted: PaintQuery, flow: Flow, read: ReadProject) -> Overlay | str:
    """Return why there is none, with a fix. Raises HTTPException for an invalid period."""
    if console.settings.has_memory_store:
        return "Calls are kept in the server's memory, where this page cannot read them. Set NCCO_DATABASE_URL."
    try:
        async with asyncio.timeout(PAINT_S):
            return await _overlay(console, wanted, flow, read)
    except StoreError as error:
        return f"The calls cannot be read: {error}. {error.cure}"
    except TimeoutError:
        return f"It took longer than {PAINT_S:g} seconds. Choose fewer days, or try again in a minute."


def _flows_drawn(flow: Flow) -> dict[str, Flow]:
    return {each.name: each for each in (flow, *flow.subs.values())}


async def _overlay(console: Console, wanted: PaintQuery, flow: Flow, read: ReadProject) -> Overlay:
    period = wanted.period_of(read, flow.name, datetime.now(UTC))

    async def count() -> Traffic:
        async with console.records() as records:
            return await count_traffic(records, read.project.flows, period)

    traffic = await console.results.get(("traffic", period.milliseconds, read.revisions), count, STALE_S)
    return Overlay(traffic, list(_traffic_words(flow, traffic, period)))


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _traffic_words(flow: Flow, traffic: Traffic, period: Period) -> Iterator[str]:
    began = f"{counted(traffic.calls[flow.name], 'call')} began"
    came = f"{counted(traffic.ways[flow.name, '', BEGUN], 'call')} came"
    waits = traffic.until_person.get(flow.name)
    first, last = period.first, period.last
    days = f"on {_day(last)}" if last == first else f"from {_day(first)} to {_day(last)}"
    yield f"{began if flow.is_startable else came} here {days}."
    if waits is not None:
        median = duration_text(percentile(waits, 0.5))
        yield f"{counted(waits.total(), 'call')} reached a person; half of them within {median}."
    if lost := sum(count for (name, _), count in traffic.hung_up.items() if name in _flows_drawn(flow)):
        yield f"{counted(lost, 'caller')} hung up before the end, in the steps with a red frame."
    for name in _flows_drawn(flow):
        if gone := traffic.gone[name]:
            yield f"{counted(gone, 'call')} used steps or paths of {name} that no longer exist."
    if traffic.is_cut:
        yield f"Only the newest {MOST_CALLS:,} calls on these days are counted."
