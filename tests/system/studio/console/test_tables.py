"""Rows of tables are added, changed, imported and removed in a real browser, and a caller is blocked beside a call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import loopback
from tests.system.cli.projects import write_project
from tests.system.cli.running import happens, running_server
from tests.system.studio.console.browser import Console, check_page, open_console

SHARED = """\
shared: true
tables:
  blocked: {key: {number: phone}, keep: 180d}
  customers:
    key: {number: phone}
    columns: {name: text, tier: [gold, standard], is_known: bool, until: datetime, pin: {type: text, sensitive: true}}
refuse: {table: blocked, run: sorry}
"""
LINE = """\
flow: line
numbers: ["442079460001"]
default: true
start: hello
steps: {hello: {do: [{talk: Hello.}], goto: end}}
"""
SORRY = LINE.replace("line", "sorry").replace("default", "entry").replace('numbers: ["442079460001"]\n', "")
ENV = {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "0"}


@pytest.fixture(scope="module")
def session(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """An open session in the console of a line that has been called once."""
    folder = tmp_path_factory.mktemp("line")
    write_project(folder, shared=SHARED, line=LINE, sorry=SORRY)
    with running_server(folder, "--dev", cwd=folder, env=ENV) as server:
        assert happens(lambda: "?token=" in server.printed)
        (link,) = re.findall(r'http://\S+token=[^\s"]+', server.printed)
        legs = {"uuid": "aaaaaaaa-0", "conversation_uuid": "CON-0", "from": "447700900999", "to": "442079460001"}
        loopback.post(f"http://{server.address}/webhooks/answer", json=legs).raise_for_status()
        yield open_console(browser, link)


def test_a_row_is_added_and_each_fault_is_at_its_field(desk: Page) -> None:
    desk.goto("/tables")
    check_page(desk)
    desk.get_by_role("link", name="Customers").click()
    expect(desk.get_by_role("link", name="Add a row")).to_be_visible()
    check_page(desk)
    desk.get_by_role("link", name="Add a row").click()
    expect(desk.get_by_label("Number")).to_be_visible()
    check_page(desk)
    desk.get_by_label("Number").fill("12")
    desk.get_by_label("Name").fill("Ada")
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_text("It is not a phone number.")).to_be_visible()
    check_page(desk)
    desk.get_by_label("Number").fill("+447700900123")
    desk.get_by_label("Tier").select_option("gold")
    desk.get_by_label("Until").fill("2026-07-05T18:30")
    desk.get_by_label("Pin").fill("83726451")
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    expect(desk.get_by_text("It has a value, which is never shown.")).to_be_visible()
    check_page(desk)
    expect(desk.get_by_label("Name")).to_have_value("Ada")


def test_rows_are_imported_found_and_removed(desk: Page, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("Number;Name\n07700 900123;Ada L.\n447700900124;Bob\n447700900125;Eve\n")
    desk.goto("/tables/customers/import")
    check_page(desk)
    desk.get_by_label("CSV file").set_input_files(file)
    desk.get_by_role("button", name="Import").click()
    expect(desk.get_by_role("status").filter(has_text="3 rows are written")).to_be_visible()

    desk.get_by_role("link", name="Show the rows").click()
    expect(desk.get_by_role("link", name="Add a row")).to_be_visible()
    check_page(desk)
    desk.get_by_label("Text in a row").press_sequentially("ada l")
    expect(desk.get_by_role("row")).to_have_count(2)
    desk.get_by_role("link", name="07700 900123").click()
    expect(desk.get_by_label("Number")).to_have_value("07700 900123")
    desk.get_by_role("button", name="Remove the row").click()
    expect(desk.get_by_role("status").filter(has_text="+44 7700 900123 is removed.")).to_be_visible()
    expect(desk.get_by_label("Text in a row")).to_have_value("ada l")


def test_a_caller_is_blocked_beside_a_call(desk: Page) -> None:
    desk.goto("/calls/aaaaaaaa-0")
    desk.get_by_role("button", name="Block this caller").click()
    expect(desk.get_by_text("blocked", exact=True)).to_be_visible()
    check_page(desk)
    desk.get_by_role("button", name="Unblock").click()
    expect(desk.get_by_role("button", name="Block this caller")).to_be_visible()
    desk.get_by_role("link", name="Add to Customers").click()
    expect(desk.get_by_label("Number")).to_have_value("07700 900999")
