"""The page of counted calls."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator

from app.console.access import CanLook
from app.console.calls import recorded
from app.console.pages import render
from app.console.state import TheConsole, console_of
from app.flow.zones import find_zone
from app.service.call_report import DISPOSITIONS, CallReport, Period, count_calls, read_period, zone_of
from app.store import milliseconds

router = APIRouter()

COLUMNS: Final = {
    "calls": "Calls",
    "minutes": "Minutes",
    "person": "Reached a person",
    "message": "Left a message",
    "served": "Served",
    "abandoned": "Hung up",
    "open": "In progress",
    "lost": "End unknown",
    "person_median_s": "Half wait up to",
    "person_p90_s": "9 of 10 wait up to",
}
"""What the table shows of a row, in words."""

_Day: TypeAlias = Annotated[date | None, BeforeValidator(lambda text: text or None)]
"""A date; an empty field is none."""


class PeriodQuery(BaseModel):
    """Days from `first` to `last`, both counted, as an address holds them."""

    first: Annotated[_Day, Query(alias="from")] = None
    last: Annotated[_Day, Query(alias="to")] = None

    def period(self, zone: tzinfo, now: datetime) -> Period:
        """The days in this time zone. Raises HTTPException."""
        try:
            return read_period(self.first, self.last, zone, now)
        except ValueError as error:
            raise HTTPException(422, f"The period cannot be counted: {error}.") from error


class ReportQuery(PeriodQuery):
    """The filters of a report, as its address holds them."""

    flow: Annotated[str, Query(max_length=100)] = ""
    timezone: Annotated[str, Query(max_length=100)] = ""


Filters: TypeAlias = Annotated[ReportQuery, Query()]


async def _period(request: Request, filters: ReportQuery) -> Period:
    """The days that are asked for. Raises HTTPException."""
    console = console_of(request)
    project = (await run_in_threadpool(console.project.current)).project
    zone = find_zone(filters.timezone) if filters.timezone else zone_of(project, filters.flow)
    if zone is None:
        raise HTTPException(422, f"{filters.timezone} is not a time zone; write one such as Europe/London.")
    return filters.period(zone, datetime.now(UTC))


async def _count(request: Request, period: Period, flow: str) -> CallReport:
    """The counts. Raises StoreError."""
    async with recorded(request) as records:
        calls = records.reported(*period.milliseconds)
        return await count_calls(calls, period, milliseconds(datetime.now(UTC)), flow)


@router.get("/report")
async def report(request: Request, console: TheConsole, filters: Filters, _: CanLook) -> Response:
    """The counts of a period, by flow and by called number."""
    period = await _period(request, filters)
    is_memory = console.settings.has_memory_store
    rows = [] if is_memory else (await _count(request, period, filters.flow)).rows
    address = urlencode({**period.document, "flow": filters.flow})
    return render(
        request,
        "report.html",
        period=period,
        rows=rows,
        flow=filters.flow,
        flows=sorted(console.project.current().project.flows),
        columns=COLUMNS,
        dispositions=DISPOSITIONS,
        address=address,
        is_memory=is_memory,
    )


@router.get("/report.json")
async def report_json(request: Request, filters: Filters, _: CanLook) -> Response:
    """The same as JSON."""
    return JSONResponse((await _count(request, await _period(request, filters), filters.flow)).document)


@router.get("/report.csv")
async def report_csv(request: Request, filters: Filters, _: CanLook) -> Response:
    """The same as a table for spreadsheets."""
    counted = await _count(request, await _period(request, filters), filters.flow)
    headers = {"content-disposition": "attachment; filename=report.csv"}
    return Response(counted.csv, media_type="text/csv; charset=utf-8", headers=headers)
