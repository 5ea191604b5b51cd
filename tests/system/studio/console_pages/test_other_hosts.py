"""The console on PostgreSQL, and under foreign names that resolve to this machine."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from ncco_server.web import create_app
from ncco_studio.console.app import create_console
from tests.support.postgres_stores import empty_database
from tests.unit.studio.console.conftest import logged_in, settings_for

SHOP = """\
flow: shop
default: true
start: menu
steps:
  menu:
    do: [{talk: "For bicycles, press 1."}]
    choices: {bicycles: {dtmf: 1, goto: bicycles}}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
  bicycles:
    do: [{talk: "We sell bicycles."}]
    goto: end
"""


async def test_pages_and_sessions_work_on_postgresql(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/shop.yaml").write_text(SHOP, encoding="utf-8")
    settings = settings_for(tmp_path, database_url=empty_database(), insecure=True, key="k" * 40)
    app, console = create_app(settings, dev=True), create_console(settings, dev=True)
    webhooks = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")
    hostile = "<script>alert(1)</script>' OR 1=1 --"
    async with app.router.lifespan_context(app), webhooks, await logged_in(console) as known:
        for leg, caller in (("aaaaaaaa-1", "447700900111"), (hostile, hostile)):
            names = {"uuid": leg, "conversation_uuid": f"CON-{leg}"}
            fields = {"to": "442079460000", "from": caller, **names}
            asked = (await webhooks.post("/webhooks/answer", json=fields)).json()
            url = next(action["eventUrl"][0] for action in asked if action["action"] == "input")
            await webhooks.post(url, json={"dtmf": {"digits": "1", "timed_out": False}, **names})
        searches = ("", "?q=07700 900111", "?q=We sell bicycles", "?q=nobody says this", f"?q={hostile}", "?q=%00")
        found = [await known.get(f"/calls.json{search}") for search in searches]
        listed = [
            [call["id"] for call in each.json()["calls"]] if each.status_code == 200 else each.status_code
            for each in found
        ]
        page = await known.get("/calls/aaaaaaaa-1?replayed=true")
        attacked = await known.get(f"/calls/{hostile}")
        ended = await known.post("/logout")
        after = await known.get("/calls")
    await console.state.console.store.close()

    assert [[hostile, "aaaaaaaa-1"], ["aaaaaaaa-1"], [hostile, "aaaaaaaa-1"], []] == listed[:4]
    assert [hostile] == listed[4]
    assert isinstance(listed[5], list) or listed[5] < 500
    assert "We sell bicycles." in page.text
    assert re.search(r"Turn 2:\s+the same", page.text)
    assert (200, False) == (attacked.status_code, "<script>alert" in attacked.text)
    assert (303, 401) == (ended.status_code, after.status_code)
