"""The messages of callers in the browser."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from ncco_studio.commands.demo import tone
from tests.system.studio.console.browser import NARROW, Console, Watch, check_page, new_window
from tests.system.studio.console.inbox import Inbox

READ_FROM_LEFT: Final = """
each => {
  const edge = (at) => {
    const range = new Range();
    range.setStart(each.firstChild, at);
    range.setEnd(each.firstChild, at + 1);
    return range.getBoundingClientRect().left;
  };
  return edge(0) < edge(each.textContent.length - 1);
}
"""


@pytest.fixture
def inbox(project: Path) -> Inbox:
    return Inbox(project)


def test_a_message_opens_its_call_by_a_press_anywhere_but_on_its_buttons(page: Page, inbox: Inbox) -> None:
    inbox.put("447700900121", session="aaaaaaaa-2")
    page.goto("/messages")
    page.get_by_role("button", name="More for the message").click()
    expect(page.get_by_role("link", name="The call")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".message header").click(position={"x": 1, "y": 1})
    expect(page).to_have_url(re.compile("/calls/aaaaaaaa-2$"))


def test_numbers_are_read_from_left_to_right_and_long_addresses_fit(page: Page, inbox: Inbox) -> None:
    inbox.put("447700900137", caller_name="محمد الشريف")
    inbox.put(f"sip:{'long.' * 20}name@example.com", caller_name="Ann Smith")
    page.set_viewport_size({"width": NARROW, "height": 800})
    for path in ("/home", "/messages"):
        page.goto(path)
        number = page.locator(".message h2 small", has_text="07700")
        expect(number).to_be_visible()
        assert number.evaluate(READ_FROM_LEFT), path
        check_page(page)


def test_times_are_in_the_zone_of_the_line(browser: Browser, console: Console, inbox: Inbox) -> None:
    inbox.clear()
    noon = datetime.now(ZoneInfo("Europe/London")).replace(hour=12, minute=0, second=0)
    inbox.put("447700900123", created_at=round(noon.timestamp() * 1000))
    elsewhere: Console = {**console, "timezone_id": "Pacific/Kiritimati"}  # it is a day ahead
    with new_window(browser, **elsewhere) as context:
        page = context.new_page()
        page.clock.install(time=noon)
        page.goto("/messages")
        expect(page.locator(".message")).to_contain_text("Today 12:00, 0:34")
        page.goto("/home")
        expect(page.locator(".message")).to_contain_text("Today 12:00, 0:34")


def test_a_message_appears_plays_is_done_deleted_and_brought_back(page: Page, inbox: Inbox) -> None:
    noon = datetime.now(ZoneInfo("Europe/London")).replace(hour=12, minute=0)
    page.clock.install(time=noon)
    page.goto("/messages")
    expect(page.get_by_role("heading", name="Nothing to do")).to_be_visible()
    inbox.put("447700900123", transcript="The roof leaks.", created_at=round(noon.timestamp() * 1000))
    message = page.locator(".message", has_text="07700 900123")
    expect(message).to_contain_text("Today 12:00, 0:34, for 020 7946 0001")
    expect(message).to_contain_text("The roof leaks.")
    expect(page).to_have_title(re.compile(r"^\(1\) Messages"))

    expect(message.locator("audio[data-unplayed]")).to_have_count(1)  # the player shows no time yet
    message.locator("audio").evaluate("player => player.play()")
    expect(message.locator("audio")).to_have_js_property("ended", value=True)
    expect(message.locator("audio[data-unplayed]")).to_have_count(0)
    assert 0.3 == pytest.approx(message.locator("audio").evaluate("player => player.duration"), abs=0.05)
    expect(message.get_by_text("new", exact=True)).to_have_count(0)
    expect(page).to_have_title(re.compile("^Messages"))

    message.get_by_role("button", name="Done").click()
    expect(message).to_have_count(0)
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.clock.fast_forward(30_000)  # a pending request would end after 60 s
    page.get_by_role("button", name="Undo").click()
    expect(message).to_be_visible()
    message.get_by_label("More for").click()
    message.get_by_role("button", name="Delete").click()
    expect(message).to_have_count(0)
    page.get_by_role("link", name="Deleted").click()
    message.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("status")).to_contain_text("restored.")
    expect(message).to_have_count(0)
    page.get_by_role("link", name="To do").click()
    expect(message).to_be_visible()


def test_a_page_without_a_reply_says_so_and_retries(page: Page, watch: Watch, inbox: Inbox) -> None:
    watch.expected.append("502")
    page.goto("/messages")
    page.route("**/messages?*", lambda route: route.fulfill(status=502))
    expect(page.get_by_role("status")).to_contain_text("status 502")
    inbox.put("447700900601")
    page.unroute("**/messages?*")
    expect(page.locator(".message", has_text="07700 900601")).to_be_visible()
    expect(page.locator("#status")).to_be_empty()


LEAVING = """
const { dataset } = document.body;
dataset.leaving = "";
const leave = () => "leaving" in dataset && dispatchEvent(new Event("beforeunload"));
document.addEventListener("htmx:before:request", leave);
document.addEventListener("htmx:error", () => (dataset.said = document.getElementById("status").textContent));
"""
"""The page is left during each of its requests. Notes what it says when one fails."""


def test_a_page_that_is_left_does_not_say_that_the_server_is_gone(page: Page, watch: Watch) -> None:
    """Firefox ends the requests of a page when it is left, before the next one is there."""
    watch.expected += ["ERR_FAILED", "Failed to fetch"]
    page.goto("/messages")
    page.evaluate(LEAVING)
    page.route("**/messages?*", lambda route: route.abort())
    expect(page.locator("body")).to_have_attribute("data-said", "")
    page.evaluate("delete document.body.dataset.leaving")
    expect(page.locator("body")).to_have_attribute("data-said", re.compile("The server does not answer."))


def test_undo_is_offered_even_if_the_list_arrives_before_the_reply(page: Page, inbox: Inbox) -> None:
    def answer_late(route: Route) -> None:
        answer = route.fetch()
        expect(message).to_have_count(0)
        route.fulfill(response=answer)

    inbox.put("447700900600")
    page.goto("/messages")
    message = page.locator(".message", has_text="07700 900600")
    page.route("**/done", answer_late)
    message.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Undo").click()
    expect(message).to_be_visible()


def test_the_next_new_message_follows(page: Page, inbox: Inbox) -> None:
    for number in range(2):
        inbox.put(f"44770090020{number}")
    page.goto("/messages")
    expect(page.locator(".message.new")).to_have_count(2)
    page.locator("audio").first.evaluate("player => player.play()")
    expect(page.locator("audio").last).to_have_js_property("ended", value=True)
    expect(page.locator(".message.new")).to_have_count(0)


def test_a_message_that_cannot_be_played_says_why_and_is_fetched_again(
    page: Page, watch: Watch, inbox: Inbox, project: Path
) -> None:
    watch.expected += ["410"]
    id_ = inbox.put("447700900500", uuid="rec-2", session="aaaaaaaa-2")
    (project / "calls.db-recordings" / id_).unlink()
    page.goto("/messages")
    page.locator("audio").evaluate("player => { player.play().catch(() => {}); }")
    expect(page.locator("#status")).to_contain_text("The audio of this message is lost on the server")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#main")).to_contain_text("It has not arrived yet")
    check_page(page)


def test_the_open_page_of_a_call_shows_its_recording_when_it_arrives(page: Page, inbox: Inbox) -> None:
    page.goto("/calls/aaaaaaaa-2")
    expect(page.locator("#conversation")).to_contain_text("a message")
    inbox.put("447700900500", uuid="rec-2", session="aaaaaaaa-2")
    expect(page.locator("#talk audio")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()

    assert tone(0.3) == Path(download.value.path()).read_bytes()
