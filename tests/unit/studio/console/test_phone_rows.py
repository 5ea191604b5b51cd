"""The phone's calls use the stored rows of tables and what was decided by hand, and change neither."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from ncco_server.store import RowChange, Store, open_store
from ncco_studio.console.app import create_console
from ncco_studio.console.change.notation import day_in_words
from tests.support.command import ncco
from tests.unit.studio.console.conftest import logged_in, settings_for
from tests.unit.studio.console.test_phone import Phone, in_this_process

SHARED = """\
shared: true
tables:
  customers: {key: {number: phone}, columns: {name: text, calls: int, pin: {type: text, sensitive: true}}}
  notices: {key: {id: text}, columns: {words: text}}
  blocked: {key: {number: phone}}
refuse: {table: blocked, run: sorry}
lookups:
  customer: {table: customers, number: "{{ call.person }}"}
  notice: {table: notices, where: words != "", first: true}
"""
DESK = """\
flow: desk
timezone: Europe/London
numbers: ["442079460002"]
start: which
hours: {desk: {timezone: Europe/London, week: {mon-sun: 09:00-17:00}}}
lookups: {notice: {table: notices, id: today}}
steps:
  which: {branch: [{if: hours.desk.open, goto: open}, {else: closed}]}
  open: {do: [{talk: We are open.}], goto: end}
  closed:
    lookup: notice
    do: [{talk: "We open {{ hours.desk.next_open | date | spoken }}. {{ notice.words }}"}]
    goto: end
"""
SORRY = "flow: sorry\nentry: true\nstart: bye\nsteps: {bye: {do: [{talk: We do not take your call.}], goto: end}}\n"
SHOP = """\
flow: shop
default: true
numbers: ["442079460001"]
start: welcome
steps:
  welcome:
    lookup: [customer, notice]
    save: {table: customers, number: "{{ call.person }}", increase: {calls: 1}}
    do: [{talk: "Good day{% if customer.name %}, {{ customer.name }}{% endif %}. {{ notice.words }}"}]
    choices: {calls: {dtmf: 1, goto: counted}}
    retry: {noinput: Press 1., nomatch: Press 1., then: end}
  counted:
    lookup: customer
    do: [{talk: "You have called {{ customer.calls }} times{% if customer.pin %}, and have a PIN{% endif %}."}]
    goto: end
"""
ADA = "447700900456"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "templates").mkdir()
    for name, text in (("shared", SHARED), ("sorry", SORRY), ("shop", SHOP), ("desk", DESK)):
        (tmp_path / f"flows/{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
async def store(project: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{project}/calls.db") as store:
        rows = [
            RowChange(f'customers["{ADA}"]', {"name": "Ann Smith", "calls": 7, "pin": "9431"}),
            RowChange('notices["today"]', {"words": "Mind the ice."}),
            RowChange('blocked["447700900999"]'),
        ]
        await store.tables.change(rows, 1, "an import")
        yield store


@pytest.fixture
def console(project: Path, store: Store) -> FastAPI:
    return in_this_process(
        create_console(settings_for(project, database_url=f"sqlite:///{project}/calls.db"), dev=True)
    )


async def test_a_call_reads_stored_rows_and_its_saves_change_nothing(
    console: FastAPI, store: Store, project: Path
) -> None:
    before = await store.tables.row(f'customers["{ADA}"]', 2)
    async with await logged_in(console) as client:
        phone = Phone(client)
        await phone.call("flows/shop.yaml", caller=ADA)
        assert "Good day, Ann Smith. Mind the ice." in phone.bubbles
        kept = await phone.post(f"/phone/calls/{phone.id}/keep")
        await phone.do({"press": "1"})
        await phone.skip()
        assert "You have called 8 times, and have a PIN." in phone.bubbles
        other = Phone(client)
        await other.call("flows/shop.yaml", caller="447700900999")
        assert "We do not take your call." in other.bubbles
        page = await client.get("/phone?file=flows/shop.yaml")
    assert "What the call saves changes nothing" in page.text
    assert before == await store.tables.row(f'customers["{ADA}"]', 2)

    assert 200 == kept.status_code, kept.text
    assert "9431" not in (project / "tests/scenarios/shop.yaml").read_text(encoding="utf-8")
    played = await asyncio.to_thread(ncco, "test", cwd=project)
    assert 0 == played.exit_code, played.output


@pytest.mark.parametrize("may_change", [True, False])
async def test_sensitive_columns_stay_away_from_viewers_and_unsaved_texts(
    console: FastAPI, *, may_change: bool
) -> None:
    async with await logged_in(console, may_change=may_change) as client:
        phone = Phone(client)
        text = SHOP.replace("Good day", "Hello") if may_change else None
        await phone.call("flows/shop.yaml", caller=ADA, text=text)
        await phone.do({"press": "1"})
        await phone.skip()
    assert "You have called 8 times." in phone.bubbles


def words_of(page: httpx.Response) -> str:
    return html.unescape(re.sub(r"<[^<>]*>", "", page.text))


async def test_a_call_and_the_days_of_the_form_know_what_was_closed_by_hand(console: FastAPI) -> None:
    today = datetime.now(ZoneInfo("Europe/London")).date()
    tomorrow, after = today + timedelta(1), today + timedelta(2)
    async with await logged_in(console) as client:
        hours = json.dumps(["flows/desk.yaml", "desk"])
        closed = await client.post("/hours", data={"hours": hours, "what": "day", "day": tomorrow.isoformat()})
        assert 303 == closed.status_code, closed.text
        phone = Phone(client)
        heard = []
        for day, clock in ((today, time(23)), (tomorrow, time(12)), (after, time(12))):
            made_at = datetime.combine(day, clock).isoformat()
            await phone.call("flows/desk.yaml", made_at=made_at)
            heard.append(phone.bubbles[-1])
        await phone.call("flows/desk.yaml", again=phone.id)
        page = words_of(await client.get("/change/flows/desk.yaml"))

    opens = f"We open {after:%B} {after.day}, {after.year}. Mind the ice."
    assert [opens, opens, "We are open."] == heard
    assert f"{day_in_words(tomorrow)} at 09:00: “{opens}”" in page
