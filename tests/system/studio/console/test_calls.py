"""The pages of recorded calls in the browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Request, Route, expect

from tests.support.cases import each_case
from tests.system.studio.console.browser import NARROW, WIDE, check_page


def test_the_list_follows_the_filters_and_its_url_can_be_shared(page: Page) -> None:
    page.goto("/calls")
    expect(page.locator("[data-opens]")).to_have_count(3)
    page.get_by_label("Number, name or words").press_sequentially("07700 900456")
    expect(page.locator("[data-opens]")).to_have_count(1)
    expect(page.locator("td time").first).to_have_text(re.compile(r"^\d\d:\d\d$"))
    expect(page).to_have_url(re.compile(r"[?&]q=07700\+900456(&|$)"))

    page.reload()
    expect(page.locator("[data-opens]")).to_have_count(1)
    expect(page.get_by_label("Number, name or words")).to_have_value("07700 900456")


def test_a_row_opens_by_a_press_anywhere_but_not_by_selecting_its_text(page: Page) -> None:
    page.goto("/calls")
    row = page.locator("[data-opens]").first
    box = row.locator(".badge").bounding_box()
    assert box
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    page.mouse.up()
    assert page.evaluate("String(getSelection())")
    expect(page).to_have_url(re.compile("/calls$"))

    page.evaluate("getSelection().removeAllRanges()")
    row.locator("td").last.click(position={"x": 1, "y": 1})
    expect(page).to_have_url(re.compile("/calls/aaaaaaaa-"))


def test_a_call_is_found_by_its_day_and_opened_by_keyboard(page: Page) -> None:
    page.goto("/calls")
    expect(page.get_by_role("rowheader", name="Today")).to_have_count(1)
    page.get_by_role("link", name="07700 900456").press("Enter")
    expect(page).to_have_url(re.compile("/calls/aaaaaaaa-"))


@each_case("width", [WIDE, NARROW])
def test_filters_are_folded_below_one_search_field_and_nothing_is_cut(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/calls")
    shown = page.get_by_label("What happened")
    expect(page.get_by_role("searchbox")).to_have_count(1)
    expect(shown).to_be_hidden()
    page.get_by_role("button", name="Filters").click()
    check_page(page)
    shown.select_option("missed:closed")
    expect(page).to_have_url(re.compile("state=missed%3Aclosed"))
    page.reload()
    expect(shown).to_be_visible()
    room = "each => each.offsetWidth - 44"  # without its arrow
    words = "each => { each.style.cssText = 'width: auto; max-width: none'; return each.offsetWidth - 44; }"
    assert shown.evaluate(room) >= shown.evaluate(words)


def test_a_date_is_in_english_in_a_browser_of_any_language(page: Page) -> None:
    page.goto("/calls/aaaaaaaa-0")

    assert "de-DE" == page.evaluate("navigator.language")
    expect(page.locator("dd time").first).to_have_text(re.compile(r"^\d+ [A-Z][a-z]+ \d{4}, \d\d:\d\d:\d\d$"))


TYPED = """words => new Promise((resolve) => {
  const search = document.querySelector("[type=search]");
  document.addEventListener("htmx:config:request", () => setTimeout(resolve), {once: true});
  search.value = words;
  search.dispatchEvent(new Event("input", {bubbles: true}));
})"""
"""Types into the search field and waits until the page begins to search."""


def test_text_typed_during_a_slow_search_is_searched_for(page: Page) -> None:
    page.goto("/calls")
    search, held = page.get_by_label("Number, name or words"), list[Route]()
    page.route("**/calls?q=a*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    with page.expect_request("**/calls?q=a*"):
        search.fill("a")
    for words in ("nobody", "447700900456"):
        page.evaluate(TYPED, words)
    for route in held:
        route.continue_()

    expect(page).to_have_url(re.compile("[?&]q=447700900456(&|$)"))
    expect(page.locator("[data-opens]")).to_have_count(1)


EDGES = """cells => cells.map((cell) => {
    const range = new Range();
    range.selectNodeContents(cell);
    return Math.round(range.getBoundingClientRect().right);
})"""
LEFTS = """bubble => [...bubble.childNodes].filter((node) => node.textContent.trim()).map((node) => {
    const range = new Range(); range.selectNodeContents(node); return Math.round(range.getClientRects()[0].left);
})"""


def test_a_whole_call_is_in_view_and_aligned_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": NARROW, "height": 800})
    page.goto("/calls")
    row = page.locator("[data-opens]").first
    expect(row.locator("td").last).to_be_in_viewport(ratio=1)
    time_ends, badge_begins, lines = row.evaluate(
        """row => [
            row.querySelector("time").getBoundingClientRect().bottom,
            row.querySelector(".badge").getBoundingClientRect().top,
            row.querySelector("time").getClientRects().length,
        ]"""
    )
    assert time_ends <= badge_begins
    assert 1 == lines
    for column in ("When", "Length"):
        assert 1 == len({*page.locator(f"td[data-label={column}]").evaluate_all(EDGES)})

    page.goto("/calls/aaaaaaaa-0")
    assert 1 == len({*page.locator(".said > .bubble").first.evaluate(LEFTS)})
    page.locator("#conversation details summary").first.click()
    expect(page.locator("#conversation pre").first).to_be_visible()
    texts = page.locator("#conversation pre")
    assert texts.evaluate_all("texts => texts.every(text => text.scrollWidth <= text.clientWidth)")
    check_page(page)


def test_unfolded_details_stay_open_while_a_call_continues(page: Page) -> None:
    page.clock.install(time=0)
    page.clock.pause_at(1)  # the page asks the server only when the test advances the clock
    page.goto("/calls/aaaaaaaa-0")
    details = page.locator("#conversation details").first
    details.locator("summary").click()
    statuses = list[int]()
    while 304 not in statuses:  # the first update is shown before the page asks again
        with page.expect_response(lambda response: "x-unattended" in response.request.headers) as asked:
            page.clock.run_for(2_000)
        statuses.append(asked.value.status)
    assert 200 == statuses[0]

    expect(details.get_by_role("group", name="Webhook")).to_be_visible()
    expect(page.locator("#conversation details")).to_have_count(3)


def test_only_a_visible_tab_polls(page: Page) -> None:
    page.clock.install()
    asked = list[str]()

    def note(request: Request) -> None:
        if "x-unattended" in request.headers and "/ringing" not in request.url:  # calls ring in hidden tabs too
            asked.append(request.url)

    page.on("request", note)
    page.goto("/calls")
    turn = "isHidden => Object.defineProperty(document, 'hidden', {value: isHidden, configurable: true})"
    page.evaluate(turn, True)
    asked.clear()  # requests from while the tab was visible
    page.clock.run_for(20_000)
    page.evaluate("0")  # by then, all requests so far are reported
    hidden = len(asked)
    page.evaluate(turn, False)
    with page.expect_response(lambda response: "x-unattended" in response.request.headers) as seen:
        page.clock.run_for(2_000)

    assert (0, 200) == (hidden, seen.value.status)
