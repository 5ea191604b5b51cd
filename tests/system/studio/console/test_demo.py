"""The practice of `ncco init --demo`: every page of its console has content, says what it is, and is correct."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.cases import each_case
from tests.support.fork_server import NCCO, run
from tests.system.studio.console.browser import NARROW, WIDE, Console, check_page, open_console, violations
from tests.system.studio.console.demo import running_demo
from tests.system.studio.console.server import link_of

HTML: Final = Path(__file__).parent / "html"
PAGES: Final = {
    "/home": ".stats strong, .message",
    "/messages?box=done": ".message audio",
    "/calls": "table.calls [data-opens]",
    "/calls?state=missed": "p[role='status']",
    "/report?days=28": ".chart rect.person",
    "/tables": "main a[href='/tables/patients']",
    "/tables/patients": "table tbody tr",
    "/flows": "ul.cards li",
    "/flows/practice": "#picture svg",
    "/change": "a[href^='/change/']",
    "/change/flows/practice.yaml": "textarea",
    "/change/flows/shared.yaml": "input",
    "/phone?file=flows/practice.yaml": "flow-editor",
    "/history": ".history a:text-matches('^The message from [A-Z]')",
    "/health": ".facts dt",
}
"""What shows that a page has content."""
FOR_CHANGES: Final = ("/flows-new",)
FORMS: Final = ("/tables/patients/row", "/tables/patients/import")
RULES: Final = {
    "extends": ["html-validate:standard", "html-validate:a11y"],
    "rules": {
        "aria-label-misuse": "off",  # it may also be on a list
        "no-implicit-button-type": "off",  # a button in a form sends it
        "prefer-native-element": "off",  # a region of role="region" is one
        "valid-autocomplete": "off",  # Firefox needs it on a check box that must not be checked again by a reload
        "wcag/h32": "off",  # the phone's forms are sent by its keys
    },
}
RESERVED: Final = re.compile(r"44(2079460|7700900)\d{3}|anonymous")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def session(browser: Browser, home: Path) -> Iterator[Console]:
    """An open session in the console of the practice."""
    with running_demo(home) as server:
        yield open_console(browser, link_of(server))


def ncco(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent)}
    return run([NCCO, *words], cwd=folder, env=environment, capture_output=True, text=True)


@each_case(("path", "content"), [*PAGES.items(), *((path, "form") for path in FOR_CHANGES)])
def test_a_page_has_content_and_is_accessible_in_the_systems_own_colours(desk: Page, path: str, content: str) -> None:
    desk.emulate_media(forced_colors="active")
    desk.goto(path)

    expect(desk.locator(content).first).to_be_attached()
    expect(desk.get_by_role("main")).to_contain_text("A demonstration")
    expect(desk.get_by_text("Adding calls to the picture")).to_have_count(0)
    assert [] == violations(desk)


@each_case("path", FORMS)
def test_the_forms_of_a_table_are_accessible_and_fit(desk: Page, path: str) -> None:
    desk.goto(path)
    expect(desk.get_by_role("main").get_by_role("button").first).to_be_visible()
    check_page(desk)


@each_case(("width", "height"), [(WIDE, 800), (NARROW, 844), (NARROW, 664)])
def test_the_phone_fits_below_the_line_about_the_demonstration(desk: Page, width: int, height: int) -> None:
    desk.set_viewport_size({"width": width, "height": height})
    desk.goto("/phone")
    expect(desk.get_by_role("button", name="Call", exact=True)).to_be_in_viewport(ratio=1)
    expect(desk.get_by_text("Press Call.")).to_be_in_viewport(ratio=1)


def test_a_day_among_the_filters_is_shown_whole(desk: Page) -> None:
    desk.set_viewport_size({"width": WIDE, "height": 800})
    desk.goto("/calls")
    widths = "field => [field.offsetWidth, (field.style.width = 'max-content', field.offsetWidth)]"
    desk.get_by_role("button", name="Filters").click()
    shown, needed = desk.locator("[name=from]").evaluate(widths)
    assert shown >= needed


def test_each_filter_finds_its_calls_and_they_add_up(desk: Page) -> None:
    desk.goto("/calls")
    states = desk.locator("[name=state] option").evaluate_all("options => options.map((option) => option.value)")
    files = {state: desk.request.get("/calls.csv", params={"state": state}).text() for state in states}
    found = {state: len(text.splitlines()) - 1 for state, text in files.items()}

    results = ("person", "message", "own:confirmed", "served", "missed")
    assert 0 not in [found[result] for result in results]
    assert found[""] == sum(found[result] for result in results)
    assert found["missed"] == sum(number for state, number in found.items() if state.startswith("missed:"))


def test_pages_are_valid_html_for_owners_and_developers(desk: Page, tmp_path: Path) -> None:
    if not (shutil.which("node") and (HTML / "node_modules").is_dir()):
        pytest.skip(f"html-validate is not installed: npm --prefix {HTML.relative_to(HTML.parents[4])} ci")
    desk.goto("/home")
    call = desk.request.get("/calls").text().partition('href="/calls/')[2].partition('"')[0]
    paths = [*PAGES, *FORMS, *FOR_CHANGES, f"/calls/{call}", "/messages", "/no/such/page"]
    for view in ("owner", "developer"):
        desk.get_by_role("button", name=view.capitalize()).click()
        desk.wait_for_load_state()
        for number, path in enumerate(paths):
            text = desk.request.get(path, headers={"accept": "text/html"}).text()
            file = tmp_path / f"{view}-{number:02}{re.sub(r'[^a-z]', '-', path)}.html"
            file.write_text(text, encoding="utf-8")
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(RULES), encoding="utf-8")
    words = [str(HTML / "node_modules/.bin/html-validate"), "--formatter", "json=found.json", "."]
    subprocess.run(words, cwd=tmp_path, check=False)

    assert [] == [
        f"{Path(each['filePath']).name}:{fault['line']}:{fault['column']}: {fault['ruleId']}: {fault['message']}"
        for each in json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
        for fault in each["messages"]
    ]


def test_its_folder_is_a_sound_project_that_cannot_go_live(session: Console, home: Path) -> None:
    practice = home / "practice"
    checked = ncco(practice, "check")
    refused = ncco(practice, "go-live")
    again = ncco(home, "init", "practice", "--demo")

    assert session
    assert (0, "no issues") == (checked.returncode, checked.stdout[:9])
    assert 0 == ncco(practice, "test").returncode
    assert (2, "Error: this is a demonstration") == (refused.returncode, refused.stderr[:30])
    assert (2, "Error: practice is not empty") == (again.returncode, again.stderr[:28])


def test_its_numbers_are_reserved_for_fiction_and_it_sends_nothing(session: Console, home: Path) -> None:
    calls = json.loads(ncco(home / "practice", "calls", "--format", "json", "--limit", "500").stdout)["calls"]
    hooks = json.loads(ncco(home / "practice", "hooks", "--format", "json").stdout)

    assert session
    assert 100 < len(calls)
    assert {"person", "message", "own", "served", "missed"} == {call["result"] for call in calls}
    assert {""} == {RESERVED.sub("", call[name]) for call in calls for name in ("from", "to")}
    assert {"waiting": 0, "parked": 0, "hooks": []} == hooks
