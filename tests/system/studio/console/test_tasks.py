"""What an owner does, and an author, in the practice of `ncco init --demo`: each task with its presses counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Final, TypeAlias

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.server import Server
from tests.support.webhooks import callback, facts, keys, send
from tests.system.studio.console.browser import NARROW, WIDE, Console, Watch, check_page, new_window, open_console
from tests.system.studio.console.demo import running_demo
from tests.system.studio.console.inbox import Inbox
from tests.system.studio.console.server import link_of

FAULTY: Final = """\
flow: workshop
numbers: ["442079460055"]
start: hello
steps:
  hello:
    do: [{talk: This is the workshop.}]
    goto: goodby
  goodbye:
    do: [{talk: Goodbye.}]
    goto: end
"""
CALLS: Final = count(1)


class Hand:
    """Does a task in a window, and counts what a person presses: a field to write in counts once."""

    def __init__(self, page: Page, server: Server, width: int) -> None:
        self.page = page
        self.server = server
        self.width = width
        self.presses = 0

    def press(self, target: Locator, at: tuple[float, float] | None = None) -> None:
        self.presses += 1
        target.click(position={"x": at[0], "y": at[1]} if at else None)

    def button(self, name: str) -> None:
        self.press(self.page.get_by_role("button", name=name, exact=True))

    def link(self, name: str) -> None:
        self.press(self.page.get_by_role("main").get_by_role("link", name=name, exact=True))

    def write(self, field: Locator, text: str) -> None:
        self.presses += 1
        field.fill(text)

    def select_word(self, word: Locator) -> None:
        self.presses += 1
        word.dblclick()

    def type(self, text: str) -> None:
        """Write over what is selected."""
        self.presses += 1
        self.page.keyboard.insert_text(text)

    def go(self, name: str) -> None:
        """Go to a page by the menu, which is folded in a narrow window."""
        if self.width == NARROW:
            self.button("Menu")
        self.press(self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=name))
        expect(self.page.get_by_role("main").get_by_role("heading", level=1)).to_be_visible()

    def part(self, name: str) -> Locator:
        """The first field of a part of the line, in the section that was opened last."""
        return self.page.locator("details[open]").last.get_by_role("group", name=name).get_by_role("textbox").first

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text).filter(visible=True).first).to_be_visible()

    def misses_a_call(self) -> str:
        """Somebody calls, presses 4, and hangs up while the nurse's phone rings. Returns the number."""
        number = next(CALLS)
        call = {**facts(f"bbbbbbbb-{number}", to="442079460010"), "from": f"4477009008{number:02}"}
        asked = send(self.server.url, "/webhooks/answer", **call)
        send(self.server.url, callback(asked), **call, **keys("4"))
        over = {"status": "completed", "direction": "inbound", "disconnected_by": "user", **call}
        send(self.server.url, "/webhooks/event", **over)
        return f"07700 9008{number:02}"


def hear_the_new_messages(hand: Hand) -> None:
    Inbox(hand.server.home, "ncco.db").put(f"447700901{hand.width % 1000:03}")
    message = hand.page.locator(".message").filter(has_text=f"07700 901{hand.width % 1000:03}")
    player = message.locator("audio")
    expect(player).to_have_attribute("data-unplayed", "")
    hand.press(player, (28, player.evaluate("player => player.clientHeight / 2")))
    expect(player).not_to_have_attribute("data-unplayed", "")


def call_somebody_back(hand: Hand) -> None:
    number = hand.misses_a_call()
    row = hand.page.get_by_role("region", name="To call back").get_by_role("listitem").filter(has_text=number)
    call = row.get_by_role("link", name="Call back")
    expect(call).to_have_attribute("href", f"tel:+44{number[1:].replace(' ', '')}")
    hand.press(call)
    hand.press(row.get_by_role("button", name="Done"))
    hand.sees(f"{number} was called back.")


def find_the_calls_of_a_number(hand: Hand) -> None:
    hand.go("Calls")
    hand.write(hand.page.get_by_role("searchbox"), "07700 900123")
    expect(hand.page.locator("[data-opens]").filter(has_not_text="Ann Smith")).to_have_count(0)
    hand.sees("Ann Smith")


def see_what_a_caller_heard_and_pressed(hand: Hand) -> None:
    number = hand.misses_a_call()
    hand.press(hand.page.get_by_role("region", name="To call back").get_by_role("link", name=number, exact=True))
    talk = hand.page.get_by_role("region", name="Conversation")
    expect(talk).to_contain_text("For an appointment, press 1 or say appointment.")
    expect(talk.locator(".caller")).to_contain_text("4")
    expect(talk).to_contain_text("I am putting you through to the nurse.")
    expect(talk).not_to_contain_text(" ms")


def see_why_calls_were_missed_last_week(hand: Hand) -> None:
    hand.go("Report")
    hand.link("Last week")
    reasons = hand.page.get_by_role("region", name="Why calls were missed")
    missed = reasons.get_by_role("strong").first.text_content()
    hand.press(reasons.get_by_role("link").first)
    hand.sees(re.compile(f"{missed} matching calls?"))


def close_now(hand: Hand) -> None:
    hand.button("Close now")
    form = hand.page.get_by_role("dialog", name="Close now")
    hand.write(form.get_by_label("Reason"), "a staff meeting")
    expect(form).to_contain_text("Good day. We are closed today for a staff meeting.")
    hand.press(form.get_by_role("button", name="Close now"))
    hand.sees("Closed by hand: a staff meeting.")


def open_again(hand: Hand) -> None:
    hand.button("Open again")
    expect(hand.page.get_by_role("button", name="Close now")).to_be_visible()


def add_a_holiday(hand: Hand) -> None:
    hand.link("Hours and holidays")
    hand.press(hand.page.get_by_text("Another holiday"))
    holiday = hand.page.locator("details.new").filter(has_text="Another holiday")
    hand.write(holiday.get_by_label("From"), f"{datetime.now(UTC).year + 1}-08-{hand.width % 28 + 1:02}")
    hand.write(holiday.get_by_label("Name"), f"Summer party {hand.width}")
    hand.button("Review changes")
    hand.sees(re.compile(f"We are closed today for Summer party {hand.width}"))
    hand.button("Save")
    hand.sees("Saved.")


def change_the_hours_of_a_day(hand: Hand) -> None:
    hand.link("Hours and holidays")
    closes = f"{hand.width % 12 + 10}:30"
    hand.write(hand.page.get_by_label("Friday closes", exact=True), closes)
    hand.button("Review changes")
    hand.sees(re.compile(f"00:00 to {closes}"))
    hand.button("Save")
    hand.sees("Saved.")


def change_the_greeting_and_hear_it(hand: Hand) -> None:
    hand.go("Change")
    hand.link("Practice")
    greeting = f"This is the practice in Elm Street, room {hand.width}."
    hand.write(hand.part("Welcome"), greeting)
    hand.button("Review changes")
    expect(hand.page.get_by_role("region", name="Callers will hear")).to_contain_text(greeting)
    hand.button("Save")
    hand.link("Hear it")
    expect(hand.page.locator("#bubbles")).to_contain_text(greeting)


def block_a_number(hand: Hand) -> None:
    hand.go("Tables")
    hand.link("Blocked")
    hand.link("Add a row")
    hand.write(hand.page.get_by_label("Number"), f"07700 9009{hand.width % 100:02}")
    hand.button("Save")
    hand.sees(f"07700 9009{hand.width % 100:02}")


def change_who_is_rung(hand: Hand) -> None:
    hand.go("Change")
    hand.link("Practice")
    hand.press(hand.page.get_by_role("heading", name="Who is called"))
    hand.write(hand.part("Nurse"), f"07700 9009{hand.width % 100:02}")
    hand.button("Review changes")
    hand.button("Save")
    hand.sees("Saved.")


def see_who_changed_what(hand: Hand) -> None:
    hand.go("History")
    change = hand.page.get_by_role("listitem").filter(has_text="Blocked").first
    expect(change).to_contain_text("07700")


def play_a_call_and_press_a_key(hand: Hand) -> None:
    hand.go("Phone")
    hand.button("Call")
    expect(hand.page.locator("#bubbles")).to_contain_text("For an appointment, press 1")
    hand.press(hand.page.locator('[data-key="1"]'))
    expect(hand.page.locator("#bubbles")).to_contain_text("I am putting you through to reception.")


def make_a_new_flow(hand: Hand) -> None:
    hand.go("Flows")
    hand.link("New flow")
    hand.write(hand.page.get_by_label("Name"), f"Salon {hand.width}")
    hand.write(hand.page.get_by_label("Number that callers dial"), f"020 7946 0{hand.width % 1000:03}")
    hand.press(hand.page.get_by_role("radio", name="Salon"))
    hand.button("Review")
    hand.button("Save")
    hand.sees("Saved.")


def fix_an_issue_in_the_code(hand: Hand) -> None:
    (hand.server.home / "flows/workshop.yaml").write_text(FAULTY, encoding="utf-8")
    hand.go("Flows")
    hand.press(hand.page.get_by_role("list", name="Issues").get_by_role("link", name="workshop.yaml"))
    hand.select_word(hand.page.locator("flow-editor .cm-lintRange-error"))
    hand.type("goodbye")
    expect(hand.page.locator("flow-editor")).to_contain_text("No issues")
    hand.button("Save")
    hand.button("Save changes")
    hand.sees("flows/workshop.yaml is saved.")


def follow_the_weeks_calls_from_the_picture(hand: Hand) -> None:
    hand.go("Flows")
    hand.link("practice")
    expect(hand.page.locator("#picture .edge.w5")).not_to_have_count(0)
    hand.link("Show these calls")
    hand.press(hand.page.locator("[data-opens]").first)
    expect(hand.page.get_by_role("region", name="Conversation")).to_be_visible()


Task: TypeAlias = Callable[[Hand], None]
Tasks: TypeAlias = Mapping[Task, tuple[int, int]]
OWNERS: Final[Tasks] = {
    hear_the_new_messages: (1, 1),
    call_somebody_back: (2, 2),
    find_the_calls_of_a_number: (2, 3),
    see_what_a_caller_heard_and_pressed: (1, 1),
    see_why_calls_were_missed_last_week: (3, 4),
    close_now: (3, 3),
    open_again: (1, 1),
    add_a_holiday: (6, 6),
    change_the_hours_of_a_day: (4, 4),
    change_the_greeting_and_hear_it: (6, 7),
    block_a_number: (5, 6),
    change_who_is_rung: (6, 7),
    see_who_changed_what: (1, 2),
}
"""The presses in a wide and in a narrow window. The tasks follow each other: who has closed opens again."""
AUTHORS: Final[Tasks] = {
    play_a_call_and_press_a_key: (3, 4),
    make_a_new_flow: (7, 8),
    fix_an_issue_in_the_code: (6, 7),
    follow_the_weeks_calls_from_the_picture: (4, 5),
}


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_demo(tmp_path_factory.mktemp("demo"), is_always_open=True) as server:
        yield server


@pytest.fixture(scope="module")
def session(browser: Browser, practice: Server) -> Console:
    return open_console(browser, link_of(practice))


@contextmanager
def at_home(browser: Browser, session: Console, view: str, width: int) -> Iterator[Page]:
    """A window of a width, whose pages are those of owners or developers."""
    with new_window(browser, **session, viewport={"width": WIDE, "height": 800}) as context:
        watch = Watch(context)
        watch.expected.append("tel:")
        page = context.new_page()
        page.goto("/home")
        page.get_by_role("button", name=view).click()
        expect(page.get_by_role("button", name=view)).to_have_attribute("aria-pressed", "true")
        page.set_viewport_size({"width": width, "height": 844 if width == NARROW else 800})
        yield page
        assert [] == watch.unexpected()


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize(("view", "tasks"), [("Owner", OWNERS), ("Developer", AUTHORS)], ids=["owner", "author"])
def test_each_task_takes_few_presses(
    browser: Browser, session: Console, practice: Server, *, view: str, tasks: Tasks, width: int
) -> None:
    counted = dict[str, int]()
    with at_home(browser, session, view, width) as page:
        for task in tasks:
            page.goto("/home")
            expect(page.get_by_role("button", name=re.compile("^(Close now|Open again)$")).first).to_be_visible()
            hand = Hand(page, practice, width)
            task(hand)
            check_page(page, (width, "light"))
            counted[task.__name__] = hand.presses
    assert {task.__name__: presses[width == NARROW] for task, presses in tasks.items()} == counted
