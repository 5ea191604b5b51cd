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
from ncco_server.settings import Settings
from ncco_server.store import open_store
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
ZONE = ZoneInfo("America/New_York")
FIRST, LAST = datetime(2026, 10, 28, tzinfo=UTC), datetime(2026, 11, 6, tzinfo=UTC)  # the clocks change on 1 November
NOW = LAST + timedelta(minutes=5)
KINDS = ("person", "declined", "machine", "message", "served", "abandoned", "recorded", "direct", "unreported")


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
        return "direct" if self.kind == "direct" else "desk"

    @property
    def disposition(self) -> str:
        fixed = {
            "direct": "person",
            "recorded": "missed",
            "machine": "missed",
            "declined": "message",
            "abandoned": "missed",
        }
        unended = "open" if NOW - self.began < timedelta(hours=48) else "lost"
        return unended if self.kind == "unreported" else fixed.get(self.kind, self.kind)

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
        kind = dice.choice(KINDS)
        to = "442079460002" if kind == "direct" else dice.choice(("442079460000", "442079460001"))
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
        if plan.kind == "direct":
            await self.ring(plan, ncco)
        if key := {"person": "1", "declined": "1", "machine": "1", "message": "2", "served": "3"}.get(plan.kind):
            recorded.append(ncco)
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
        if plan.kind == "declined":
            return await self.post(plan, url, party | {"status": "busy"})
        await self.post(plan, url, party | {"status": "answered"}, plan.pause_s)
        if plan.kind == "machine":
            await self.post(plan, url, {"status": "machine", "call_uuid": f"{plan.leg}-b"})
        return await self.post(plan, url, party | {"status": "completed"})


def counted_by_hand(played: list[Plan], first: date, last: date, by: str, name: str) -> dict[str, Any]:
    days = [plan for plan in played if first <= plan.began.astimezone(ZONE).date() <= last]
    mine = [plan for plan in days if name == {"all": "", "flow": plan.flow, "number": plan.to}[by]]
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
    url = f"sqlite:///{home}/calls.db" if request.param == "sqlite" else empty_database()
    return settings_for(home, database_url=url, insecure=True, retention_days=0, key="k" * 40)


@pytest.fixture(scope="module")
def played(settings: Settings) -> list[Plan]:
    """Calls that a server has handled; tests only read them."""
    made, line = plans(7, 100), Line(settings)

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
    assert ("By flow", "Desk", str(expected["minutes"])) in {
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

    shown = await run("--from", "2026-10-28", "--to", "2026-11-02")
    document = json.loads(await run("--from", "2026-10-28", "--to", "2026-11-02", "--format", "json"))

    all_, *others = document["rows"]
    assert counted_by_hand(played, date(2026, 10, 28), date(2026, 11, 2), "all", "") == all_
    assert {"desk", "direct"} <= {row["name"] for row in others}
    assert "from 2026-10-28 to 2026-11-02, America/New_York" in shown
    assert f"{all_['minutes']}" in shown
