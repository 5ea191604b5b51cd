"""The form for prompts, hours and numbers: what it changes in a file, and what it refuses."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.console.app import create_console
from app.console.services import Services
from tests.contract.console.conftest import logged_in, settings_for

FLOW = """\
# our line
flow: shop
numbers: ["442079460000"]   # the shop
start: menu
hours:
  office:
    timezone: Europe/London
    week: {mon-fri: 09:00-17:30}   # never on Sundays
steps:
  menu:
    branch:
      - if: hours.office.open
        goto: open
      - else: closed
  open:
    do:
      - talk: "For sales, hold on."   # soon recorded
      - connect: "447700900111"
    on: {completed: end, otherwise: closed}
  closed:
    do:
      - talk: >-
          We are closed.
          Please call again.
    goto: end
"""
FILE = "flows/shop.yaml"
PAGE = f"/change/{FILE}"


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    path = tmp_path / FILE
    path.write_text(FLOW, encoding="utf-8")
    return path


@pytest.fixture
async def owner(flow: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_console(settings_for(flow.parents[1]), Services(), dev=True)
    async with await logged_in(app) as known:
        yield known


def text_of(flow: Path) -> str:
    return flow.read_text(encoding="utf-8")


def write(flow: Path, text: str) -> None:
    flow.write_text(text, encoding="utf-8")


async def digest(owner: httpx.AsyncClient) -> str:
    return hidden((await owner.get(PAGE)).text, "digest")


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


async def review(owner: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await owner.post(PAGE, data={"digest": await digest(owner), **form})


async def save(owner: httpx.AsyncClient, reviewed: httpx.Response) -> httpx.Response:
    page = reviewed.text
    text = re.search(r'<textarea name="text" hidden>\n(.*?)</textarea>', page, re.DOTALL)
    assert text is not None
    form = {"file": FILE, "digest": hidden(page, "digest"), "text": html.unescape(text[1])}
    return await owner.post("/change-save", data=form)


async def test_form_shows_numbers_hours_and_prompts(owner: httpx.AsyncClient) -> None:
    assert f'href="{PAGE}"' in (await owner.get("/change")).text
    page = (await owner.get(PAGE)).text
    for value in ("442079460000", "09:00-17:30", "For sales, hold on.", "447700900111"):
        assert f">{value}<" in page or f'value="{value}"' in page
    assert "We are closed. Please call again." in page


async def test_change_is_reviewed_then_saved_and_nothing_else_changes(owner: httpx.AsyncClient, flow: Path) -> None:
    changes = {
        "/steps/open/do/0/talk": "For sales, hold the line.",
        "/steps/closed/do/0/talk": "We are closed today.",
        "/steps/open/do/1/connect": "+44 7700 900112",
        "/hours/office/week/mon-fri": "08:30-17:30",
        "key:/hours/office/override": "2030-12-24",
        "value:/hours/office/override": "09:00-12:00",
        "value:/numbers": "+44 20 7946 0001",
    }

    reviewed = await review(owner, **changes)
    assert FLOW == text_of(flow)
    assert "For sales, hold the line." in reviewed.text
    saved = await save(owner, reviewed)

    assert 303 == saved.status_code
    expected = (
        FLOW.replace("hold on.", "hold the line.")
        .replace("          We are closed.\n          Please call again.", "          We are closed today.")
        .replace("447700900111", "447700900112")
        .replace(
            "week: {mon-fri: 09:00-17:30}   # never on Sundays",
            "week: {mon-fri: 08:30-17:30}   # never on Sundays\n    override: {2030-12-24: 09:00-12:00}",
        )
        .replace('"442079460000"]', '"442079460000", "442079460001"]')
    )
    assert expected == text_of(flow)


async def test_saved_change_can_be_undone(owner: httpx.AsyncClient, flow: Path) -> None:
    await save(owner, await review(owner, **{"/steps/open/do/0/talk": "Hello."}))
    page = (await owner.get(PAGE)).text
    version = re.search(r'name="version" value="([^"]+)"', page)
    assert version is not None

    await save(owner, await review(owner, version=version[1]))

    assert FLOW == text_of(flow)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"/steps/open/do/1/connect": "07700 900112"}, "country code"),
        ({"/steps/open/do/0/talk": "  "}, "write something"),
        ({"key:/hours/office/override": "Christmas", "value:/hours/office/override": "closed"}, "is not a date"),
        ({"key:/hours/office/week": "sunday", "value:/hours/office/week": "closed"}, "is not a day"),
        ({"key:/steps": "x", "value:/steps": "y"}, "adds numbers, days and dates only"),
        ({}, "nothing was changed"),
    ],
)
async def test_form_says_what_it_cannot_take(
    owner: httpx.AsyncClient, flow: Path, changes: dict[str, str], says: str
) -> None:
    reply = await review(owner, **changes)

    assert 422 == reply.status_code
    assert says in reply.text
    assert FLOW == text_of(flow)


async def test_change_with_an_error_shows_it_and_is_not_saved(owner: httpx.AsyncClient, flow: Path) -> None:
    reviewed = await review(owner, **{"/hours/office/week/mon-fri": "9 to 5"})
    assert "Correct these first" in reviewed.text
    assert 'class="primary">Save' not in reviewed.text

    saved = await save(owner, reviewed)

    assert 422 == saved.status_code
    assert FLOW == text_of(flow)


async def test_file_that_changed_meanwhile_is_kept(owner: httpx.AsyncClient, flow: Path) -> None:
    reviewed = await review(owner, **{"/steps/open/do/0/talk": "Hello."})
    theirs = FLOW.replace("hold on", "wait")
    write(flow, theirs)

    saved = await save(owner, reviewed)

    assert 422 == saved.status_code
    assert "has changed on disk" in saved.text
    assert theirs == text_of(flow)


@pytest.mark.parametrize("file", ["flows/../secret.yaml", "flows/.env.yaml", "/etc/passwd", "templates", "flows/x.py"])
async def test_only_files_of_the_project_are_written(owner: httpx.AsyncClient, flow: Path, file: str) -> None:
    form: dict[str, Any] = {"file": file, "digest": "", "text": "flow: x"}

    reply = await owner.post("/change-save", data=form)

    assert 404 == reply.status_code
    assert [FILE] == [str(path.relative_to(flow.parents[1])) for path in flow.parents[1].rglob("*") if path.is_file()]


async def test_values_of_a_flow_are_never_markup(owner: httpx.AsyncClient, flow: Path) -> None:
    write(flow, FLOW.replace("For sales, hold on.", "</textarea><script>alert(1)</script>"))

    for reply in (await owner.get(PAGE), await review(owner, **{"/steps/closed/do/0/talk": "<script>alert(2)"})):
        assert "<script>alert" not in reply.text
        assert "&lt;script&gt;alert" in reply.text
