"""Words that owners understand: ways out of steps, numbers of matches, and codes with an explanation."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from ncco_studio.console.pages import program_of
from tests.unit.studio.console.conftest import logged_in, make_console, with_worker_here
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
    retry: {then: ring}
  ring:
    do: [{connect: "447700900111"}]
    on: {completed: end, busy: holiday, otherwise: end}
  holiday: {do: [{talk: "We are closed."}], goto: end}
"""
OWNERS = {"shop open", "on a holiday", "otherwise", "silence, another answer, after 3 tries", "is busy"}
AUTHORS = {
    "if hours.shop.open", 'if hours.shop.reason == "holiday"', 'if hours.shop.holiday != ""', "else",
    "noinput, nomatch, after 3 tries", "busy",
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


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two programs; a shell finds the one in `bin`."""
    for folder in ("bin", "my project"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ncco").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_program_is_named_as_a_shell_starts_it(scripts: Path) -> None:
    names = [str(scripts / "bin/ncco"), "bin/ncco", "my project/ncco", "elsewhere/ncco", "/usr/bin/pytest"]
    assert ["ncco", "ncco", "'my project/ncco'", "elsewhere/ncco", "ncco"] == [program_of(name) for name in names]
