"""The owner's first page: whether the line is open, today's calls, and who is waiting to be called back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response

from ncco_server.desk.project import zone_of
from ncco_server.errors import StoreError
from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.model import Flow, Project
from ncco_server.service.call_results import NO_FLOWS, MissedCallers, count_by_result, missed_callers, open_calls
from ncco_server.store import QUARTER_MS, CalledCounts, Records, ResultRow, milliseconds
from ncco_studio.console.access import CanChange, CanLook
from ncco_studio.console.audit import audit
from ncco_studio.console.calls import at_step, plain_state
from ncco_studio.console.health import problems_of
from ncco_studio.console.messages import inbox_values
from ncco_studio.console.pages import render
from ncco_studio.console.polled import PolledRoute
from ncco_studio.console.state import Console, TheConsole, console_of


class TimedRoute(PolledRoute):
    """A polled route whose page also changes with the time, once a minute at most."""

    def moment(self) -> str:
        return f"{datetime.now(UTC):-%d%H%M}"


router = APIRouter(route_class=TimedRoute)

MISSED_DAYS: Final = 3
"""A weekend and the day before it."""
MOST_MISSED: Final = 8
MOST_RETURNED: Final = 20
FEW_MESSAGES: Final = 3
WEEK: Final = timedelta(7)


class OpenNow(NamedTuple):
    """Opening hours at one point in time, in words. `why` may be ""."""

    name: str
    is_open: bool
    words: str
    why: str


def open_now(flows: Iterable[Flow], now: datetime) -> list[OpenNow]:
    calendars = {
        (name, calendar.zone.key, calendar.week, tuple(calendar.override.items())): calendar
        for flow in flows
        for name, calendar in flow.calendars.items()
    }
    return [_open_now(calendar, now) for calendar in calendars.values()]


def _open_now(calendar: Calendar, now: datetime) -> OpenNow:
    hours = calendar.at(now)
    today = now.astimezone(calendar.zone).date()
    if hours.open:
        until = _moment(hours.next_close, today) if hours["next_close"] else ""
        return OpenNow(calendar.name, is_open=True, words=f"Open now until {until}" if until else "Always open", why="")
    words = f"Closed until {_moment(hours.next_open, today)}" if hours.reopens else "Closed"
    name = hours.holiday
    match hours.reason:
        case "holiday":
            why = f"Today is {name}." if name else "Today is a holiday."
        case "override":
            why = f"Special hours today: {name}." if name else "Today has special hours."
        case _:
            spans = calendar.spans_on(today)
            why = f"You are closed on {today:%A}s." if not spans else f"Hours today: {_spans(spans)}."
    return OpenNow(calendar.name, is_open=False, words=words, why=why)


def _spans(spans: Iterable[tuple[int, int]]) -> str:
    return " and ".join(f"{start // 60}:{start % 60:02} to {end // 60 % 24}:{end % 60:02}" for start, end in spans)


def _moment(moment: datetime, today: date) -> str:
    """For example, `17:30`, `Monday 9:00`, `2 January 9:00`."""
    clock = f"{moment.hour}:{moment.minute:02}"
    day = moment.date()
    if day == today:
        return clock
    return f"{moment:%A} {clock}" if day - today < WEEK else f"{day.day} {day:%B} {clock}"


@dataclass(frozen=True)
class RecentCalls:
    """The results of the last days' calls.

    Attributes:
        today: by result.
        before: number of calls on the same day last week, up to the same time.
        callers: who should be called back, and who was.
        on_the_line: the open calls, the newest first.
    """

    today: Counter[str]
    before: int
    callers: MissedCallers
    on_the_line: Sequence[ResultRow] = ()


async def recent_calls(
    records: Records, zone: tzinfo, now: datetime, flows: Mapping[str, Flow] = NO_FLOWS
) -> RecentCalls:
    """See `open_result`. Raises StoreError."""
    now_ms = milliseconds(now)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    today = milliseconds(midnight)
    week_ago = milliseconds(datetime.combine(midnight.date() - WEEK, time(), zone))
    since = milliseconds(datetime.combine(midnight.date() - timedelta(MISSED_DAYS), time(), zone))
    open_now = await open_calls(records, since, now_ms + QUARTER_MS, now_ms, flows)
    callers = await missed_callers(records, since, open_now, most=MOST_MISSED, most_returned=MOST_RETURNED)
    return RecentCalls(
        today=await count_by_result(records, today, now_ms + QUARTER_MS, open_now),
        before=await records.count_results(week_ago, milliseconds(now - WEEK) + 1),
        callers=callers,
        on_the_line=sorted((call for call in open_now if call.result == "open"), key=lambda call: -call.began_at),
    )


@router.get("/home")
async def home(request: Request, console: TheConsole, session: CanLook) -> Response:
    now = datetime.now(UTC)
    project = (await console.read_project()).project
    calls = None
    away = None
    placed = None
    inbox: dict[str, Any] = {"is_memory": console.settings.has_memory_store}
    if not console.settings.has_memory_store:
        try:
            async with console.records() as records:
                calls = await recent_calls(records, zone_of(project), now, project.flows)
            inbox = await inbox_values(console, few=FEW_MESSAGES)
            placed = await _placed_today(console, project, now)
        except StoreError as error:
            away = error
    return render(
        request,
        "home.html",
        now=now,
        hours=open_now(project.flows.values(), now),
        calls=calls,
        compared=_compared(calls, now) if calls else "",
        placed=placed,
        since=f"{now - timedelta(MISSED_DAYS):%A}",
        problems=await problems_of(console, now, away),
        may_change=session.role == "change",
        plain_state=plain_state,
        at_step=at_step,
        **inbox,
    )


async def _placed_today(console: Console, project: Project, now: datetime) -> CalledCounts | None:
    """Return None if this line places no calls. Raises StoreError."""
    zone = zone_of(project)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    counts = await (await console.opened_store()).placed.count_called(milliseconds(midnight))
    return counts if counts.called or any(flow.outbound for flow in project.flows.values()) else None


def _compared(calls: RecentCalls, now: datetime) -> str:
    """Compare with the same day last week, up to the same time of day."""
    more = calls.today.total() - calls.before
    day = f"last {now:%A}"
    if not calls.before and not more:
        return f"none {day} either"
    return f"as many as {day}" if not more else f"{abs(more)} {'more' if more > 0 else 'fewer'} than {day} by now"


@router.post("/calls/{name:path}/called-back")
async def called_back(request: Request, name: str, session: CanChange) -> Response:
    """Take the caller of a missed call off the list."""
    results = (await console_of(request).opened_store()).results
    return _noted(request, name, "called back", await results.mark_returned(name, _now_ms(), session.by))


@router.post("/calls/{name:path}/to-call-back")
async def to_call_back(request: Request, name: str, session: CanChange) -> Response:
    """Put the caller of a missed call on the list again."""
    results = (await console_of(request).opened_store()).results
    return _noted(request, name, "to call back again", await results.mark_to_return(name, _now_ms()))


def _now_ms() -> int:
    return milliseconds(datetime.now(UTC))


def _noted(request: Request, name: str, event: str, is_known: bool) -> Response:
    if not is_known:
        raise HTTPException(404, "There is no such call, or it is not over.")
    audit(request, event, call=name)
    return Response(status_code=204, headers={"hx-trigger": "messages"})
