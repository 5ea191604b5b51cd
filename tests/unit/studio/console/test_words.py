"""Words that owners understand: ways out of steps, numbers of matches, and codes with an explanation."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from ncco_server.web import create_app
from ncco_studio.console.app import create_console
from tests.support.webhooks import facts, running_app
from tests.unit.studio.console.conftest import logged_in, make_console, settings_for, with_worker_here
from tests.unit.studio.console.test_flows import words, write

SHOP = """\
flow: shop
numbers: ["442079460000"]
start: ask
hours: {shop: {timezone: Europe/London, week: {mon-fri: 09:00-17:00}, holidays: {country: GB, subdivision: ENG}}}
steps:
  ask:
    branch:
      - {if: hours.shop.open, goto: menu}
      - {if: hours.shop.reason == "holiday", goto: holiday}
      - {if: hours.shop.holiday != "", goto: menu}
      - {if: not hours.shop.open and call.from == "442079460001", goto: holiday}
      - {else: holiday}
  menu:
    do: [{talk: "Press 1."}]
    choices: {ring: {dtmf: 1, goto: ring}}
    retry: {then: bot}
  bot:
    agent: {uri: "wss://bot.example.com/calls", limit: 10m}
    on: {done: end, failed: ring, too_long: ring}
  ring:
    do: [{connect: "447700900111"}]
    on: {completed: end, busy: holiday, otherwise: end}
  holiday: {do: [{talk: "We are closed."}], goto: end}
"""
OWNERS = {
    "shop open", "on a holiday", "otherwise", "silence, another answer, after 3 tries", "is busy",
    "cannot be reached, takes too long",
}  # fmt: skip
AUTHORS = {
    "if hours.shop.open", 'if hours.shop.reason == "holiday"', 'if hours.shop.holiday != ""', "else",
    "noinput, nomatch, after 3 tries", "busy", "failed, too_long",
}  # fmt: skip


@pytest.mark.parametrize(("view", "labels"), [("owner", OWNERS), ("developer", AUTHORS)], ids=["owner", "developer"])
async def test_a_picture_has_the_words_of_its_readers(tmp_path: Path, view: str, labels: set[str]) -> None:
    write(tmp_path, shop=SHOP)
    async with await logged_in(with_worker_here(make_console(tmp_path))) as client:
        client.cookies.set("ncco-view-8001", view)
        page = (await client.get("/flows/shop")).text
        phone = words((await client.post("/phone/picture", json={"file": "flows/shop.yaml", "text": SHOP})).text)
    shown = {html.unescape(label) for label in re.findall("<li>([^<]+) → ", page)}

    assert labels == shown & (OWNERS | AUTHORS)
    assert ("is busy" in phone) == (view == "owner")
    assert "if not hours.shop.open and call.from ==…" in shown


@pytest.mark.parametrize(("view", "title"), [("owner", "Hair salon"), ("developer", "hair_salon")])
async def test_a_flow_has_one_title_on_all_pages(tmp_path: Path, view: str, title: str) -> None:
    write(tmp_path, hair_salon=SHOP.replace("flow: shop", "flow: hair_salon"))
    async with await logged_in(with_worker_here(make_console(tmp_path))) as client:
        client.cookies.set("ncco-view-8001", view)
        picture = (await client.get("/flows/hair_salon")).text
        phone = (await client.get("/phone")).text

    assert f"<h1>{title}</h1>" in picture
    assert f"020 7946 0000 · {title}</option>" in phone


LISTS = (
    "/home",
    "/messages",
    "/calls",
    "/calls/aaaaaaaa-0000",
    "/calls/placed",
    "/calls/placed/new",
    "/report",
    "/tables",
)
FORMS = ("/change", "/change/flows/hair_salon.yaml", "/history")


async def test_owners_read_nothing_of_flows_steps_and_results(tmp_path: Path) -> None:
    write(tmp_path, hair_salon=SHOP.replace("flow: shop", "flow: hair_salon"))
    settings = settings_for(tmp_path, database_url=f"sqlite:///{tmp_path}/calls.db", insecure=True)
    async with running_app(create_app(settings, dev=True)) as webhooks:
        await webhooks.post("/webhooks/answer", json=facts("aaaaaaaa-0000"))
        ended = facts("aaaaaaaa-0000", status="completed", direction="inbound")
        await webhooks.post("/webhooks/event", json=ended)
        async with await logged_in(with_worker_here(create_console(settings, dev=True))) as client:
            client.cookies.set("ncco-view-8001", "owner")
            pages = {path: await client.get(path) for path in (*LISTS, *FORMS)}

    assert {200} == {reply.status_code for reply in pages.values()}
    shown = {path: words(reply.text.partition("<main")[2]) for path, reply in pages.items()}
    said = {path: re.findall(r"(?i)\S+ \b(?:flow|step|result)s?\b.*?\S+", text) for path, text in shown.items()}
    assert {} == {path: found for path, found in said.items() if found}
