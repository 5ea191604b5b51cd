"""What must be true of every page in the browser."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.support.cases import each_case
from tests.system.studio.console.browser import NARROW, Console, Watch, check_budget, check_page, new_window, violations

PAGES = (
    *("/home", "/messages", "/phone", "/flows", "/flows-new", "/flows/reception", "/calls", "/calls/aaaaaaaa-0"),
    *("/report", "/change", "/change/flows/reception.yaml", "/health"),
)
FOR_DEVELOPERS = ("/flows/reception?errors=true",)


@each_case("path", [*PAGES, *FOR_DEVELOPERS])
def test_a_page_is_accessible_fits_and_shows_owners_nothing_technical(page: Page, path: str) -> None:
    page.context.clear_cookies(name=re.compile("^ncco-view"))  # of the case before this one
    page.goto(path)
    expect(page.get_by_role("button", name="Developer")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("Adding calls to the picture")).to_have_count(0)
    check_budget(page)
    check_page(page)
    if path in PAGES:
        show_to_owners(page)
        expect(page.get_by_text("Adding calls to the picture")).to_have_count(0)
        check_page(page, (NARROW, "light"))
        shown = page.locator("main").inner_text()
        technical = r"(?i:webhook|uuid|\byaml\b|\bNCCO\b|revision|session|\bsteps?\b|(?:the|other) flow\b)"
        assert not re.findall(rf"{technical}|\bline \d|[A-Z]+_[A-Z_]+", shown)


def show_to_owners(page: Page) -> None:
    """Switch to the pages for owners; on the next page, the button is pressed."""
    page.get_by_role("button", name="Owner").click()
    expect(page.get_by_role("button", name="Owner")).to_have_attribute("aria-pressed", "true")
    page.wait_for_load_state()


def test_a_box_links_owners_to_the_form_that_changes_it(page: Page) -> None:
    page.goto("/flows/reception")
    show_to_owners(page)
    expect(page.get_by_text("3 calls began here from")).to_be_visible()  # traffic is shown by default
    page.locator('#picture .node[data-step="voicemail"]').click()
    page.locator('details[data-step="voicemail"]').get_by_role("link", name="Change the words").click()

    expect(page).to_have_url(re.compile("#step-voicemail$"))
    expect(page.get_by_role("group", name="Voicemail", exact=True)).to_be_in_viewport()


def test_the_pages_are_behind_a_button_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": NARROW, "height": 844})
    page.goto("/home")
    expect(page.get_by_role("link", name="Messages", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Menu").click()
    assert [] == violations(page)
    page.get_by_role("link", name="Report").click()

    expect(page).to_have_url(re.compile("/report$"))


def test_the_first_tab_key_skips_to_the_content(page: Page) -> None:
    page.goto("/calls")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("main")).to_be_focused()


def test_markup_from_outside_runs_no_code(page: Page, watch: Watch) -> None:
    page.goto("/flows")
    watch.expected.append("Content Security Policy")
    with page.expect_console_message(lambda said: "script-src-attr" in said.text or "event handler" in said.text):
        page.evaluate(
            """() => {
                const main = document.querySelector("main");
                main.innerHTML = '<button onclick="window.ran = 1" hx-on:click="window.ran = 2">Try</button>';
                window.htmx.process(main);
            }"""
        )
    with page.expect_console_message(lambda said: "unsafe-eval" in said.text):
        page.get_by_role("button", name="Try").click()

    assert page.evaluate("window.ran") is None


@each_case(
    ("path", "said", "missing"),
    [
        ("/phone", "The phone needs JavaScript", "Call"),
        ("/flows/reception", "The calls on the picture, its search and its zoom need JavaScript", "Zoom in"),
        ("/home", "Some of these pages' buttons need JavaScript", "Done"),
    ],
)
def test_a_page_says_what_it_cannot_do_without_javascript(
    browser: Browser, console: Console, path: str, said: str, missing: str
) -> None:
    with new_window(browser, **console, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(path)
        expect(page.get_by_text(said)).to_be_visible()
        expect(page.get_by_role("button", name=missing)).to_have_count(0)
        expect(page.get_by_text("Adding calls to the picture")).not_to_be_visible()
