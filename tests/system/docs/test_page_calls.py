"""If you follow a how-to page on the browser's phone, you hear what the page's table says."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import yaml

from ncco_studio.console.app import create_console
from ncco_studio.editor.language import WAYS
from tests.support.cases import each_case
from tests.support.tracked import text_of
from tests.system.docs.blocks import blocks_of, is_followed, pages
from tests.system.docs.page_servers import told_by
from tests.unit.studio.console.conftest import OwnPlayer, logged_in, settings_for, with_worker_here
from tests.unit.studio.console.test_phone import Phone

HEAD = "| on the phone | the caller hears |\n|---|---|\n"
_ROWS = re.compile(re.escape(HEAD) + r"((?:\|.*\|\n)+)")
_ANSWER = re.compile(r"\*(\w+)\* (?:answers?|returns) `(\{.*?\})`")
_VARIABLE = re.compile(r"\*(\w+)\* is `([^`]+)`")
_WHEN = re.compile(r"\*When\* (\d{4}-\d\d-\d\d \d\d:\d\d)")
_SAID, _RUNG = re.compile('"(.*?)"'), re.compile(r"`([+\d ]+)` rings")
_STEPS: tuple[tuple[str, Any], ...] = (
    (r"press \*\*([\d*#]+)\*\*", lambda keys: {"press": keys}),
    (r"say \*(.+?)\*", lambda text: {"speak": text}),
    (r"\*\*(Silence)\*\*", lambda _: "silence"),
    (r"\*\*(Finish with #)\*\*", lambda _: {"record": {"seconds": 5, "key": "#"}}),
    (
        rf"\*\*({'|'.join(WAYS.values())})\*\*",
        lambda words: {"dial": next(key for key, value in WAYS.items() if value == words)},
    ),
)

TABLES = [(page, table) for page in pages() for table in _ROWS.finditer(text_of(page))]


async def act(phone: Phone, row: str, world: dict[str, Any], called: dict[str, str]) -> None:
    """Do what the first cell of a row says."""
    answers = {name: {"value": yaml.safe_load(value)} for name, value in _ANSWER.findall(row)}
    world["given"] = {**world.get("given", {}), **answers}
    if "**Call**" in row:
        when = _WHEN.search(row)
        at = datetime.fromisoformat(when[1]).replace(tzinfo=ZoneInfo("Europe/London")).isoformat() if when else None
        await phone.call(**called, made_at=at, world=world, env=dict(_VARIABLE.findall(row)))
    else:
        await phone.post(f"/phone/calls/{phone.id}/world", **world)
        (step,) = [as_step(found[1]) for pattern, as_step in _STEPS if (found := re.search(pattern, row))]
        await phone.do(step)
    await phone.skip()


async def called_text(page: str, start: int, client: httpx.AsyncClient) -> dict[str, str]:
    """The flow to call: the text above the page's table, or the file that the phone opens by default."""
    if is_followed(page):
        above = [block for block in blocks_of(page) if block.end <= start and block.language in ("yaml", "json")]
        return {"file": f"pasted.{above[-1].language}", "text": above[-1].code}
    shown = await client.get("/phone", headers={"Accept": "text/html"})
    return {"file": re.findall(r"option selected>(flows/[^<]+)<", shown.text)[0]}


@each_case(("page", "table"), TABLES, ids=[f"{page}:{table.start()}" for page, table in TABLES])
async def test_the_calls_of_the_page_are_heard_on_the_phone(page: str, table: re.Match[str]) -> None:
    told = told_by(page, table.start())
    names = {"dial_allow": "NCCO_DIAL_ALLOW", "python_flows": "NCCO_PYTHON_FLOWS"}
    given = {field: told.settings.get(name, "") for field, name in names.items()}
    settings = settings_for(told.folder, **given)
    app = with_worker_here(create_console(settings, dev=True))
    app.state.console.phone_calls.make_worker = OwnPlayer
    async with await logged_in(app) as client:
        await follow(Phone(client), await called_text(page, table.start(), client), table[1].splitlines())
    await app.state.console.close()


async def follow(phone: Phone, called: dict[str, str], rows: list[str]) -> None:
    world: dict[str, Any] = {}
    for row in rows:
        _, done, heard, _ = row.split("|")
        before = 0 if "**Call**" in done else len(phone.bubbles)
        await act(phone, done, world, called)
        new = phone.bubbles[before:]
        said, rung = _SAID.findall(heard), _RUNG.findall(heard)
        assert said or rung, f"nothing to hear: {row}"
        assert [] == [text for text in said if not any(text in each for each in new)], f"{row}\n{new}"
        assert [] == [number for number in rung if f"{number} rings" not in phone.shown], f"{row}\n{new}"


def test_every_example_of_incoming_calls_on_a_page_is_called() -> None:
    shown = {
        (page, example)
        for page in pages()
        if page.startswith("docs/how-to/") and "outbound:" not in text_of(page)
        for example in re.findall(r"<!-- from: examples/(\w+)/flows/", text_of(page))
    }
    called = {(page, told_by(page, table.start()).folder.name) for page, table in TABLES}

    elsewhere = {("agent", "agent"), ("connect", "acme"), ("flow-or-python", "frontdesk"), ("lookups", "bakery")}
    assert {(f"docs/how-to/{page}.md", example) for page, example in elsewhere} == shown - called
