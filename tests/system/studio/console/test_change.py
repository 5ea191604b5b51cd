"""The owner of a phone line changes a prompt and the hours, then undoes the change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from tests.system.studio.console.browser import NARROW, Console, Watch, check_page, new_window

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
    choices:
      orders: {dtmf: 1, goto: orders}
    retry: {then: end}
  orders:
    do:
      - connect: "447700900111"
    on: {completed: end, otherwise: closed}
  closed:
    do:
      - talk: "We are closed."
    goto: end
"""


COVERED = """
(all) => all.filter((each) => {
  const { left, bottom } = each.getBoundingClientRect();
  return document.elementFromPoint(left + 9, bottom - 3)?.closest("form > .row");
}).map((each) => each.outerHTML.slice(0, 100))
"""


def section(page: Page, name: str) -> Locator:
    """A section of the form, opened."""
    found = page.locator("details.section").filter(has=page.get_by_role("heading", name=name, exact=True))
    if found.get_attribute("open") is None:
        found.locator("summary").first.click()
    return found


@pytest.fixture
def form(page: Page, project: Path) -> Page:
    """The bakery's form, as owners see it."""
    (project / "flows" / "bakery.yaml").write_text(FLOW, encoding="utf-8")
    page.goto("/change/flows/bakery.yaml")
    page.get_by_role("button", name="Owner").click()
    expect(page.get_by_role("heading", name="Bakery")).to_be_visible()
    return page


def test_all_sections_of_a_long_flow_are_in_view_at_first(page: Page, project: Path) -> None:
    more = "".join(f'  s{n}:\n    do: [{{talk: "Part {n}."}}]\n    goto: end\n' for n in range(40))
    (project / "flows" / "bakery.yaml").write_text(FLOW + more, encoding="utf-8")
    page.set_viewport_size({"width": NARROW, "height": 844})
    page.goto("/change/flows/bakery.yaml")
    for name in ("What callers hear", "Opening hours", "Who is called"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_in_viewport()

    section(page, "What callers hear").get_by_role("searchbox").fill("Part 37.")
    expect(page.get_by_role("textbox", name="says").filter(visible=True)).to_have_count(1)


def test_nothing_is_under_the_button_when_the_keyboard_reaches_it(page: Page, project: Path) -> None:
    more = "".join(f'  s{n}:\n    do: [{{talk: "Part {n}."}}]\n    goto: end\n' for n in range(10))
    (project / "flows" / "bakery.yaml").write_text(FLOW + more, encoding="utf-8")
    page.set_viewport_size({"width": NARROW, "height": 664})
    page.goto("/change/flows/bakery.yaml")
    covered = list[str]()
    for _ in range(40):
        page.keyboard.press("Tab")
        page.wait_for_timeout(50)  # until it is scrolled
        covered += page.locator("form.change > :not(.row) :focus").evaluate_all(COVERED)
    assert [] == covered


def test_a_prompt_can_be_heard_before_it_is_saved(form: Page) -> None:
    form.evaluate(
        "() => { window.said = []; speechSynthesis.getVoices = () => [{}];"
        " speechSynthesis.speak = ({ text }) => said.push(text); }"
    )
    form.get_by_role("textbox", name="says").first.fill("For bread, press <b>1</b>.")
    form.get_by_role("button", name="Listen: says").first.click()

    assert ["For bread, press  1 ."] == form.evaluate("said")


def test_a_prompt_and_the_hours_change_and_go_back(page: Page, project: Path) -> None:
    flow = project / "flows" / "bakery.yaml"
    flow.write_text(FLOW, encoding="utf-8")

    page.goto("/change")
    page.get_by_role("link", name="Bakery").click()
    page.get_by_role("textbox", name="says").first.fill("Fresh bread until six.")
    section(page, "Opening hours")
    page.get_by_role("textbox", name="Monday opens", exact=True).fill("8am to 6pm")
    page.get_by_role("textbox", name="Monday closes", exact=True).fill("")
    page.get_by_role("button", name="Also on Tue, Wed, Thu, Fri").click()
    page.get_by_role("button", name="Review changes").click()
    changes = page.get_by_role("region", name="What changes").get_by_role("listitem")
    expect(changes.filter(has_text="Monday to Friday")).to_contain_text("09:00 to 17:30 → 08:00 to 18:00")
    expect(page.get_by_role("table")).to_be_hidden()
    heard = page.get_by_role("region", name="Callers will hear").get_by_role("listitem")
    expect(heard).to_have_text(
        [
            "Open: “Fresh bread until six.”",
            "Monday to Friday at 12:00: “Fresh bread until six.”",
            "Saturday, Sunday at 12:00: “We are closed.”",
        ]
    )
    check_page(page)
    page.get_by_role("button", name="Keep editing").click()
    expect(page.get_by_role("textbox", name="Monday closes", exact=True)).to_have_value("18:00")
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
    page.get_by_role("link", name="Hear it").click()
    expect(page.locator("#call").get_by_text("We are open.")).to_be_visible()


def test_leaving_with_unsaved_changes_asks_first(page: Page, watch: Watch, project: Path) -> None:
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
        page.get_by_role("link", name="Flows", exact=True).click()
    expect(says).to_have_value("Fresh bread.")
    assert ["beforeunload"] == asked

    section(page, "Opening hours")
    opens = page.get_by_role("textbox", name="Monday opens", exact=True)
    opens.fill("25:00")
    page.get_by_role("button", name="Review changes").click()
    expect(opens).to_have_accessible_description(re.compile("write opening and closing times"))
    expect(opens).to_be_focused()
    expect(opens).to_have_value("25:00")
    check_page(page)
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Everything you can change").click()
    assert ["beforeunload"] * 2 == asked

    opens.fill("10am")
    page.get_by_role("button", name="Review changes").click()
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Calls").click()
    assert ["beforeunload"] * 3 == asked
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Cancel").click()
    assert ["beforeunload"] * 4 == asked
    page.remove_listener("dialog", stay)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Everything you can change").click()
    expect(page.get_by_role("heading", name="Change texts, hours and numbers")).to_be_visible()


VETS = Path("examples/hours/flows")


@pytest.fixture
def hours(page: Page, project: Path) -> Page:
    """The opening hours of a surgery, in a shared file, as its owner sees them."""
    for file in VETS.iterdir():
        (project / "flows" / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    page.goto("/change/flows/shared.yaml")
    page.get_by_role("button", name="Owner").click()
    section(page, "Opening hours")
    return page


def test_a_lunch_break_on_one_day_leaves_the_other_days_as_they_are(hours: Page, project: Path) -> None:
    wednesday = hours.locator(".day").filter(has_text="Wednesday")
    wednesday.get_by_text("Break").click()
    for field, time in zip(wednesday.get_by_role("textbox").all(), ("9am", "2pm", "3pm", "6pm"), strict=True):
        field.fill(time)
    hours.get_by_label("Saturday closed").check()
    expect(hours.get_by_label("Saturday opens", exact=True)).to_be_hidden()
    check_page(hours)
    hours.get_by_role("button", name="Review changes").click()
    changes = hours.get_by_role("region", name="What changes").get_by_role("list").first
    expect(changes.get_by_role("listitem")).to_have_text(
        [
            re.compile(r"Wednesday:\s*08:30 to 18:30 → 09:00 to 14:00 and 15:00 to 18:00"),
            re.compile(r"Saturday:\s*09:00 to 13:00 → closed"),
        ]
    )
    hours.get_by_role("button", name="Save").click()

    week = 'week: {"mon,tue,thu,fri": 08:30-18:30, sat: closed, wed: "09:00-14:00, 15:00-18:00"}'
    before = (VETS / "shared.yaml").read_text(encoding="utf-8")
    expect(hours.get_by_text(re.compile("^Saved"))).to_be_visible()
    expected = before.replace("week: {mon-fri: 08:30-18:30, sat: 09:00-13:00}", week)
    assert expected == (project / "flows" / "shared.yaml").read_text(encoding="utf-8")


def test_a_text_with_a_value_is_reworded_without_its_code(page: Page, hours: Page, project: Path, watch: Watch) -> None:
    watch.expected.append("422")
    page.set_viewport_size({"width": NARROW, "height": 844})
    page.goto("/change/flows/clinic.yaml")
    closed = page.get_by_role("group", name="Closed", exact=True)
    says = closed.get_by_role("textbox", name="says")
    expect(says).to_have_value("We open again [next opening]. If it is an emergency, press 1 or say emergency.")
    expect(closed).to_contain_text(re.compile("Filled in during the call: \\[next opening\\], such as “.* at .*”"))
    expect(page.get_by_role("group", name="Other hours")).to_contain_text("Change it in the code")
    expect(page.locator("main")).not_to_contain_text(re.compile("{{|{%"))
    check_page(page)
    page.get_by_role("link", name="Change it in the code").first.click()
    expect(page.locator("flow-editor .cm-activeLine")).to_contain_text("{%")
    page.go_back()

    says.fill("We are back [next open]. Press 1 in an emergency.")
    page.get_by_role("button", name="Review changes").click()
    expect(says).to_have_accessible_description(
        "[next open] has no value in this text: use [next opening], or no brackets"
    )
    check_page(page)
    says.fill("We are back [next opening]. Press 1 in an emergency.")
    page.get_by_role("button", name="Review changes").click()
    expect(page.get_by_role("region", name="What changes")).to_contain_text("→ We are back [next opening].")
    heard = page.get_by_role("region", name="Callers will hear")
    expect(heard).to_have_text(re.compile("Closed: “We are back .* at .*[.] Press 1 in an emergency.”"))
    check_page(page)
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text(re.compile("^Saved"))).to_be_visible()
    before = (VETS / "clinic.yaml").read_text(encoding="utf-8")
    old = "We open again {{ hours.clinic.next_open | spoken }}. If it is an emergency, press 1 or say emergency."
    new = "We are back {{ hours.clinic.next_open | spoken }}. Press 1 in an emergency."
    assert before.replace(old, new) == (project / "flows" / "clinic.yaml").read_text(encoding="utf-8")
    page.goto("/history")
    expect(page.get_by_role("region", name="Changes")).to_contain_text("→ We are back [next opening].")
    expect(page.locator("main")).not_to_contain_text("{{")
    check_page(page)


def test_a_new_holiday_says_what_callers_will_hear_before_it_is_saved(hours: Page) -> None:
    hours.get_by_text("Another holiday").click()
    hours.locator('[name="key:/hours/clinic/holidays"]').fill("2030-05-17")
    hours.get_by_label("Name").filter(visible=True).fill("Harbour Day")
    hours.get_by_role("button", name="Review changes").click()

    heard = hours.get_by_role("region", name="Callers will hear")
    expect(heard).to_contain_text(
        "Fri 17 May at 08:30: “Harbour Vets. We are closed today for Harbour Day. We open again"
    )
    check_page(hours)


def test_each_special_day_says_what_callers_hear(hours: Page) -> None:
    training = hours.locator(".field").filter(has_text="Fri 14 June 2030, staff training")
    expect(training).to_contain_text(
        "Callers hear at 12:00: “Harbour Vets. Our opening hours are different today: staff"
    )
    hours.get_by_text("holidays in the next year").click()
    christmas = hours.get_by_role("listitem").filter(has_text="25 December")
    expect(christmas).to_contain_text("We are closed today for Christmas Day.")
    check_page(hours)


def test_hours_change_without_javascript(browser: Browser, console: Console, hours: Page, project: Path) -> None:
    with new_window(browser, **console, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/change/flows/shared.yaml")
        page.get_by_label("Sunday closed").uncheck()
        page.get_by_label("Sunday opens", exact=True).fill("9am to 2pm and 3pm to 6pm")
        page.get_by_role("button", name="Review changes").click()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text(re.compile("^Saved"))).to_be_visible()
        assert 'sun: "09:00-14:00, 15:00-18:00"' in (project / "flows" / "shared.yaml").read_text(encoding="utf-8")
