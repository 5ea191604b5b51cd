"""The owner of a phone line changes a prompt and the hours, and takes it back."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.system.console.browser import check_page

FLOW = """\
flow: bakery
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
    expect(page.get_by_text("Fresh bread until six.").first).to_be_visible()
    check_page(page)
    page.get_by_role("button", name="Go on editing").click()
    expect(page.get_by_role("textbox", name="Monday to Friday")).to_have_value("08:00-18:00")
    page.get_by_role("button", name="Review changes").click()
    assert FLOW == flow.read_text(encoding="utf-8")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text(re.compile("^Saved"))).to_be_visible()
    changed = FLOW.replace("We are open.", "Fresh bread until six.").replace("09:00-17:30", "08:00-18:00")
    assert changed == flow.read_text(encoding="utf-8")

    page.get_by_text("Earlier versions").click()
    page.get_by_role("button", name="Go back to").first.click()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text(re.compile("^Saved"))).to_be_visible()
    assert FLOW == flow.read_text(encoding="utf-8")
    flow.unlink()
