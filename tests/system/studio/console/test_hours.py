"""Hours decided by hand: closed at once, for a day, and open again, on each host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from tests.support.fork_server import NCCO, run
from tests.support.postgres_stores import database_without_tables
from tests.support.server import Server, running
from tests.support.webhooks import facts, send
from tests.system.studio.console.browser import NARROW, Watch, check_page, new_window, open_console
from tests.system.studio.console.server import link_of
from tests.system.studio.console.test_presses import slow

FILES: Final[Mapping[str, str]] = {
    "flows/shared.yaml": """\
shared: true
hours: {salon: {timezone: Europe/London, week: {mon-sun: 00:00-24:00}}}
""",
    "flows/main.yaml": """\
flow: main
default: true
numbers: ['442079460001']
start: which
steps:
  which:
    branch:
      - if: hours.salon.open
        goto: open
      - else: closed
  open: {do: [{talk: We are open.}], goto: end}
  closed:
    do: [{talk: "We are closed{% if hours.salon.holiday %} for {{ hours.salon.holiday }}{% endif %}."}]
    goto: end
""",
}
NUMBERS = count()


def heard(server: Server, leg: str = "") -> str:
    call = facts(leg or f"aaaaaaaa-{next(NUMBERS)}", to="442079460001")
    return str(send(server.url, "/webhooks/answer", **call)[0]["text"])


@pytest.fixture
def database() -> str:
    return database_without_tables()


@pytest.fixture
def hosts(database: str, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two servers with one database; the first one has the console."""
    settings = {"NCCO_DATABASE_URL": database, "NCCO_KEY": "k" * 32}
    console = {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "0"}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with (
        running(tmp_path / "one", FILES, {**settings, **console}, "--dev") as first,
        running(tmp_path / "two", FILES, settings, "--dev") as second,
    ):
        yield first, second


def test_closed_for_an_hour_open_again_and_closed_for_a_day(
    browser: Browser, hosts: tuple[Server, Server], database: str, tmp_path: Path
) -> None:
    first, second = hosts
    with new_window(browser, **open_console(browser, link_of(first))) as context:
        watch = Watch(context)
        page = context.new_page()
        page.set_viewport_size({"width": NARROW, "height": 664})
        page.goto("/home")
        opening = page.get_by_role("region", name="Opening hours")
        expect(opening).to_contain_text("Always open")
        assert ["We are open."] * 2 == [heard(first), heard(second)]

        form = page.get_by_role("dialog", name="Close now")
        with slow(page, "**/hours/heard"):
            opening.get_by_role("button", name="Close now").click()
            form.get_by_label("Until").fill("23:59")
            form.get_by_label("Reason").fill("a staff meeting")
            form.get_by_label("Reason").blur()
        box = form.bounding_box()
        assert box and 1 >= abs(box["y"] - (664 - box["height"]) / 2), "it is in the middle"
        expect(form).to_contain_text("Callers will hear: “We are closed for a staff meeting.”")
        check_page(page)
        form.get_by_role("button", name="Close").click()
        expect(opening).to_contain_text("Closed until")
        expect(opening).to_contain_text("Closed by hand: a staff meeting.")
        check_page(page)
        assert ["We are closed for a staff meeting."] * 2 == [heard(first), heard(second, "asked-for")]
        told = _ncco(tmp_path / "one", database, "calls", "asked-for", "--format", "text")
        assert "closed by hand until" in told

        opening.get_by_role("link", name="Hear it").click()
        page.wait_for_url("**/phone?*")
        expect(page.get_by_text("We are closed for a staff meeting.")).to_be_visible()

        page.goto("/home")
        opening.get_by_role("button", name="Open again").click()
        expect(opening).to_contain_text("Always open")
        assert ["We are open."] * 2 == [heard(first), heard(second)]

        opening.get_by_role("button", name="Close for a day").click()
        form = page.get_by_role("dialog", name="Close for a day")
        expect(form).to_contain_text(re.compile("On [A-Z].*, callers will hear: “We are closed.”"))
        form.get_by_role("button", name="Close").click()
        expect(opening).to_contain_text("Closed on")
        assert "We are open." == heard(first)
        opening.get_by_role("button", name="Cancel").click()
        expect(opening).not_to_contain_text("Closed on")

        opening.get_by_role("link", name="Hours and holidays").click()
        page.get_by_text("What callers hear on each day").click()
        expect(page.get_by_text("Sunday at 12:00: “We are open.”")).to_be_visible()
        assert [] == watch.unexpected()


def _ncco(folder: Path, database: str, *words: str) -> str:
    env = {"PATH": os.environ["PATH"], "NCCO_DATABASE_URL": database}
    done = run([NCCO, *words], cwd=folder, env=env, capture_output=True, text=True)
    assert 0 == done.returncode
    return str(done.stdout)
