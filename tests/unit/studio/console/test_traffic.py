"""The picture of a flow with the counts of calls that the webhook server answered."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ncco_server.settings import Settings
from ncco_server.web import create_app
from ncco_studio.console.app import create_console
from tests.support.webhooks import callback, facts, keys, running_app
from tests.unit.studio.console.conftest import logged_in, settings_for

SHOP = """\
flow: shop
default: true
start: hello
steps:
  hello: {do: [{talk: "Hello."}], goto: menu}
  menu:
    do: [{talk: "For bicycles, press 1. For lamps, press 2. To hear this again, press 3. For a person, press 4."}]
    choices:
      bicycles: {dtmf: 1, goto: bicycles}
      lamps: {dtmf: 2, goto: lamps}
      again: {dtmf: 3, goto: hello}
      person: {dtmf: 4, goto: person}
    retry: {tries: 2, noinput: ["Sorry?"], nomatch: ["Sorry?"], then: bye}
  bicycles: {do: [{talk: "We sell bicycles."}], goto: bye}
  lamps: {run: rating, on: {good: bye, bad: bicycles}}
  person: {do: [{connect: "447700900333"}], on: {completed: end, otherwise: bye}}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""
RATING = """\
flow: rating
outcomes: [good, bad]
start: rate
steps:
  rate:
    do: [{talk: "If you like lamps, press 1, else press 2."}]
    choices: {good: {dtmf: 1, goto: {return: good}}, bad: {dtmf: 2, goto: {return: bad}}}
    retry: {tries: 1, then: {return: bad}}
"""
WAYS = {
    ("menu", "1"): ["menu → bicycles", "bicycles → bye", "bye → end"],
    ("menu", "2"): ["menu → lamps", "lamps → rating", "run rating → rate"],
    ("menu", "3"): ["menu → hello", "hello → menu"],
    ("menu", "4"): ["menu → person"],
    ("rate", "1"): ["rate → return good", "lamps → bye", "bye → end"],
    ("rate", "2"): ["rate → return bad", "lamps → bicycles", "bicycles → bye", "bye → end"],
}
"""Where a key leads from a step, by the arrows of the picture."""
NEXT = {("menu", "2"): "rate", ("menu", "3"): "menu", ("menu", "4"): "person"}
_EDGE = re.compile(r'<g class="edge \w+ w(\d)" [^>]*>\s*<title>([^<]*)</title>')
_SHAPE = re.compile(r'class="node .*?class="shape" ([^>]*)>', re.DOTALL)
_MARK = re.compile(r'class="node \w+ marked" data-flow="(\w+)" data-step="(\w+)".*?(\d+) hung up here', re.DOTALL)


class Line:
    """A webhook server and its console on one database."""

    def __init__(self, server: FastAPI, webhooks: httpx.AsyncClient, console: httpx.AsyncClient) -> None:
        self.server = server
        self.webhooks = webhooks
        self.console = console

    async def call(self, leg: str, pressed: Sequence[str]) -> list[dict[str, Any]]:
        """Call, press the keys in order (`""`: none in time), and hang up. Returns the last NCCO."""
        ncco = (await self.webhooks.post("/webhooks/answer", json=facts(leg))).json()
        for digits in pressed:
            ncco = (await self.webhooks.post(callback(ncco), json=facts(leg, **keys(digits)))).json()
        return list(ncco)

    async def hang_up(self, leg: str) -> None:
        """The caller's leg ends."""
        over = facts(leg, status="completed", direction="inbound", disconnected_by="user")
        await self.webhooks.post("/webhooks/event", json=over)

    async def report(self, ncco: list[dict[str, Any]], status: str) -> None:
        """Send an event of the dialled party."""
        fields = {"uuid": "other", "status": status, "direction": "outbound", "to": "447700900333"}
        await self.webhooks.post(callback(ncco, "connect"), json=fields)

    async def page(self, flow: str = "shop") -> str:
        """What the page of the flow fetches after it has loaded."""
        reply = await self.console.get(f"/flows/{flow}/painted")
        assert 200 == reply.status_code, reply.text
        return reply.text


def painted(page: str) -> dict[str, int]:
    """The arrows that calls took, with their number."""
    found: Counter[str] = Counter()
    for width, title in _EDGE.findall(page):
        arrow, _, said = title.partition(": ")
        if width != "0":
            found[arrow] += int(re.findall(r"(\d+)$", said)[0])
    return dict(found)


def settings(project: Path) -> Settings:
    return settings_for(project, database_url=f"sqlite:///{project}/calls.db", insecure=True)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    (tmp_path / "flows").mkdir()
    for name, text in (("shop", SHOP), ("rating", RATING)):
        (tmp_path / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")
    server = create_app(settings(tmp_path), dev=True)
    async with (
        running_app(server) as webhooks,
        await logged_in(create_console(settings(tmp_path), dev=True)) as console,
    ):
        yield Line(server, webhooks, console)


@pytest.mark.parametrize("seed", range(3))
async def test_counts_match_a_naive_count(line: Line, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same calls in each run
    ways, hung_up = Counter[str](), Counter[tuple[str, str]]()
    for number in range(25):
        at, keys = "menu", list[str]()
        taken = {"call to any other number → hello", "hello → menu"}
        while at in ("menu", "rate") and chance.random() < 0.8:
            keys.append(chance.choice(("1", "2", "3", "4") if at == "menu" else ("1", "2")))
            taken.update(WAYS[at, keys[-1]])
            at = NEXT.get((at, keys[-1]), "end")
        await line.call(f"leg-{number}", keys)
        await line.hang_up(f"leg-{number}")
        ways.update(taken)
        if at != "end":
            hung_up["rating" if at == "rate" else "shop", at] += 1

    page = await line.page()

    assert ways == painted(page)
    assert hung_up == {(flow, step): int(count) for flow, step, count in _MARK.findall(page)}
    assert "25 calls began here from" in page
    came = ways["run rating → rate"]
    assert f"{came} call{'s' if came != 1 else ''} came here from" in await line.page("rating")


async def test_a_call_that_reached_a_person_was_not_hung_up(line: Line) -> None:
    ncco = await line.call("talked", ["4"])
    for status in ("ringing", "answered", "completed"):
        await line.report(ncco, status)
    await line.hang_up("talked")
    await line.report(await line.call("impatient", ["4"]), "ringing")
    await line.hang_up("impatient")

    page = await line.page()

    assert 1 == painted(page)["person → end"]
    assert [("shop", "person", "1")] == _MARK.findall(page)
    assert "1 caller hung up before the end" in page


async def test_calls_of_an_older_revision_count_on_arrows_that_still_exist(line: Line, tmp_path: Path) -> None:
    await line.call("a", ["1"])
    await line.call("b", ["2", "1"])
    renamed = SHOP.replace("goto: bicycles", "goto: bikes").replace("bad: bicycles", "bad: bikes")
    (tmp_path / "flows" / "shop.yaml").write_text(renamed.replace("  bicycles: {do", "  bikes: {do"), encoding="utf-8")
    await line.server.state.webhooks.calls.library.reload()
    await line.call("c", ["1"])

    page = await line.page()

    found = painted(page)
    assert (3, 2, 1, 1) == (found["hello → menu"], found["menu → bikes"], found["bikes → bye"], found["lamps → bye"])


async def test_boxes_keep_their_places_when_calls_are_painted(line: Line) -> None:
    for number in range(12):
        await line.call(f"leg-{number}", ["4"] if number % 2 else [])
        await line.hang_up(f"leg-{number}")

    plain = (await line.console.get("/flows/shop")).text
    page = await line.page()

    assert {"menu → person", "hello → menu"} <= painted(page).keys()
    assert 2 == len(_MARK.findall(page))
    assert _SHAPE.findall(plain) == _SHAPE.findall(page) != []
