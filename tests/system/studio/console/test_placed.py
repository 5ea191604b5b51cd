"""Calls are placed, watched and cancelled in a real browser whose phone rings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ncco_server.vonage.keys import new_private_key
from tests.support.fork_server import NCCO, run
from tests.support.server import plain_environment, running_server
from tests.support.waiting import happens
from tests.system.cli.projects import write_project
from tests.system.studio.console.browser import NARROW, Console, check_budget, check_page, open_console

REMINDER = """\
flow: reminder
default: true
params: {name: text, day: [today, tomorrow], visits: {type: int, default: 1}}
start: hello
outbound: {from: "442079460001", quiet: false, on: {answered: hello, otherwise: {send: not_reached}}}
hooks: {not_reached: {post: "http://127.0.0.1:9/hook", json: {status: "{{ event.status }}"}}}
steps:
  hello:
    do: [{talk: "Hello {{ name }}. See you {{ day }}."}]
    choices: {confirm: {dtmf: 1, goto: thanks}}
    retry: {then: thanks}
  thanks: {do: [{talk: Thank you.}], goto: end}
"""
ENV = {
    "NCCO_CONSOLE": "1",
    "NCCO_CONSOLE_PORT": "0",
    "NCCO_DIAL_ALLOW": "44",
    "NCCO_PLACE_PER_MINUTE": "60",
    "NCCO_PUBLIC_URL": "https://calls.example.com",
    "VONAGE_APPLICATION_ID": "78d335fa-323d-4114-9c3d-d6f0d48968cf",
    "VONAGE_PRIVATE_KEY": "real.key",
    "VONAGE_SIGNATURE_SECRET": "a signature secret of at least 32 characters",
}
"""With a real key and a public URL, which no call in development may use."""
ROWS = 1_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("line")


@pytest.fixture(scope="module")
def session(browser: Browser, folder: Path) -> Iterator[Console]:
    """An open session in the console of a server that places calls with its virtual Vonage."""
    write_project(folder, reminder=REMINDER)
    (folder / "real.key").write_text(new_private_key(), encoding="ascii")
    with running_server(folder, "--dev", cwd=folder, env=ENV) as server:
        assert happens(lambda: "?token=" in server.printed)
        (link,) = re.findall(r'http://\S+token=[^\s"]+', server.printed)
        yield open_console(browser, link)
        assert "nobody is called" in server.printed


def ncco(folder: Path, *words: str) -> None:
    """Run a command beside the running server."""
    environment = plain_environment(folder, **ENV)
    run([NCCO, *words], cwd=folder, env=environment, check=True, timeout=120, capture_output=True)


def fill(page: Page, number: str = "07700 900123") -> None:
    """Open the form for placing a call, and fill it in."""
    page.goto("/calls/placed")
    page.get_by_role("link", name="Place a call").click()
    page.get_by_label("Number to call").fill(number)
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Day").select_option("tomorrow")


def test_a_call_from_the_form_rings_and_its_row_follows_it(desk: Page) -> None:
    desk.goto("/calls/placed/new")
    check_budget(desk)
    fill(desk)
    check_page(desk)
    desk.get_by_role("button", name="Place the call").click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("Reminder for 07700 900123")

    expect(desk).to_have_title(re.compile("^Ringing · "))
    check_page(desk)
    desk.get_by_role("button", name="Answer").click()
    expect(desk.locator("#bubbles")).to_contain_text("Hello Ada. See you tomorrow.")
    expect(desk.get_by_role("button", name="Hold")).to_be_hidden()
    desk.keyboard.press("1")
    expect(desk.locator("#bubbles")).to_contain_text("Thank you.")
    expect(desk.locator("#call-panel")).to_contain_text("The call took")

    desk.goto("/calls/placed")
    row = desk.get_by_role("row", name="07700 900123").first
    expect(row).to_contain_text("answered")
    row.get_by_role("link").first.click()
    expect(desk.get_by_role("region", name="Attempts")).to_contain_text("answered")
    check_page(desk)
    desk.get_by_role("link", name="Show the call").click()
    desk.get_by_role("link", name="Who requested it").click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("Reminder for 07700 900123")


def test_a_thousand_placed_calls_are_a_small_page(desk: Page, folder: Path) -> None:
    people = folder / "people.csv"
    numbers = (f"44770090{index:05}" for index in range(ROWS))
    people.write_text("number,name,day\n" + "".join(f"{number},Ada,today\n" for number in numbers))
    ncco(folder, "place", "reminder", "--csv", str(people), "--batch", "of May", "--at", "2027-01-01T10:00+00:00")
    for view, width in (("Developer", 1280), ("Owner", NARROW)):
        desk.goto("/calls/placed")
        desk.get_by_role("button", name=view).click()
        expect(desk.get_by_role("button", name=view)).to_have_attribute("aria-pressed", "true")
        desk.set_viewport_size({"width": width, "height": 844})
        expect(desk.get_by_role("row", name="waits until").first).to_be_visible()
        check_budget(desk)
    check_page(desk)
    expect(desk.get_by_text("1,000 calls are waiting")).to_be_visible()
