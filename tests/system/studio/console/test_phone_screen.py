"""The phone's layout: what is in view at each moment of a call, for owners and developers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.system.studio.console.browser import NARROW, check_page, violations
from tests.system.studio.console.server import REPOSITORY
from tests.system.studio.console.test_phone import call, heard

TECHNICAL = re.compile(
    r"\.ya?ml|\bline \d|webhook|hook|NCCO|→|\bstep\b|scenario|https?:|[0-9a-f]{8}-[0-9a-f]{4}", re.IGNORECASE
)
"""What owners see only under *Details*."""


def shown(page: Page, view: str) -> Page:
    page.goto("/phone?flow=reception")
    page.get_by_role("button", name=view.capitalize()).click()
    expect(page.locator(f"body.{view} #picture svg")).to_be_visible()
    return page


def moments(page: Page) -> Iterator[str]:
    """Make a call and pause at each moment, yielding its name."""
    yield "idle"
    call(page)
    page.get_by_role("button", name="Skip ahead").click()
    expect(page.get_by_text("Press 1 (sales)")).to_be_visible()
    yield "in the menu"
    page.keyboard.press("1")
    expect(page.get_by_role("group", name="What happens?")).to_be_visible()
    yield "ringing"
    page.get_by_role("button", name="is busy").click()
    expect(page.get_by_text("You chose: is busy.")).to_be_visible()
    yield "being connected"
    page.get_by_role("button", name="Skip ahead").click()
    expect(page.get_by_role("group", name="Leave a message")).to_be_visible()
    yield "recording"
    page.get_by_role("button", name="Hang up").click()
    expect(page.locator("#phone[data-state=over]")).to_be_attached()
    yield "over"


@pytest.mark.parametrize(("view", "height"), [("owner", 844), ("developer", 844), ("owner", 664)])
def test_a_call_fits_on_a_phone_is_accessible_and_shows_owners_nothing_technical(
    page: Page, view: str, height: int
) -> None:
    shown(page, view)
    page.set_viewport_size({"width": NARROW, "height": height})
    for moment in moments(page):
        button = "Call" if moment in ("idle", "over") else "Hang up"
        expect(page.get_by_role("button", name=button, exact=True)).to_be_in_viewport(ratio=1)
        for key in "10#" if height == 844 or moment in ("idle", "in the menu") else "":
            expect(page.locator(f'[data-key="{key}"]')).to_be_in_viewport(ratio=1)
        for choice in page.locator("#call-panel button").all():
            expect(choice).to_be_in_viewport(ratio=1)
        if moment != "idle":
            expect(page.locator("#bubbles > li:visible").last).to_be_in_viewport()
        assert 0 == page.evaluate("scrollY"), moment
        assert view == "developer" or not TECHNICAL.findall(page.locator("#main").inner_text()), moment
        if moment == "ringing":
            assert [] == violations(page)

    check_page(page)

    page.get_by_role("button", name="Settings").click()
    assert view == "developer" or not TECHNICAL.findall(page.locator("#settings").inner_text())
    check_page(page)
    if view == "owner":
        page.keyboard.press("Escape")
        page.locator("#details > summary").click()
        expect(page.locator("flow-editor").get_by_role("textbox")).to_contain_text("flow: reception")
        expect(
            heard(page, 'menu → sales: digits 1 are the key of choice "sales", reception.yaml line 48')
        ).to_be_visible()


def test_the_settings_open_and_close_by_keyboard(page: Page) -> None:
    shown(page, "owner")
    button, drawer = page.get_by_role("button", name="Settings"), page.get_by_role("dialog", name="Settings")
    expect(drawer).to_be_hidden()
    button.focus()
    page.keyboard.press("Enter")
    expect(drawer).to_be_visible()
    expect(drawer.locator(":focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(button).to_be_focused()


def test_a_call_is_never_restarted_silently(page: Page) -> None:
    shown(page, "owner")
    page.get_by_role("button", name="Call", exact=True).dblclick()
    expect(page.locator("#phone[data-state=on]")).to_be_attached()
    expect(page.get_by_role("button", name="Call", exact=True)).to_have_count(0)
    placed = page.locator("#call-state").get_attribute("data-call") or ""
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Caller", exact=True).press("Enter")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Hang up").click()
    expect(heard(page, "The caller hangs up.")).to_be_visible()
    expect(page.locator("#call-state")).to_have_attribute("data-call", placed)
    expect(page.get_by_role("button", name="Call", exact=True)).to_be_visible()


def test_a_variable_that_a_flow_reads_is_chosen_in_the_settings(page: Page, project: Path) -> None:
    shutil.copy(REPOSITORY / "examples/conference/flows/conference.yaml", project / "flows")
    page.goto("/phone?flow=conference")
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("GUEST_PIN").fill("135791")
    page.keyboard.press("Escape")
    call(page)
    page.get_by_role("button", name="Skip ahead").click()
    for key in "135791":
        page.keyboard.press(key)
    expect(heard(page, "The meeting begins when the host joins.")).to_be_visible()
    page.get_by_role("button", name="Keep as scenario").click()
    expect(page.locator("#status")).to_contain_text("a call from the phone")
    assert "GUEST_PIN: '135791'" in (project / "tests/scenarios/conference.yaml").read_text()


def test_developers_load_the_editor_when_they_edit(page: Page) -> None:
    shown(page, "developer")
    text = page.locator("flow-editor")
    expect(text).to_contain_text("flow: reception")
    expect(text.get_by_role("textbox")).to_have_count(0)

    page.get_by_role("button", name="Edit").click()

    expect(text.get_by_role("textbox")).to_be_focused()
    expect(page.get_by_role("button", name="Edit")).to_be_hidden()
