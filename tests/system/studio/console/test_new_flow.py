"""An author works in the browser only: begins a line, and keeps pasted text."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.system.studio.console.browser import Watch, check_page

PASTED = "flow: garage\nnumbers: ['442079460055']\nstart: a\nsteps: {a: {do: [{talk: Garage.}], goto: end}}\n"


def test_a_salon_line_begins_in_the_browser_only(page: Page, watch: Watch, project: Path) -> None:
    watch.expected.append("422")
    page.goto("/flows")
    page.get_by_role("link", name="New flow").click()
    page.get_by_label("Name").fill("Reception")
    page.get_by_label("Number that callers dial").fill("020 7946 0077")
    page.get_by_role("radio", name="Salon").check()
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_label("Name")).to_have_accessible_description(re.compile("^There is a flow reception already"))
    check_page(page)

    page.get_by_label("Name").fill("Hair by Ann")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("listitem").filter(has_text="Tuesday to Friday")).to_contain_text("09:00 to 18:00")
    check_page(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Hair by ann")).to_be_visible()
    file = project / "flows" / "hair_by_ann.yaml"
    assert 'flow: hair_by_ann\nnumbers: ["442079460077"]' in file.read_text(encoding="utf-8")

    page.get_by_role("link", name="Hear it").click()
    expect(page.locator("#call").get_by_text("Thank you for calling the salon.")).to_be_visible()


def test_pasted_text_can_be_saved_as_a_flow(page: Page, project: Path) -> None:
    page.goto("/phone")
    page.get_by_label("File").select_option("pasted text")
    page.locator("flow-editor").get_by_role("textbox").fill(PASTED)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Review the new line garage")).to_be_visible()
    assert not (project / "flows" / "garage.yaml").exists()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Garage")).to_be_visible()
    assert PASTED == (project / "flows" / "garage.yaml").read_text(encoding="utf-8")
