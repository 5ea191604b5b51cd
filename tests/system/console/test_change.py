"""The owner of a phone line changes a prompt and the hours, and takes it back."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Dialog, Page, expect

from tests.system.console.browser import Watch, check_page

FLOW = """\
flow: bakery
numbers: ["442079460088"]
start: hello
hours:
  shop:
    timezone: Europe/London
    week: {mon-fri: 09:00-17:30}   # never on Sundays
steps:
  hello:
    branch:
      - if: hours.shop.open
        goto: open
      - else: closed
  open:
    do:
      - talk: "We are open."   # as long as there is bread
    goto: end
  closed:
    do:
      - talk: "We are closed."
    goto: end
"""


def test_a_prompt_and_the_hours_change_and_go_back(page: Page, project: Path) -> None:
    flow = project / "flows" / "bakery.yaml"
    flow.write_text(FLOW, encoding="utf-8")

    page.goto("/change")
    page.get_by_role("link", name="bakery").click()
    page.get_by_role("textbox", name="says").first.fill("Fresh bread until six.")
    page.get_by_role("textbox", name="Monday to Friday").fill("08:00-18:00")
    page.get_by_role("button", name="Review changes").click()
    expect(page.get_by_role("listitem").filter(has_text="Monday to Friday")).to_contain_text(
        "09:00-17:30 → 08:00-18:00"
    )
    expect(page.get_by_role("table")).to_be_hidden()
    check_page(page)
    page.get_by_role("button", name="Go on editing").click()
    expect(page.get_by_role("textbox", name="Monday to Friday")).to_have_value("08:00-18:00")
    page.get_by_role("button", name="Review changes").click()
    assert FLOW == flow.read_text(encoding="utf-8")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text(re.compile("^Saved"))).to_be_visible()
    changed = FLOW.replace("We are open.", "Fresh bread until six.").replace("09:00-17:30", "08:00-18:00")
    assert changed == flow.read_text(encoding="utf-8")

    check_page(page)
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text(re.compile("^Saved"))).to_be_visible()
    assert FLOW == flow.read_text(encoding="utf-8")
    page.wait_for_load_state()  # its module makes the call of the link
    page.get_by_role("link", name="Hear it").click()
    expect(page.locator("#call").get_by_text("We are open.")).to_be_visible()


def test_leaving_with_changes_that_are_not_saved_asks_first(page: Page, watch: Watch, project: Path) -> None:
    watch.expected.append("422")
    flow = project / "flows" / "bakery.yaml"
    flow.write_text(FLOW, encoding="utf-8")
    asked = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.goto("/change/flows/bakery.yaml")
    says = page.get_by_role("textbox", name="says").first
    says.fill("Fresh bread.")
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Flows").click()
    expect(says).to_have_value("Fresh bread.")
    assert ["beforeunload"] == asked

    page.get_by_role("textbox", name="Monday to Friday").fill("25:00-26:00")
    page.get_by_role("button", name="Review changes").click()
    expect(page.get_by_role("textbox", name="Monday to Friday")).to_have_accessible_description(
        re.compile("write from when to when")
    )
    expect(page.get_by_role("textbox", name="Monday to Friday")).to_be_focused()
    check_page(page)
    with page.expect_event("dialog"):
        page.get_by_role("link", name="All files").click()
    assert ["beforeunload"] * 2 == asked

    page.get_by_role("textbox", name="Monday to Friday").fill("09:00-17:00")
    page.get_by_role("button", name="Review changes").click()
    page.wait_for_load_state()  # its module asks
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Calls").click()
    assert ["beforeunload"] * 3 == asked
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="All files").click()
    expect(page.get_by_role("heading", name="Change texts, hours and numbers")).to_be_visible()
    assert ["beforeunload"] * 3 == asked
