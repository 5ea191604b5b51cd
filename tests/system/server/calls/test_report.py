"""`ncco report` and the console's report page, compared with a manual count of the calls."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from ncco_server.desk.call_report import count_calls, read_period
from ncco_server.desk.commands import main
from ncco_server.service.call_search import find_calls
from ncco_server.settings import Settings
from ncco_server.store import CallFilter, open_store
from ncco_server.web import create_app
from ncco_studio.console.app import create_console
from tests.support.postgres_stores import empty_database
from tests.support.webhooks import callback, keys
from tests.unit.studio.console.conftest import logged_in, settings_for

DESK = """\
flow: desk
numbers: ["442079460000", "442079460001"]
hours: {office: {timezone: America/New_York, week: {mon-fri: 09:00-17:30}}}
start: menu
steps:
  menu:
    do:
      - record: true
      - talk: "For sales, press 1. To leave a message, press 2. To hear when we are open, press 3."
    choices:
      sales: {dtmf: 1, goto: sales}
      message: {dtmf: 2, goto: message}
      open: {dtmf: 3, goto: open}
    retry: {then: end}
  sales:
    do: [{connect: "447700900111", timeout: 20, machineDetection: continue}]
    on: {machine: open, completed: end, otherwise: message}
  message:
    do:
      - talk: "Please speak after the tone."
      - record: {beepStart: true, endOnSilence: 5, timeOut: 60}
    goto: end
  open: {do: [{talk: "We are {{ 'open' if hours.office.open else 'closed' }}."}], goto: end}
"""
DIRECT = """\
flow: direct
numbers: ["442079460002"]
start: ring
steps:
  ring: {do: [{connect: "447700900222"}], goto: end}
"""
SHOP = """\
flow: shop
numbers: ["442079460003"]
hours: {shop: {timezone: America/New_York, week: {sun: 03:00-03:01}}}
start: ask
steps:
  ask:
    branch: [{if: hours.shop.open, goto: ring}, {else: closed}]
  ring: {do: [{connect: "447700900333"}], goto: end}
  closed:
    do:
      - talk: "We are closed. Please speak after the tone."
      - record: {beepStart: true, endOnSilence: 5, timeOut: 60}
    goto: end
"""
ZONE = ZoneInfo("America/New_York")
FIRST, LAST = datetime(2026, 10, 28, tzinfo=UTC), datetime(2026, 11, 6, tzinfo=UTC)  # the clocks change on 1 November
NOW = LAST + timedelta(minutes=5)
KINDS = ("person", "declined", "message", "served", "direct", "unreported")
REASONS = {
    **{"machine": "unanswered", "busy": "unanswered", "direct-busy": "unanswered"},
    **{"rang": "ringing", "cancelled": "ringing", "direct-rang": "ringing"},
    **{"closed": "closed", "speechless": "message", "silent": "menu", "wrong": "menu"},
    **{"abandoned": "greeting", "recorded": "greeting", "elsewhere": "unassigned"},
}
"""Why these kinds of calls were missed."""
FLOWS = {"direct": "direct", "direct-busy": "direct", "direct-rang": "direct", "closed": "shop", "elsewhere": ""}
"""The others call the desk."""
NUMBERS = {"direct": "442079460002", "shop": "442079460003", "": "442079460009"}
PRESSED = {
    **{"person": "1", "declined": "1", "machine": "1", "busy": "1", "rang": "1", "cancelled": "1"},
    **{"message": "2", "speechless": "2", "served": "3", "silent": "", "wrong": "9"},
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A call to make, and what somebody who watches it would write down."""

    leg: str
    kind: str
    to: str
    began: datetime
    pause_s: int

    @property
    def flow(self) -> str:
        return FLOWS.get(self.kind, "desk")

    @property
    def reason(self) -> str:
        return REASONS.get(self.kind, "")

    @property
    def disposition(self) -> str:
        fixed = {"direct": "person", "declined": "message"}
        unended = "open" if NOW - self.began < timedelta(hours=48) else "lost"
        return unended if self.kind == "unreported" else "missed" if self.reason else fixed.get(self.kind, self.kind)

    @property
    def until_person_s(self) -> int | None:
        return {"person": 2 * self.pause_s, "direct": self.pause_s}.get(self.kind)

    @property
    def seconds(self) -> int:
        return 0 if self.kind == "unreported" else 4 * self.pause_s


def plans(seed: int, calls: int) -> list[Plan]:
    """Random calls, sorted by when they begin."""
    dice = random.Random(seed)  # noqa: S311 - a test
    span_s = int((LAST - FIRST).total_seconds())
    begun = sorted(FIRST + timedelta(seconds=dice.randrange(span_s)) for _ in range(calls))
    made = []
    for number, began in enumerate(begun):
        kind = dice.choice((*KINDS, *REASONS))
        to = NUMBERS.get(FLOWS.get(kind, "desk")) or dice.choice(("442079460000", "442079460001"))
        made.append(Plan(f"leg-{number}", kind, to, began, dice.randint(1, 40)))
    return made


class Line:
    """Makes calls to a server and sets the server's clock."""

    def __init__(self, settings: Settings) -> None:
        self.now = FIRST
        self.app = create_app(settings, dev=True, clock=lambda: self.now)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://127.0.0.1:8000")

    async def post(self, plan: Plan, url: str, fields: dict[str, Any], pause_s: int = 0) -> list[dict[str, Any]]:
        self.now += timedelta(seconds=pause_s)
        names = {"uuid": plan.leg, "conversation_uuid": f"CON-{plan.leg}"}
        reply = await self.client.post(url, json=names | fields)
        assert reply.status_code in (200, 204), reply.text
        ncco: list[dict[str, Any]] = reply.json() if reply.content else []
        return ncco

    async def play(self, plan: Plan) -> None:
        self.now = plan.began
        ncco = await self.post(plan, "/webhooks/answer", {"to": plan.to, "from": "447700900123"})
        await self.post(plan, "/webhooks/event", {"status": "answered", "direction": "inbound"})
        recorded = [ncco] if plan.kind == "recorded" else []
        if plan.flow == "direct":
            await self.ring(plan, ncco)
        if plan.kind in PRESSED:
            recorded.append(ncco)
            key = PRESSED[plan.kind]
            ncco = await self.post(plan, callback(ncco), keys(key), plan.pause_s)
            if key == "1":
                ncco = await self.ring(plan, ncco)
        if plan.disposition == "message":
            recorded.append(ncco)
        for each in recorded:
            await self.post(
                plan, callback(each, "record"), {"recording_url": "https://api.nexmo.com/v1/files/1", "size": 1}
            )
        if plan.kind != "unreported":
            self.now = plan.began + timedelta(seconds=plan.seconds)
            await self.post(plan, "/webhooks/event", {"status": "completed", "duration": str(plan.seconds)})

    async def ring(self, plan: Plan, ncco: list[dict[str, Any]]) -> list[dict[str, Any]]:
        party = {"uuid": f"{plan.leg}-b", "direction": "outbound", "to": "447700900111"}
        url = callback(ncco, "connect")
        ends = {"declined": "busy", "busy": "busy", "direct-busy": "busy", "cancelled": "cancelled"}
        if plan.kind in ends:
            return await self.post(plan, url, party | {"status": ends[plan.kind]})
        if plan.reason == "ringing":
            return await self.post(plan, url, party | {"status": "ringing"})
        await self.post(plan, url, party | {"status": "answered"}, plan.pause_s)
        if plan.kind == "machine":
            await self.post(plan, url, {"status": "machine", "call_uuid": f"{plan.leg}-b"})
        return await self.post(plan, url, party | {"status": "completed"})


def counted_by_hand(played: list[Plan], first: date, last: date, by: str, name: str) -> dict[str, Any]:
    days = [plan for plan in played if first <= plan.began.astimezone(ZONE).date() <= last]
    groups = {"all": "", "flow": "flow", "number": "to", "missed": "reason"}
    mine = [plan for plan in days if name == (getattr(plan, groups[by]) if groups[by] else "")]
    waits = sorted(plan.until_person_s for plan in mine if plan.until_person_s is not None)
    kinds = [plan.disposition for plan in mine]
    names = ("person", "message", "own", "served", "missed", "open", "lost", "unknown")
    return {
        "by": by,
        "name": name,
        "calls": len(mine),
        "minutes": round(sum(plan.seconds for plan in mine) / 60, 1),
        **{each: kinds.count(each) for each in names},
        "person_median_s": waits[ceil(0.5 * len(waits)) - 1] if waits else None,
        "person_p90_s": waits[ceil(0.9 * len(waits)) - 1] if waits else None,
    }


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp(request.param)
    (home / "flows").mkdir()
    (home / "flows" / "desk.yaml").write_text(DESK, encoding="utf-8")
    (home / "flows" / "direct.yaml").write_text(DIRECT, encoding="utf-8")
    (home / "flows" / "shop.yaml").write_text(SHOP, encoding="utf-8")
    url = f"sqlite:///{home}/calls.db" if request.param == "sqlite" else empty_database()
    return settings_for(home, database_url=url, insecure=True, retention_days=0, key="k" * 40)


@pytest.fixture(scope="module")
def played(settings: Settings) -> list[Plan]:
    """Calls that a server has handled; tests only read them."""
    made, line = plans(7, 300), Line(settings)

    async def play() -> None:
        async with line.app.router.lifespan_context(line.app), line.client:
            for plan in made:
                await line.play(plan)

    asyncio.run(play())
    return made


async def test_report_of_any_days_equals_a_count_by_hand(settings: Settings, played: list[Plan]) -> None:
    dice = random.Random(11)  # noqa: S311 - a test
    seen = set()
    async with open_store(settings.database_url).records() as records:
        for _ in range(40):
            first = date(2026, 10, 26) + timedelta(dice.randrange(12))
            period = read_period(first, first + timedelta(dice.randint(0, 5)), ZONE, NOW)
            report = await count_calls(records, period, int(NOW.timestamp() * 1000))
            for row in report.rows:
                assert counted_by_hand(played, period.first, period.last, row["by"], row["name"]) == row
                seen |= {name for name, value in row.items() if value}
            for by in ("flow", "number"):
                assert report.rows[0]["calls"] == sum(row["calls"] for row in report.rows if row["by"] == by)

    assert {"person", "message", "served", "missed", "open", "lost", "person_p90_s"} <= seen


async def test_missed_calls_are_listed_under_the_reasons_that_the_report_counts(
    settings: Settings, played: list[Plan]
) -> None:
    dice = random.Random(13)  # noqa: S311 - a test
    now_ms = int(NOW.timestamp() * 1000)
    async with open_store(settings.database_url).records() as records:
        for flow in ("", "desk", "direct", "shop"):
            for _ in range(10):
                first = date(2026, 10, 26) + timedelta(dice.randrange(12))
                period = read_period(first, first + timedelta(dice.randint(0, 12)), ZONE, NOW)
                report = await count_calls(records, period, now_ms, flow)
                counted = {row["name"]: row["calls"] for row in report.rows if row["by"] == "missed"}
                for reason in {*REASONS.values()}:
                    since, until = period.milliseconds
                    wanted = CallFilter(flow=flow, since=since, until=until, reason=reason)
                    listed = {row.session.id for row, _ in (await find_calls(records, wanted, 500, now_ms)).calls}
                    days = [
                        plan for plan in played if period.first <= plan.began.astimezone(ZONE).date() <= period.last
                    ]
                    ours = [plan for plan in days if flow in ("", plan.flow)]
                    assert listed == {plan.leg for plan in ours if plan.reason == reason}
                    assert len(listed) == counted.get(reason, 0)
                assert sum(counted.values()) == report.rows[0]["missed"]


async def test_page_and_csv_show_the_same_numbers(settings: Settings, played: list[Plan]) -> None:
    days = "from=2026-10-28&to=2026-11-02&timezone=&flow=desk"
    app = create_console(settings, dev=True)
    async with await logged_in(app) as console:
        page = (await console.get(f"/report?{days}")).text
        owners = (await console.get(f"/report.csv?{days}")).content
        empty = (await console.get("/report?to=2020-01-01")).text
        longest = [await console.get(f"/report?from={day}&to=9999-12-30") for day in ("0001-01-01", "1990-01-01")]
        refused = await console.get("/report.csv?from=2026-11-03&to=2026-11-02")
    await app.state.console.store.close()

    expected = counted_by_hand(played, date(2026, 10, 28), date(2026, 11, 2), "flow", "desk")
    assert owners.startswith(b"\xef\xbb\xbfCounted,Name,Calls,Answered by a person,")
    titled = list(csv.DictReader(io.StringIO(owners.decode("utf-8-sig"))))
    assert ("By line", "Desk", str(expected["minutes"])) in {
        (each["Counted"], each["Name"], each["Minutes"]) for each in titled
    }
    assert f'data-label="Minutes">{expected["minutes"]}</td>' in page
    assert "No calls began on these days" in empty
    assert [200, 200] == [reply.status_code for reply in longest]
    assert 422 == refused.status_code
    assert "2026-11-03 is after 2026-11-02" in refused.text


async def test_results_stay_when_the_flows_are_gone(settings: Settings, played: list[Plan], tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    found = []
    for each in (settings, settings.model_copy(update={"flows": tmp_path / "flows"})):
        app = create_console(each, dev=True)
        async with await logged_in(app) as console:
            pages = ("/calls.csv", "/report.csv?from=2026-10-28&to=2026-11-02&timezone=America/New_York")
            files = [io.StringIO((await console.get(page)).content.decode("utf-8-sig")) for page in pages]
        calls, counts = [list(csv.DictReader(file)) for file in files]
        # times and names are shown as the flows say
        shown = [(row["Caller"], row["Length, seconds"]) for row in calls]
        found.append((shown, [{name: text for name, text in row.items() if name != "Name"} for row in counts]))
        await app.state.console.store.close()

    assert len(played) == len(found[0][0])
    assert found[0] == found[1]


async def test_command_prints_the_same_numbers(
    settings: Settings, played: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NCCO_DATABASE_URL", settings.database_url)
    monkeypatch.chdir(settings.flows.parent)

    async def run(*words: str) -> str:
        await asyncio.to_thread(main, ["report", *words], standalone_mode=False)
        return capsys.readouterr().out

    shown = await run("--from", "2026-10-28", "--to", "2026-11-02", "--format", "text")
    document = json.loads(await run("--from", "2026-10-28", "--to", "2026-11-02", "--format", "json"))

    all_, *others = document["rows"]
    assert counted_by_hand(played, date(2026, 10, 28), date(2026, 11, 2), "all", "") == all_
    assert {"desk", "direct"} <= {row["name"] for row in others}
    assert "from 2026-10-28 to 2026-11-02, America/New_York" in shown
    assert f"{all_['minutes']}" in shown
