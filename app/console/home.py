"""The owner's first page: whether the line is open, today's calls, and who is waiting to be called back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from secrets import token_hex
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response

from app.console.access import CanChange, CanLook
from app.console.audit import audit
from app.console.calls import plain_state
from app.console.health import problems_of
from app.console.messages import inbox_values
from app.console.pages import iso_of, render
from app.console.sessions import ConsoleSession
from app.console.state import Console, TheConsole, console_of
from app.errors import StoreError
from app.flow.hours.calendar import Calendar, CurrentHours
from app.flow.model import Flow
from app.service.call_report import zone_of
from app.service.call_results import CallResult, results
from app.service.phone_numbers import dialable, readable
from app.store import CALLED_BACK, TO_CALL_BACK, CalledCounts, WebhookRow, milliseconds, moment_of

router = APIRouter()

MISSED_DAYS: Final = 3
"""How many days back missed calls are listed: a weekend and the day before it."""
MOST_MISSED: Final = 8
"""Maximum number of missed callers on the page."""
FEW_MESSAGES: Final = 3
"""Maximum number of messages on the page."""
CALLS_KEPT_S: Final = 5.0
"""How long results of calls are cached."""
WEEK: Final = timedelta(7)
NOBODY: Final = MappingProxyType[int, tuple[int, str]]({})


class OpenNow(NamedTuple):
    """Opening hours at one point in time, in words. `why` may be ""."""

    name: str
    is_open: bool
    words: str
    why: str


def open_now(flows: Iterable[Flow], now: datetime) -> list[OpenNow]:
    """The distinct opening hours of the given flows."""
    calendars = {
        (name, calendar.zone.key, calendar.week, tuple(calendar.override.items())): calendar
        for flow in flows
        for name, calendar in flow.calendars.items()
    }
    return [_open_now(calendar, now) for calendar in calendars.values()]


def _open_now(calendar: Calendar, now: datetime) -> OpenNow:
    hours = CurrentHours(calendar, now)
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
    """A time in the near future: `17:30`, `Monday 9:00`, `2 January 9:00`."""
    clock = f"{moment.hour}:{moment.minute:02}"
    day = moment.date()
    if day == today:
        return clock
    return f"{moment:%A} {clock}" if day - today < WEEK else f"{day.day} {day:%B} {clock}"


class ReturnedCall(NamedTuple):
    """A missed call that somebody returned: `at` what time (ISO 8601), and `by` whom."""

    number: str
    call: str
    at: str
    by: str


class MissedCaller(NamedTuple):
    """Somebody to call back.

    Attributes:
        call_back: `+447700900123`; "" if the caller's number is unknown.
        call: the ID of their last call.
        at: when that call began (ISO 8601).
        words: the result of that call, in words.
        times: how often they called.
    """

    number: str
    call_back: str
    call: str
    at: str
    words: str
    times: int


@dataclass
class RecentCalls:
    """The results of the last days' calls.

    Attributes:
        today: today's calls by result.
        before: number of calls on the same day last week, up to the same time.
        missed: the callers to call back, latest first.
        withheld: number of missed calls without a caller's number.
        returned: missed callers who were called back, latest first.
    """

    today: Counter[str] = field(default_factory=Counter)
    before: int = 0
    missed: list[MissedCaller] = field(default_factory=list)
    withheld: int = 0
    returned: list[ReturnedCall] = field(default_factory=list)


def counted_calls(
    calls: Iterable[CallResult], zone: tzinfo, now: datetime, returned: Mapping[int, tuple[int, str]] = NOBODY
) -> RecentCalls:
    """The results of some calls, in order of their start. `returned` says when, and by whom, calls were returned."""
    found = RecentCalls()
    today = now.astimezone(zone).date()
    missed = dict[str, list[CallResult]]()
    for call in calls:
        at = moment_of(call.began_at)
        day = at.astimezone(zone).date()
        found.today.update([call.result] if day == today else [])
        found.before += day == today - WEEK and at <= now - WEEK
        if today - day > timedelta(MISSED_DAYS):
            continue
        if call.key in returned:
            missed.pop(call.caller, None)
            at_ms, by = returned[call.key]
            found.returned.insert(0, ReturnedCall(readable(call.caller, call.to), call.id, iso_of(at_ms), by))
        elif call.result != "missed":
            missed.pop(call.caller, None)  # they got through later
        elif call.caller:
            missed.setdefault(call.caller, []).append(call)
        else:
            found.withheld += 1
    latest = sorted(missed.values(), key=lambda each: each[-1].began_at, reverse=True)
    found.missed = [_missed(each) for each in latest]
    return found


def _missed(calls: list[CallResult]) -> MissedCaller:
    last = calls[-1]
    number = readable(last.caller, last.to)
    at = iso_of(last.began_at)
    return MissedCaller(number, dialable(last.caller), last.id, at, plain_state(last), len(calls))


async def _recent_calls(
    console: Console, flows: Mapping[str, Flow], now: datetime, most_s: float = CALLS_KEPT_S
) -> RecentCalls:
    """The calls of the last week, at most `most_s` seconds old. Raises StoreError."""
    zone = zone_of((await console.read_project()).project)
    first = datetime.combine(now.astimezone(zone).date() - WEEK, time(), zone)

    async def read() -> RecentCalls:
        async with console.records() as records:
            now_ms = milliseconds(now)
            calls = [call async for call in results(records, flows, milliseconds(first), now_ms + 1, now_ms)]
            returned = await records.called_back([call.key for call in calls if call.result == "missed"])
        return counted_calls(calls, zone, now, returned)

    found: RecentCalls = await console.lists.get(("home", first), read, most_s)
    return found


@router.get("/home")
async def home(request: Request, console: TheConsole, session: CanLook) -> Response:
    """The page. It reloads regularly."""
    now = datetime.now(UTC)
    flows = (await console.read_project()).project.flows
    calls = None
    away = None
    placed = None
    inbox: dict[str, Any] = {"is_memory": console.settings.has_memory_store}
    if not console.settings.has_memory_store:
        try:
            calls = await _recent_calls(console, flows, now)
            inbox = await inbox_values(console, few=FEW_MESSAGES)
            placed = await _placed_today(console, now)
        except StoreError as error:
            away = error
    return render(
        request,
        "home.html",
        now=now,
        hours=open_now(flows.values(), now),
        calls=calls,
        compared=_compared(calls, now) if calls else "",
        placed=placed,
        missed=calls.missed[:MOST_MISSED] if calls else [],
        since=f"{now - timedelta(MISSED_DAYS):%A}",
        problems=await problems_of(console, now, away),
        may_change=session.role == "change",
        **inbox,
    )


async def _placed_today(console: Console, now: datetime) -> CalledCounts | None:
    """How many people were called today; None if this line places no calls. Raises StoreError."""
    project = (await console.read_project()).project
    zone = zone_of(project)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    counts = await (await console.opened_store()).placed.count_called(milliseconds(midnight))
    return counts if counts.called or any(flow.outbound for flow in project.flows.values()) else None


def _compared(calls: RecentCalls, now: datetime) -> str:
    """Today's calls compared with the same day last week, up to the same time of day."""
    more = calls.today.total() - calls.before
    day = f"last {now:%A}"
    if not calls.before and not more:
        return f"none {day} either"
    return f"as many as {day}" if not more else f"{abs(more)} {'more' if more > 0 else 'fewer'} than {day} by now"


@router.post("/calls/{name:path}/called-back")
async def called_back(request: Request, name: str, session: CanChange) -> Response:
    """Take the caller of a missed call off the list."""
    return await _note(request, name, session, CALLED_BACK, "called back")


@router.post("/calls/{name:path}/to-call-back")
async def to_call_back(request: Request, name: str, session: CanChange) -> Response:
    """Put the caller of a missed call on the list again."""
    return await _note(request, name, session, TO_CALL_BACK, "to call back again")


async def _note(request: Request, name: str, session: ConsoleSession, kind: str, event: str) -> Response:
    """Write who did something about a missed call, and when."""
    console = console_of(request)
    now = datetime.now(UTC)
    async with console.records() as records:
        found = await records.calls_like(name, 1)
    if not found or found[0].session.id != name:
        raise HTTPException(404, "There is no such call.")
    call = found[0].session
    note = WebhookRow(
        token_hex(16), kind, call.id, -1, -1, "", call.leg, call.conversation, "POST", session.by.encode(),
        milliseconds(now),
    )  # fmt: skip
    await (await console.opened_store()).record(note)
    flows = (await console.read_project()).project.flows
    await _recent_calls(console, flows, now, most_s=0)
    audit(request, event, call=call.id)
    return Response(status_code=204, headers={"hx-trigger": "messages"})
