"""The picture of a flow in the browser: zoom, pan, search, and the link from a step to its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.system.studio.console.browser import NARROW, Watch, violations


@pytest.fixture
def picture(page: Page) -> Locator:
    """The picture of the flow `reception`, open and fully drawn."""
    return painted(page, "/flows/reception")


def painted(page: Page, address: str) -> Locator:
    page.goto(address)
    expect(page.get_by_text("Adding calls to the picture")).to_have_count(0)
    return page.locator("#picture svg")


def seen(picture: Locator) -> Sequence[float]:
    """The visible part of the picture: x, y, width and height."""
    part = """picture => {
        const [box, around] = [picture.getBoundingClientRect(), picture.parentElement.getBoundingClientRect()];
        const scale = box.width / picture.viewBox.baseVal.width;
        return [around.x - box.x, around.y - box.y, around.width, around.height].map((each) => each / scale);
    }"""
    return list(picture.evaluate(part))


def until_seen(picture: Locator, is_there: Callable[[Sequence[float]], bool]) -> None:
    """Keys and the wheel do not wait for their effect."""
    for _ in range(100):
        if is_there(seen(picture)):
            return
        picture.page.wait_for_timeout(50)
    raise AssertionError(seen(picture))


def node(page: Page, step: str) -> Locator:
    return page.locator(f'#picture .node[data-step="{step}"]')


def test_a_picture_opens_readable_and_buttons_zoom(page: Page, picture: Locator) -> None:
    size = "parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a"
    texts = picture.locator("text").evaluate_all(f"all => all.map((text) => [{size}, text.getBoundingClientRect()])")
    frame = page.locator("#picture").bounding_box()
    assert frame is not None
    assert 10 <= min(size for size, _ in texts)
    assert frame["x"] <= min(box["left"] for _, box in texts)
    assert max(box["right"] for _, box in texts) <= frame["x"] + frame["width"]
    assert max(box["bottom"] for _, box in texts) <= frame["y"] + frame["height"]

    page.get_by_role("button", name="Fit").click()
    fitted = seen(picture)

    page.get_by_role("button", name="Zoom in").click()
    assert seen(picture)[2] < fitted[2]
    page.get_by_role("button", name="Zoom out").click()
    assert pytest.approx(fitted[2], rel=0.01) == seen(picture)[2]
    for _ in range(4):
        page.get_by_role("button", name="Zoom in").click()
    zoomed = seen(picture)
    page.locator("#picture").focus()
    page.keyboard.press("ArrowRight")
    until_seen(picture, lambda part: part[0] > zoomed[0])

    page.get_by_role("button", name="Fit").click()
    assert pytest.approx(fitted, rel=0.01, abs=2) == seen(picture)


def test_the_page_scrolls_through_the_whole_picture_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": NARROW, "height": 844})
    page.goto("/flows/reception")
    expect(page.get_by_text("Adding calls to the picture")).to_have_count(0)
    frame = page.locator("#picture")
    outside = """frame => [...frame.querySelectorAll(".node")].filter((node) => {
        const [box, around] = [node.getBoundingClientRect(), frame.getBoundingClientRect()];
        return box.top < around.top || box.bottom > around.bottom;
    }).length"""
    assert 0 == frame.evaluate(outside)


def test_a_picture_that_was_moved_stays_where_it_is_when_calls_are_painted(page: Page) -> None:
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/painted", hold)
    with page.expect_request("**/painted"):
        page.goto("/flows/reception")
    picture = page.locator("#picture svg")
    page.get_by_role("button", name="Zoom in").click()
    page.locator("#picture").evaluate("frame => frame.scrollBy(40, 30)")
    zoomed = seen(picture)

    waiting.pop().continue_()
    expect(page.get_by_text("Adding calls to the picture")).to_have_count(0)

    assert pytest.approx(zoomed, rel=0.01, abs=2) == seen(picture)


def test_a_step_is_chosen_by_keyboard_search_and_click_with_a_link_to_its_line(page: Page, picture: Locator) -> None:
    page.locator("#steps summary").first.focus()
    page.keyboard.press("Enter")
    expect(node(page, "welcome")).to_contain_class("selected")
    page.keyboard.press("Enter")
    expect(page.locator('details[data-step="welcome"]')).not_to_have_attribute("open", "")

    page.get_by_label("Find a box").fill("open today")
    expect(page.locator("#steps details:visible")).to_have_count(1)
    expect(page.locator("#picture .node.found")).to_have_attribute("data-step", "open")
    page.keyboard.press("Enter")
    expect(node(page, "open")).to_contain_class("selected")
    page.get_by_label("Find a box").fill("nothing says this")
    expect(page.get_by_text("No box contains these words.")).to_be_visible()
    page.get_by_label("Find a box").fill("")

    node(page, "operator").click()

    details = page.locator('details[data-step="operator"]')
    expect(details).to_contain_text("“I am putting you through.”")
    expect(details).to_have_attribute("open", "")
    expect(node(page, "operator")).to_contain_class("selected")
    page.reload()
    expect(node(page, "operator")).to_contain_class("selected")
    details.get_by_role("link", name="line").click()
    expect(page).to_have_url("/phone?file=flows%2Freception.yaml&line=93")


def test_on_a_phone_the_chosen_step_is_above_its_words(page: Page, picture: Locator) -> None:
    expect(picture).to_be_visible()
    page.set_viewport_size({"width": NARROW, "height": 664})
    page.reload()
    page.get_by_label("Find a box").fill("operator")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)  # until it is scrolled
    shape, words = (each.bounding_box() for each in (node(page, "operator"), page.locator("#steps details[open]")))
    assert shape and words and 0 < shape["y"] and shape["y"] + shape["height"] <= words["y"]


def test_on_a_phone_a_chosen_step_can_be_changed_at_once(page: Page, picture: Locator) -> None:
    page.set_viewport_size({"width": NARROW, "height": 664})
    page.goto("/flows/reception")
    picture.locator('[data-step="menu"] .name').click()

    change = page.locator("#steps details[open]").get_by_role("link", name="Change the words")
    expect(change).to_be_in_viewport(ratio=1)


def test_a_very_wide_picture_begins_where_its_start_step_is_in_sight(page: Page, project: Path) -> None:
    numbers = range(40)
    flow = (
        "flow: wide\nnumbers: ['442079460077']\nstart: menu\nsteps:\n  menu:\n    do: [{talk: Press.}]\n    choices:\n"
    )
    flow += "".join(f"      c{number}: {{speech: word {number}, goto: s{number}}}\n" for number in numbers)
    flow += "    retry: {then: end}\n"
    flow += "".join(f"  s{number}: {{do: [{{talk: One of our departments.}}], goto: end}}\n" for number in numbers)
    (project / "flows" / "wide.yaml").write_text(flow, encoding="utf-8")
    painted(page, "/flows/wide")

    frame, box = page.locator("#picture").bounding_box(), node(page, "menu").bounding_box()
    assert frame is not None
    assert box is not None
    assert frame["x"] <= box["x"]
    assert box["x"] + box["width"] <= frame["x"] + frame["width"]


def test_the_picture_shows_the_calls_of_the_last_days(page: Page) -> None:
    page.goto("/flows/reception")
    expect(page.get_by_text("3 calls began here from")).to_be_visible()
    expect(page.locator("#picture .edge.w5")).not_to_have_count(0)
    page.get_by_role("link", name="Show error paths").click()
    expect(page).to_have_url(re.compile("[?&]errors=true"))
    expect(page.get_by_text("3 calls began here from")).to_be_visible()
    assert [] == violations(page)


def test_missing_call_counts_are_reported(page: Page, watch: Watch) -> None:
    watch.expected += ["ERR_FAILED", "Failed to fetch"]
    page.route("**/painted", lambda route: route.abort())
    page.goto("/flows/reception")

    expect(page.locator("#painted")).to_have_text("The calls could not be added to the picture. Reload the page.")
