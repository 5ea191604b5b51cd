"""The *Report* page: charts and a table of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import accumulate
from math import ceil
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, BeforeValidator

from ncco_server.desk.call_report import DAYS, CallReport, Period, count_calls, read_period
from ncco_server.flow.model import Project
from ncco_server.flow.zones import find_zone
from ncco_server.service.phone_numbers import readable
from ncco_server.store import milliseconds
from ncco_server.wording import counted, duration_text
from ncco_studio.console.access import CanLook
from ncco_studio.console.change.fields import group_title
from ncco_studio.console.download import csv_response
from ncco_studio.console.pages import render
from ncco_studio.console.state import Console, TheConsole

router = APIRouter()

RESULT_WORDS: Final = {
    "person": "answered by a person",
    "message": "left a message",
    "own": "own outcome",
    "served": "served by the menu",
    "missed": "missed",
}
MISSED_WORDS: Final = {
    "unanswered": "nobody answered",
    "ringing": "hung up while ringing",
    "closed": "closed, and no message left",
    "message": "no message left",
    "menu": "hung up in a menu",
    "greeting": "hung up in the greeting",
    "unassigned": "no line takes the number",
}
MEANINGS: Final = {
    "person": "somebody who was rung answered, and is not known to be a machine",
    "message": "no person; the caller left a message",
    "own": "neither; your line says what came of the call",
    "served": "none of these; the caller heard what they chose or the opening hours, or reached an agent, or heard "
    "everything that the line says",
    "missed": "none of these: the caller hung up early or left no message, or nobody who was rung answered",
}
COLUMNS: Final = {
    "calls": "Calls",
    **{result: words.capitalize() for result, words in RESULT_WORDS.items()},
    "own": "Own outcomes",
    "minutes": "Minutes",
    "person_median_s": "Median wait",
    "person_p90_s": "90% wait less than",
}

GROUPS: Final = {
    "all": ("", "All"),
    "flow": ("By line", "no line"),
    "number": ("By called number", "unknown"),
    "result": ("By own outcome", ""),
    "missed": ("Missed", ""),
}
"""The caption of each group of rows, and what its row without a name is called."""

BARS: Final = {**RESULT_WORDS, "other": "in progress or not known"}
"""The parts of a bar, from the bottom."""

PERIODS: Final = {"7": "7 days", "last-week": "Last week", "28": "4 weeks", "91": "3 months"}
"""A number of days ends today; last week is from Monday to Sunday."""
MOST_BARS: Final = 31
"""In longer periods, a bar covers several days."""
MOST_LABELS: Final = 5
"""As many as fit below a chart on a phone, unless it only has a week's bars."""

Day: TypeAlias = Annotated[date | None, BeforeValidator(lambda text: text or None)]
"""None for an empty field."""


class PeriodQuery(BaseModel):
    """Days from `first` to `last`, inclusive, as in a URL."""

    days: Literal["", "today", "7", "last-week", "28", "91"] = ""
    """See `PERIODS`. It takes precedence over the dates."""
    first: Annotated[Day, Query(alias="from")] = None
    last: Annotated[Day, Query(alias="to")] = None
    timezone: Annotated[str, Query(max_length=100)] = ""

    def period(self, usual: tzinfo, now: datetime) -> Period:
        """`usual` is the zone if the URL names none. Raises HTTPException."""
        zone = find_zone(self.timezone) if self.timezone else usual
        if zone is None:
            raise HTTPException(422, f"{self.timezone} is not a time zone; enter one such as Europe/London.")
        today = now.astimezone(zone).date()
        if self.days == "last-week":
            monday = today - timedelta(today.weekday())
            return Period(monday - timedelta(7), monday, zone)
        if self.days:
            end = today + timedelta(1)
            return Period(end - timedelta(1 if self.days == "today" else int(self.days)), end, zone)
        try:
            return read_period(self.first, self.last, zone, now)
        except ValueError as error:
            raise HTTPException(422, f"The calls in this period cannot be counted: {error}.") from error


class ReportQuery(PeriodQuery):
    """The filters of a report, as in its URL."""

    flow: Annotated[str, Query(max_length=100)] = ""


Filters: TypeAlias = Annotated[ReportQuery, Query()]


def texts_of(project: Project) -> dict[str, str]:
    return {name: own.text for flow in project.flows.values() for name, own in flow.results.items()}


async def count_period(console: Console, period: Period, flow: str = "", *, has_reasons: bool = False) -> CallReport:
    """Raises StoreError."""
    now_ms = milliseconds(datetime.now(UTC))
    async with console.records() as records:
        return await count_calls(records, period, now_ms, flow, has_reasons=has_reasons)


class Bar(NamedTuple):
    """A bar of a chart: its text, the text below it, and parts: the result, the calls up to its end, and its own."""

    title: str
    label: str
    parts: list[tuple[str, int, int]]


class Chart(NamedTuple):
    """The bars of a chart, the number of calls of the highest one, and what one bar is, in words."""

    bars: list[Bar]
    most: int
    unit: str


def day_bars(report: CallReport) -> Chart:
    period = report.period
    each = ceil((period.end - period.first).days / MOST_BARS)
    firsts = [period.first + timedelta(number) for number in range(0, (period.end - period.first).days, each)]
    counts = [Counter[str]() for _ in firsts]
    for day, count in report.days.items():
        other = count["open"] + count["lost"] + count["unknown"]
        counts[(day - period.first).days // each].update({kind: count[kind] for kind in BARS} | {"other": other})
    labels = [f"{first:%a}" if len(firsts) <= DAYS else f"{first.day} {first:%b}" for first in firsts]
    titles = [
        f"{first:%A} {first.day} {first:%B}" if each == 1 else f"{each} days from {first.day} {first:%B}"
        for first in firsts
    ]
    return _bars(counts, titles, labels, "day" if each == 1 else f"{each} days")


def hour_bars(report: CallReport) -> Chart:
    """Begin and end with an hour that has calls."""
    hours = range(min(report.hours), max(report.hours) + 1)
    counts = [Counter({"calls": report.hours[hour]}) for hour in hours]
    titles = [f"{hour:02}:00 to {hour + 1:02}:00" for hour in hours]
    return _bars(counts, titles, [f"{hour:02}:00" for hour in hours], "hour")


def _bars(counts: Sequence[Counter[str]], titles: Sequence[str], labels: Sequence[str], unit: str) -> Chart:
    most = max(count.total() for count in counts) or 1
    every = 1 if len(counts) <= DAYS else ceil(len(counts) / MOST_LABELS)
    first_label = (len(counts) - 1) % every // 2  # as far from the left as the last one from the right
    bars = list[Bar]()
    for number, count in enumerate(counts):
        kinds = ("calls", *BARS)
        ends = accumulate(count[kind] for kind in kinds)
        parts = [(kind, end, count[kind]) for kind, end in zip(kinds, ends, strict=True) if count[kind]]
        said = ", ".join(f"{count[kind]} {BARS[kind]}" for kind in BARS if count[kind])
        title = f"{titles[number]}: {counted(count.total(), 'call')}" + (f", {said}" if said else "")
        label = labels[number] if number % every == first_label else ""
        bars.append(Bar(title, label, parts))
    return Chart(bars, most, unit)


def headlines(now: Mapping[str, Any], before: Mapping[str, Any], days: int) -> list[dict[str, str]]:
    """The numbers above the charts, and how each compares with the previous period."""
    than = "in the week before" if days == DAYS else f"in the {counted(days, 'day')} before"

    def share(row: Mapping[str, Any], name: str) -> str:
        return f"{100 * row[name] / row['calls']:.0f}%" if row["calls"] else ""

    def wait(row: Mapping[str, Any]) -> str:
        return duration_text(row["person_median_s"]) if row["person_median_s"] is not None else ""

    def headline(title: str, value: str, was: str) -> dict[str, str]:
        return {"value": value or "-", "title": title, "compared": f"{was} {than}" if was else ""}

    were = f"{before['calls']:,}" if before["calls"] else "none"
    return [
        headline("call" if now["calls"] == 1 else "calls", f"{now['calls']:,}", were),
        *(headline(RESULT_WORDS[name], share(now, name), share(before, name)) for name in ("person", "missed")),
        headline("median wait until a person answers", wait(now), wait(before)),
    ]


def _titled(found: CallReport, texts: Mapping[str, str]) -> list[dict[str, Any]]:

    def title(by: str, name: str) -> str:
        if by == "missed":
            return MISSED_WORDS.get(name, "no longer known")
        if by == "result":
            return texts.get(name) or name.replace("_", " ")
        if by == "flow" and name:
            return group_title(name)
        return readable(name, name) or GROUPS[by][1]

    return [row | {"title": title(row["by"], row["name"]), "group": GROUPS[row["by"]][0]} for row in found.rows]


@router.get("/report")
async def report(request: Request, console: TheConsole, filters: Filters, _: CanLook) -> Response:
    """Show the counts of a period, compared with the previous one: charts, and a table by flow and called number."""
    project = (await console.read_project()).project
    period = filters.period(project.zone_of(filters.flow), datetime.now(UTC))
    found = await count_period(console, period, filters.flow, has_reasons=True)
    rows = _titled(found, texts_of(project))
    charts: dict[str, Any] = {}
    if found.hours:
        length = period.end - period.first
        end = max(period.first, date.min + timedelta(1))  # the calendar starts in the year 1
        first = date.fromordinal(max(1, end.toordinal() - length.days))
        before = await count_period(console, replace(period, first=first, end=end), filters.flow)
        charts = {
            "headlines": headlines(found.rows[0], before.rows[0], length.days),
            "bars": day_bars(found),
            "hours": hour_bars(found),
        }
    return render(
        request,
        "report.html",
        period=period,
        days=filters.days or ("7" if not (filters.first or filters.last) else ""),
        periods=PERIODS,
        flow=filters.flow,
        flows=sorted(project.flows),
        groups=GROUPS,
        columns=COLUMNS,
        parts=BARS,
        meanings=MEANINGS,
        address=urlencode({**period.document, "flow": filters.flow}),
        rows=[row for row in rows if row["by"] != "missed"],
        missed=[row for row in rows if row["by"] == "missed"],
        reasons=MISSED_WORDS,
        total=found.rows[0],
        **charts,
    )


@router.get("/report.csv")
async def report_csv(request: Request, console: TheConsole, filters: Filters, _: CanLook) -> Response:
    project = (await console.read_project()).project
    period = filters.period(project.zone_of(filters.flow), datetime.now(UTC))
    texts = texts_of(project)
    units = {name: f"{title}, seconds" if name.endswith("_s") else title for name, title in COLUMNS.items()}

    async def pages() -> AsyncIterator[list[dict[str, Any]]]:
        yield _titled(await count_period(console, period, filters.flow, has_reasons=True), texts)

    titles = {"group": "Counted", "title": "Name", **units}
    return await csv_response(request, "report", titles, pages(), period.zone, name="report")
