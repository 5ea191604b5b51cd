"""The owner's first page: whether the line is open, today's calls, and who is waiting to be called back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request, Response
from pydantic import BaseModel, Field, Json

from ncco_server.errors import StoreError
from ncco_server.flow.hours.calendar import ByHand, Calendar, seconds, special_days
from ncco_server.flow.model import Flow
from ncco_server.service.hand_hours import LONGEST, LONGEST_REASON, HandHours, decide, hand_hours, undecide
from ncco_server.service.overview import MISSED_DAYS, Today
from ncco_server.service.phone_numbers import readable
from ncco_server.store import milliseconds
from ncco_studio.console.access import CanChange, CanLook
from ncco_studio.console.calls import at_step, plain_state
from ncco_studio.console.change.fields import group_title
from ncco_studio.console.change.heard import form_of, heard_by_hand
from ncco_studio.console.change.notation import day_in_words, spans_in_words
from ncco_studio.console.health import problems_of
from ncco_studio.console.history import Change, UndoRequest, check_undo, record
from ncco_studio.console.messages import inbox_values
from ncco_studio.console.pages import render
from ncco_studio.console.polled import PolledRoute
from ncco_studio.console.report import texts_of
from ncco_studio.console.state import TheConsole, console_of
from ncco_studio.console.stored_rows import played_world
from ncco_studio.editor.project import ReadProject


class TimedRoute(PolledRoute):
    """A polled route whose page also changes with the time, once a minute at most."""

    def moment(self) -> str:
        return f"{datetime.now(UTC):-%d%H%M}"


router = APIRouter(route_class=TimedRoute)

FEW_MESSAGES: Final = 3
WEEK: Final = timedelta(7)
NEAR: Final = timedelta(60)
"""Special days within these days are shown."""
_LONGEST_S: Final = 25 * 60 * 60
"""Hours are changed by hand for a day at most; the one on which clocks are put back has 25 hours."""
NEVER: Final = ByHand(is_open=False, start=0, end=0)


def open_now(flows: Iterable[Flow], now: datetime, by_hand: HandHours = MappingProxyType({})) -> list[dict[str, Any]]:
    """The card of each calendar.

    Closing by hand has an effect if a call asks for its hours (`is_asked`). Callers hear them in `flow`, which is None
    if no call begins in such a flow.
    """
    flows = list(flows)
    calendars = {
        (name, calendar.zone.key, calendar.week, tuple(calendar.override.items())): calendar
        for flow in flows
        for name, calendar in flow.calendars.items()
    }.values()
    found = []
    for calendar in calendars:
        asking = [each for each in flows if calendar.key in each.asks_hours]
        decided = calendar.with_hand(by_hand.get(calendar.key, ()))
        names = {
            "title": f"{group_title(calendar.name)}: " if len(calendars) > 1 else "",
            "is_asked": bool(asking),
            "flow": next((each for each in asking if each.is_startable), None),
        }
        found.append(names | _card(decided, now))
    return found


def _card(calendar: Calendar, now: datetime) -> dict[str, Any]:
    """Opening hours at one point in time, in words.

    `soon` is the time there in an hour, at the next five minutes; `late` is `soon`, or an hour after it opens, and ""
    if it stays closed for a day anyway.
    """
    hours = calendar.at(now)
    local = now.astimezone(calendar.zone)
    today = local.date()
    opens = local if hours.open else hours.next_open
    soon, late = (each + timedelta(hours=1, minutes=4 - (each.minute + 4) % 5) for each in (local, opens))
    by_hand = calendar.decided(now)
    name = hours.holiday
    if hours.open:
        until = _moment(hours.next_close, today) if hours["next_close"] else ""
        words = f"Open now until {until}" if until else "Always open"
        why = _by_whom("Opened", by_hand) if by_hand else ""
    else:
        words = f"Closed until {_moment(hours.next_open, today)}" if hours.reopens else "Closed"
        if by_hand:
            why = _by_whom("Closed", by_hand)
        elif hours.reason == "holiday":
            why = f"Today is {name}." if name else "Today is a holiday."
        elif hours.reason == "override":
            why = f"Special hours today: {name}." if name else "Today has special hours."
        else:
            spans = calendar.spans_on(today)
            why = f"You are closed on {today:%A}s." if not spans else f"Hours today: {spans_in_words(spans)}."
    later = sorted((each for each in calendar.by_hand if each.start > seconds(now)), key=lambda each: each.start)
    return {
        "key": json.dumps(calendar.key),
        "is_open": hours.open,
        "words": words,
        "why": why,
        "by_hand": by_hand,
        "usually_open": calendar.with_hand(()).is_open(now),
        "coming": [(each, _coming(calendar, each)) for each in later],
        "next_day": _next_day(calendar, today),
        "today": today,
        "tomorrow": today + timedelta(1),
        "last_day": today + LONGEST,
        "soon": f"{soon:%H:%M}",
        "late": f"{late:%H:%M}" if late - local < timedelta(1) else "",
        "form": form_of(calendar),
    }


def _by_whom(did: str, by_hand: ByHand) -> str:
    by = f" by {by_hand.by}" if by_hand.by not in ("", "change") else " by hand"
    return f"{did}{by}{f': {by_hand.reason}' if by_hand.reason else ''}."


def _coming(calendar: Calendar, each: ByHand) -> str:
    start, end = calendar.local_datetime(each.start), calendar.local_datetime(each.end)
    is_day = start.time() == end.time() == time() and end.date() - start.date() == timedelta(1)
    day = day_in_words(start.date())
    when = f"on {day}" if is_day else f"from {day} {start:%H:%M} to {_moment(end, start.date())}"
    return f"{'Open' if each.is_open else 'Closed'} {when}{f': {each.reason}' if each.reason else ''}"


def _next_day(calendar: Calendar, today: date) -> str:
    coming = (day for day in special_days(calendar) if today < day <= today + NEAR)
    day = min(coming, default=None)
    if day is None:
        return ""
    spans = calendar.spans_on(day)
    name = calendar.holiday_on(day)
    return f"{day_in_words(day)}{f', {name}' if name else ''}: {spans_in_words(spans)}"


def _moment(moment: datetime, today: date) -> str:
    """For example, `17:30`, `Monday 09:00`, `2 January 09:00`."""
    clock = f"{moment:%H:%M}"
    day = moment.date()
    if day == today:
        return clock
    return f"{moment:%A} {clock}" if day - today < WEEK else f"{day.day} {day:%B} {clock}"


@router.get("/home")
async def home(request: Request, console: TheConsole, _: CanLook) -> Response:
    project = (await console.read_project()).project
    now = datetime.now(project.zone_of())
    calls = None
    away = None
    inbox: dict[str, Any] = {}
    if not console.settings.has_memory_store:
        try:
            calls = await console.overview.today(project, now)
            inbox = await inbox_values(console, few=FEW_MESSAGES)
        except StoreError as error:
            away = error
    return render(
        request,
        "home.html",
        now=now,
        hours=open_now(project.flows.values(), now, await console.hand_hours(now)),
        lines=[(line, flow.name) for flow in project.flows.values() for line in flow.numbers],
        calls=calls,
        compared=_compared(calls, now) if calls else "",
        placed=calls.placed if calls else None,
        since=f"{now - timedelta(MISSED_DAYS):%A}",
        problems=await problems_of(console, await console.server.read(), now, away),
        plain_state=partial(plain_state, texts=texts_of(project)),
        at_step=at_step,
        **inbox,
    )


class HoursForm(BaseModel):
    """What somebody decides by hand. `hours` is the calendar's key; `again` and `undo` have what was decided."""

    hours: Annotated[str, Field(max_length=1_000)]
    what: Literal["close", "open", "day", "undo", "again"]
    until: Annotated[str, Field(max_length=5)] = ""
    day: Annotated[str, Field(max_length=10)] = ""
    decided: Json[ByHand] = NEVER
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""

    def calendar_in(self, read: ReadProject) -> Calendar:
        """Raises HTTPException."""
        known: Iterable[Calendar] = read.project.calendars.values()
        found = next((each for each in known if json.dumps(each.key) == self.hours), None)
        if found is None:
            raise HTTPException(404, "The line no longer has these opening hours.")
        return found

    def by_hand(self, now: datetime, zone: tzinfo, by: str) -> ByHand:
        """What is decided, unless it is `again` or `undo`. Raises HTTPException."""
        first, last = _decided_time(self.what, self.until, self.day, now, zone)
        return ByHand(self.what == "open", first, last, " ".join(self.reason.split()), by)


@router.post("/hours/heard")
async def hours_heard(
    request: Request, console: TheConsole, session: CanChange, form: Annotated[HoursForm, Form()]
) -> Response:
    """Show what callers will hear, before it is decided; nothing while the day or time is being written."""
    now = datetime.now(UTC)
    read = await console.read_project()
    calendar = form.calendar_in(read)
    try:
        decided = form.by_hand(now, calendar.zone, session.by)
    except HTTPException:
        return Response()
    played = await played_world(request)
    words = await asyncio.to_thread(heard_by_hand, read, calendar, decided, console.project.env, played)
    return render(request, "hours_heard.html", words=words, first=calendar.local_datetime(decided.start), now=now)


@router.post("/hours")
async def decide_hours(
    request: Request, console: TheConsole, session: CanChange, form: Annotated[HoursForm, Form()]
) -> Response:
    now = datetime.now(UTC)
    calendar = form.calendar_in(await console.read_project())
    rows = (await console.opened_store()).tables
    decided = form.decided
    if form.what == "undo":
        known = (await hand_hours(rows, now)).get(calendar.key, ())
        check_undo(is_possible=decided in known and await undecide(rows, calendar, decided, now, session.by))
        said = "Back to the usual hours"
    else:
        if form.what == "again":
            is_short = 0 < decided.end - decided.start <= _LONGEST_S
            is_valid = is_short and 0 <= decided.start <= seconds(now + LONGEST)  # as a form allows
            check_undo(is_possible=is_valid and seconds(now) < decided.end)
            decided = decided._replace(reason=decided.reason[:LONGEST_REASON], by=session.by)
        else:
            decided = form.by_hand(now, calendar.zone, session.by)
        await decide(rows, calendar, decided, now)
        said = _coming(calendar, decided)
    opposite = "again" if form.what == "undo" else "undo"
    undo = UndoRequest("/hours", {"hours": form.hours, "what": opposite, "decided": json.dumps(decided)})
    title = group_title(calendar.name)
    change = Change(f"hours by hand: {form.what}", f"{title}: {said[0].lower()}{said[1:]}.", "/home", undo)
    return await record(request, change, hours=calendar.name)


def _decided_time(what: str, until: str, day: str, now: datetime, zone: tzinfo) -> tuple[int, int]:
    """Raises HTTPException."""
    local = now.astimezone(zone)
    try:
        if what == "day":
            chosen = date.fromisoformat(day)
            if not local.date() <= chosen <= (local + LONGEST).date():
                raise HTTPException(422, "Choose a day from today on, at most a year ahead.")
            first, last = (datetime.combine(each, time(), zone) for each in (chosen, chosen + timedelta(1)))
            return max(seconds(first), seconds(now)), seconds(last)
        return seconds(now), next_time(until, now, zone)
    except ValueError:
        wrong = "Write the day as 2026-11-28." if what == "day" else "Write the time as 17:30."
        raise HTTPException(422, wrong) from None


def next_time(clock: str, now: datetime, zone: tzinfo) -> int:
    """When clocks show `17:30` next, in seconds since 1970. Raises ValueError.

    A time that is left out in spring counts from before the change: 01:30 is then 02:30.
    """
    if not re.fullmatch(r"\d\d:\d\d", clock, re.ASCII):
        raise ValueError(clock)
    first = now.astimezone(zone).date()
    coming = list[int]()
    for day in (first, first + timedelta(1), first + timedelta(2)):
        moment = datetime.combine(day, time.fromisoformat(clock), zone)
        earlier, later = seconds(moment), seconds(moment.replace(fold=1))
        coming += [earlier, max(earlier, later)]
    return min(each for each in coming if each > seconds(now))


def _compared(calls: Today, now: datetime) -> str:
    """Compare with the same day last week, up to the same time of day."""
    more = calls.today.total() - calls.before
    day = f"last {now:%A}"
    if not calls.before and not more:
        return f"none {day} either"
    return f"as many as {day}" if not more else f"{abs(more):,} {'more' if more > 0 else 'fewer'} than {day} by now"


@router.post("/calls/{name:path}/called-back")
async def called_back(request: Request, name: str, session: CanChange) -> Response:
    """Take the caller of a missed call off the list."""
    now = milliseconds(datetime.now(UTC))
    is_known = await (await console_of(request).opened_store()).results.mark_returned(name, now, session.by)
    undo = UndoRequest(f"/calls/{quote(name)}/to-call-back", {"at": str(now)})
    return await _noted(request, name, "called back", "was called back", undo, is_known=is_known)


@router.post("/calls/{name:path}/to-call-back")
async def to_call_back(request: Request, name: str, _: CanChange, at: Annotated[int, Form()] = 0) -> Response:
    """Put the caller of a missed call on the list again, who was called back at `at` (0: at any time)."""
    call = await console_of(request).overview.result(name, datetime.now(UTC))
    check_undo(is_possible=call is None or at in (0, call.returned_at))
    results = (await console_of(request).opened_store()).results
    is_known = await results.mark_to_return(name, milliseconds(datetime.now(UTC)))
    return await _noted(request, name, "to call back again", "is to be called back", is_known=is_known)


async def _noted(
    request: Request, name: str, event: str, said: str, undo: UndoRequest | None = None, *, is_known: bool
) -> Response:
    if not is_known:
        raise HTTPException(404, "There is no such call, or it is not over.")
    call = await console_of(request).overview.result(name, datetime.now(UTC))
    who = (call.name or readable(call.caller, call.to) if call else "") or "A caller"
    return await record(request, Change(event, f"{who} {said}.", f"/calls/{quote(name)}", undo), call=name)
