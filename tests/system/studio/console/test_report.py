"""The report in a real browser: each result has a colour of its own, and nothing is cut, on a screen and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.cases import each_case
from tests.support.server import running
from tests.support.webhooks import callback, facts, keys, send
from tests.system.studio.console.browser import NARROW, WIDE, Console, Scheme, check_page, open_console
from tests.system.studio.console.server import link_of

SALON = """\
flow: salon
default: true
start: welcome
results: {booked: an appointment was booked}
steps:
  welcome: {result: booked, do: [{talk: You are booked.}], goto: end}
"""
DESK = """\
flow: desk
numbers: ["442079460002"]
hours: {office: {timezone: Europe/London, week: {mon-sun: 00:00-24:00}}}
start: menu
steps:
  menu:
    do: [{talk: "For sales, press 1."}]
    choices: {sales: {dtmf: 1, goto: sales}}
    retry: {then: end}
  sales: {do: [{connect: "447700900111"}], on: {completed: end, otherwise: end}}
"""
FILLS = """() => Object.fromEntries([...document.querySelectorAll(".chart rect:not(.hit)")]
    .map((bar) => [bar.getAttribute("class"), getComputedStyle(bar).fill]))"""
LEGEND = """() => Object.fromEntries([...document.querySelectorAll(".legend li")]
    .map((item) => [item.className, getComputedStyle(item, "::before").backgroundColor]))"""
CUT = """() => [...document.querySelectorAll(".chart text")].filter((text) => {
    const [inner, outer] = [text, text.closest(".panel")].map((each) => each.getBoundingClientRect());
    return inner.left < outer.left || inner.right > outer.right || inner.bottom > outer.bottom;
}).map((text) => text.textContent)"""
SIZES = "() => [...document.querySelectorAll('.chart text')].map((text) => getComputedStyle(text).fontSize)"
OVERLAPS = """() => [...document.querySelectorAll(".chart")].flatMap((chart) => {
    const boxes = [...chart.querySelectorAll("text:not(.start)")].map((text) => text.getBoundingClientRect());
    return boxes.slice(1).filter((box, index) => box.left < boxes[index].right).length ? [chart.ariaLabel] : [];
})"""


@pytest.fixture(scope="module")
def session(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """An open session in the console: one call is over, one is in progress, and three were missed."""
    settings = {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "0"}
    files = {"flows/salon.yaml": SALON, "flows/desk.yaml": DESK}
    with running(tmp_path_factory.mktemp("salon"), files, settings, "--dev") as server:
        for number in range(2):
            call = facts(f"aaaaaaaa-{number}", to="442079460001")
            send(server.url, "/webhooks/answer", **call)
        send(server.url, "/webhooks/event", **call, status="completed", direction="inbound")
        for number, pressed in enumerate((None, "1", "9")):
            call = facts(f"bbbbbbbb-{number}", to="442079460002")
            ncco = send(server.url, "/webhooks/answer", **call)
            if pressed:
                send(server.url, callback(ncco), **call, **keys(pressed))
            send(server.url, "/webhooks/event", **call, status="completed", direction="inbound")
        yield open_console(browser, link_of(server))


def test_each_result_has_a_colour_of_its_own(desk: Page) -> None:
    desk.goto("/report")
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        desk.emulate_media(color_scheme=scheme)
        legend = desk.evaluate(LEGEND)
        assert {"own", "missed", "other"} == {*legend}
        assert len(legend) == len({*legend.values()})

    bars = desk.evaluate(FILLS)
    assert {kind: legend[kind] for kind in legend} == {kind: bars[kind] for kind in legend}
    desk.goto("/calls")
    dot = desk.locator(".badge.result.own").first
    assert legend["own"] == dot.evaluate("dot => getComputedStyle(dot, '::before').backgroundColor")


@each_case("width", [WIDE, NARROW])
def test_an_owner_learns_why_calls_were_missed_and_opens_one(desk: Page, width: int) -> None:
    desk.set_viewport_size({"width": width, "height": 800})
    desk.goto("/report")
    reasons = desk.get_by_role("region", name="Why calls were missed").get_by_role("listitem")
    expect(reasons).to_have_text(["Hung up in the greeting1", "Hung up in a menu1", "Hung up while ringing1"])
    check_page(desk)
    reasons.filter(has_text="Hung up while ringing").click()

    expect(desk.get_by_role("rowheader", name="Today")).to_be_visible()
    rows = desk.locator("[data-opens]")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("hung up while ringing")
    check_page(desk)
    rows.get_by_role("link", name="07700").press("Enter")
    expect(desk).to_have_url(re.compile("/calls/bbbbbbbb-1$"))


def test_last_week_is_from_monday_to_sunday(desk: Page) -> None:
    desk.goto("/report")
    desk.get_by_role("link", name="Last week").click()
    expect(desk.get_by_role("link", name="Last week")).to_have_attribute("aria-current", "page")
    desk.locator("[popovertarget=period]").click()
    first, last = (date.fromisoformat(desk.get_by_label(name, exact=True).input_value()) for name in ("From", "To"))

    assert (0, 6) == (first.weekday(), last.weekday())
    assert timedelta(6) == last - first


def test_texts_of_charts_have_one_size_and_are_not_cut(desk: Page) -> None:
    for width, days in product((WIDE, NARROW), ("7", "91")):
        desk.set_viewport_size({"width": width, "height": 800})
        desk.goto(f"/report?days={days}")
        expect(desk.locator(".chart")).to_have_count(2)

        assert [] == desk.evaluate(CUT), (width, days)
        assert [] == desk.evaluate(OVERLAPS), (width, days)
        assert 1 == len({*desk.evaluate(SIZES)}), (width, days)


def test_counts_are_whole_on_a_phone(desk: Page) -> None:
    desk.set_viewport_size({"width": NARROW, "height": 800})
    desk.goto("/report")
    cut = "each => each.scrollWidth > each.clientWidth"
    cells = desk.locator(".counts [data-label]").all()

    assert 9 < len(cells)
    assert [] == [cell.get_attribute("data-label") for cell in cells if cell.evaluate(cut)]


def test_paper_shows_what_the_page_says_and_nothing_to_press(desk: Page) -> None:
    desk.emulate_media(media="print", color_scheme="dark")
    for path in ("/report", "/calls/aaaaaaaa-1"):
        desk.goto(path)
        for pressed in ("nav", "form", "button", ".switch"):
            for each in desk.locator(pressed).all():
                expect(each).to_be_hidden()
        expect(desk.get_by_role("heading", level=1)).to_be_visible()
        assert "rgb(20, 24, 28)" == desk.locator("body").evaluate("body => getComputedStyle(body).color")


def test_charts_have_their_place_on_paper(desk: Page) -> None:
    desk.emulate_media(media="print")
    desk.goto("/report")
    boxes = [
        desk.get_by_role("region", name=name).bounding_box() for name in ("Calls per day", "Busiest hours", "Counts")
    ]
    days, hours, counts = (box for box in boxes if box)

    assert days["y"] + days["height"] < hours["y"]
    assert hours["y"] + hours["height"] < counts["y"]
    assert 300 > days["height"]


@each_case(("days", "bar"), [(7, "day"), (28, "day"), (91, "3 days")])
def test_the_chart_says_what_each_bar_counts(desk: Page, days: int, bar: str) -> None:
    desk.goto(f"/report?days={days}")
    expect(desk.get_by_role("heading", name=f"Calls per {bar}", exact=True)).to_be_visible()


def test_colours_of_the_system_leave_the_legend_and_the_current_page(desk: Page) -> None:
    desk.goto("/report")
    before = desk.evaluate(LEGEND)
    desk.emulate_media(forced_colors="active")

    assert before == desk.evaluate(LEGEND)
    for current in (desk.locator("nav a[aria-current]").first, desk.locator(".switch [aria-current]")):
        assert "2px" == current.evaluate("each => getComputedStyle(each).outlineWidth")
