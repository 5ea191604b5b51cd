"""Home: opening hours in words, calls to return; and the switch between the owner's and the developer's view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from ncco_server.flow.hours.calendar import ByHand, seconds
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_server.results import CHOSEN, ResultName
from ncco_server.service.overview import MOST_MISSED, MOST_RETURNED, Overview, Today
from ncco_server.store import EndOfCall, Store
from ncco_studio.console.app import create_console
from ncco_studio.console.calls import plain_state
from ncco_studio.console.home import next_time, open_now
from tests.support.cases import each_case
from tests.support.memory_store import MemoryStore
from tests.support.stored_rows import session_row, turn_row, webhook_row
from tests.unit.studio.console.conftest import (
    PASSWORDS,
    REPOSITORY,
    browser,
    csrf_token,
    log_in,
    logged_in,
    make_console,
    settings_for,
)

OWNER, DEVELOPER = "· Phone line</title>", "· NCCO console</title>"


@pytest.fixture
def production() -> FastAPI:
    """A console behind TLS, as in production."""
    settings = settings_for(REPOSITORY, console_url="https://console.example.com")
    return create_console(settings, dev=False)


async def choose(client: httpx.AsyncClient, view: str, **more: str) -> httpx.Response:
    return await client.post("/view", data={"view": view, **more})


async def test_development_begins_in_the_developers_view_and_the_switch_is_remembered(
    client: httpx.AsyncClient,
) -> None:
    assert DEVELOPER in (await client.get("/messages")).text
    chosen = await choose(client, "owner", next="/calls?q=1")

    assert (303, "/calls?q=1") == (chosen.status_code, chosen.headers["location"])
    assert OWNER in (await client.get("/messages")).text


async def test_logins_in_production_begin_in_the_owners_view(production: FastAPI) -> None:
    async with browser(production, "https://console.example.com") as client:
        await log_in(client, PASSWORDS["look"])
        page = (await client.get("/messages")).text
        await client.post("/view", data={"view": "developer", "csrf_token": await csrf_token(client)})

        assert OWNER in page
        assert DEVELOPER in (await client.get("/messages")).text


@pytest.mark.parametrize("view", ["", "admin"])
async def test_another_view_is_refused(client: httpx.AsyncClient, view: str) -> None:
    assert 422 == (await choose(client, view)).status_code


SALON = """\
flow: salon
default: true
hours:
  shop:
    timezone: Europe/London
    week: {mon-fri: ["09:00-12:00", "13:00-17:30"], sat: 22:00-02:00}
    holidays: {country: GB, subdivision: ENG}
    override: {2026-11-24: 10:00-11:00}
start: hello
steps: {hello: {do: [{talk: "{{ 'Open' if hours.shop.open else 'Closed' }}."}], goto: end}}
"""


@each_case(
    ("at", "words", "why"),
    [
        ("2026-11-23 10:00", "Open now until 12:00", ""),
        ("2026-11-23 12:30", "Closed until 13:00", "Hours today: 09:00 to 12:00 and 13:00 to 17:30."),
        ("2026-11-22 19:00", "Closed until Monday 09:00", "You are closed on Sundays."),
        ("2026-11-28 23:00", "Open now until Sunday 02:00", ""),
        ("2026-11-24 12:00", "Closed until Wednesday 09:00", "Today has special hours."),
        ("2026-12-25 10:00", "Closed until Tuesday 09:00", "Today is Christmas Day."),
    ],
)
def test_opening_hours_are_a_sentence_with_the_reason(at: str, words: str, why: str) -> None:
    flows = load({"flows/salon.yaml": SALON}).flows.values()
    now = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("Europe/London"))

    (shown,) = open_now(flows, now)
    assert (words.startswith("Open"), words, why) == (shown["is_open"], shown["words"], shown["why"])


@each_case(
    ("now", "until", "end"),
    [
        ("2026-11-23T10:00:00+00:00", "12:00", "2026-11-23T12:00:00+00:00"),
        ("2026-11-23T12:00:00+00:00", "12:00", "2026-11-24T12:00:00+00:00"),
        ("2026-03-28T23:00:00+00:00", "01:30", "2026-03-29T01:30:00+00:00"),  # no clock shows 01:30: it is 02:30
        ("2026-10-24T23:00:00+00:00", "01:30", "2026-10-25T00:30:00+00:00"),
        ("2026-10-25T00:45:00+00:00", "01:30", "2026-10-25T01:30:00+00:00"),
    ],
)
def test_hours_are_changed_until_the_clock_next_shows_the_time(now: str, until: str, end: str) -> None:
    assert seconds(datetime.fromisoformat(end)) == next_time(
        until, datetime.fromisoformat(now), ZoneInfo("Europe/London")
    )


@each_case(
    ("decided", "words", "why", "coming"),
    [
        ((False, "10:00", "11:00", ""), "Closed until 11:00", "Closed by hand.", []),
        ((False, "10:00", "11:00", "a fair"), "Closed until 11:00", "Closed by ada: a fair.", []),
        ((True, "10:00", "12:30", ""), "Open now until 12:30", "Opened by hand.", []),
        ((False, "14:00", "15:00", ""), "Open now until 12:00", "", ["Closed from Mon 23 November 14:00 to 15:00"]),
        ((False, "14:00", "09:10", ""), "Open now until 12:00", "",
         ["Closed from Mon 23 November 14:00 to Tuesday 09:10"]),
    ],
)  # fmt: skip
def test_hours_by_hand_say_who_and_why(
    decided: tuple[bool, str, str, str], words: str, why: str, coming: list[str]
) -> None:
    flows = load({"flows/salon.yaml": SALON}).flows.values()
    is_open, start, end, reason = decided
    now, first, last = (datetime.fromisoformat(f"2026-11-23 {at}+00:00") for at in ("10:30", start, end))
    last += timedelta(days=last < first)
    each = ByHand(is_open, seconds(first), seconds(last), reason, "ada" if reason else "change")
    (shown,) = open_now(flows, now, {("flows/salon.yaml", "shop"): (each,)})
    assert (words, why, coming) == (shown["words"], shown["why"], [told for _, told in shown["coming"]])
    assert (True, "salon") == (shown["is_asked"], shown["flow"] and shown["flow"].name)
    assert "Tue 24 November: 10:00 to 11:00" == shown["next_day"]


def test_hours_by_hand_are_chosen_by_the_clock_of_their_own_place() -> None:
    abroad = (
        SALON.replace("salon", "branch").replace("Europe/London", "Pacific/Auckland").replace("default: true\n", "")
    )
    flows = load({"flows/salon.yaml": SALON, "flows/branch.yaml": f"numbers: ['6491234567']\n{abroad}"}).flows
    shown = open_now(flows.values(), datetime(2026, 11, 23, 12, 3, tzinfo=UTC))

    chosen = {(each["soon"], str(each["tomorrow"])) for each in shown}
    assert {("13:05", "2026-11-24"), ("02:05", "2026-11-25")} == chosen


@each_case(("at", "late"), [("23T10:03", "11:05"), ("23T12:03", "14:00"), ("24T11:30", "10:00"), ("27T18:00", "")])
def test_the_line_stays_closed_for_an_hour_after_it_would_open(at: str, late: str) -> None:
    flows = load({"flows/salon.yaml": SALON}).flows.values()
    (shown,) = open_now(flows, datetime.fromisoformat(f"2026-11-{at}Z"))
    assert late == shown["late"]


NOW = datetime(2026, 11, 22, 19, 30, tzinfo=UTC)


async def add_call(store: Store, caller: str, ago: timedelta, result: ResultName, rang: str = "") -> None:
    """Store a call that is over."""
    at = round((NOW - ago).timestamp() * 1000)
    id_ = f"call-{ago}"
    heard = {"served": CHOSEN, "missed": 0, "person": 0}[result]
    turn = turn_row(id_, 1, heard=heard, rang=rang or ("salon.book" if result == "person" else ""))
    await store.open_call(session_row(id_, flow="salon", created_at=at), turn, webhook_row(id_, received_at=at))
    if result == "person":
        await store.record(webhook_row(id_, 1, 0, "answered", kind="event-answered", received_at=at))
    end = EndOfCall(id_, 1, "inbound", caller, "442079460000", step="salon.menu")
    await store.end(id_, [end], webhook_row(id_, kind="event-completed", received_at=at))


async def recent(store: Store) -> Today:
    return await Overview(store).today(Project({}, (), {}), NOW)


async def test_a_caller_who_got_through_later_is_not_listed_for_a_call_back() -> None:
    hours = timedelta(hours=1)
    async with MemoryStore() as store:
        await add_call(store, "447700900001", 4 * 24 * hours, "missed")  # too long ago
        await add_call(store, "447700900002", 30 * hours, "missed")
        await add_call(store, "447700900003", 9 * hours, "missed")
        await add_call(store, "447700900002", 8 * hours, "person")
        await add_call(store, "447700900003", 7 * hours, "missed", rang="salon.book")
        await add_call(store, "", 6 * hours, "missed")
        await add_call(store, "266696687", 5.5 * hours, "missed")  # stored by an older version
        await add_call(store, "anna", 5 * hours, "missed")
        await add_call(store, "447700900004", 4 * hours, "served")
        found = await recent(store)

    assert [("anna", 1, "hung up in the greeting"), ("447700900003", 2, "hung up while ringing")] == [
        (call.caller, times, plain_state(call, {})) for call, times in found.callers.missed
    ]
    assert 2 == found.callers.withheld
    assert {"missed": 5, "person": 1, "served": 1} == found.today


async def test_only_the_latest_callers_are_listed_and_all_are_counted() -> None:
    async with MemoryStore() as store:
        for number in range(40):
            await add_call(store, f"4477009000{number:02}", timedelta(minutes=number + 1), "missed")
            if number >= 15:
                await store.results.mark_returned(f"call-{timedelta(minutes=number + 1)}", number, "anna")
        found = await recent(store)

    callers = found.callers
    assert (MOST_MISSED, 15 - MOST_MISSED) == (len(callers.missed), callers.more)
    assert (MOST_RETURNED, 25 - MOST_RETURNED) == (len(callers.returned), callers.returned_more)
    assert ("447700900000", "447700900015") == (callers.missed[0][0].caller, callers.returned[0].caller)


async def test_today_is_compared_with_the_same_day_of_last_week_at_this_time() -> None:
    week = timedelta(7)
    async with MemoryStore() as store:
        for ago in (
            week + timedelta(hours=30),  # the day before
            week + timedelta(hours=1),
            week - timedelta(hours=1),  # later that day
            timedelta(hours=1),
        ):
            await add_call(store, "447700900001", ago, "person")
        found = await recent(store)

    assert (1, 1) == (found.today.total(), found.before)


@each_case("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])  # on one of them it is another day than in UTC
async def test_days_are_those_of_the_line(tmp_path: Path, zone: str) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "salon.yaml").write_text(SALON.replace("Europe/London", zone), encoding="utf-8")
    async with await logged_in(make_console(tmp_path, database_url=f"sqlite:///{tmp_path}/calls.db")) as client:
        today = datetime.now(ZoneInfo(zone))
        page = (await client.get("/home")).text

    assert f"Everybody who called since {today - timedelta(3):%A} got through" in page
    assert f"none last {today:%A} either" in page


async def test_home_without_a_database_says_why_it_shows_no_calls(client: httpx.AsyncClient) -> None:
    page = (await client.get("/home")).text

    assert "Calls are not kept" in page
