"""The editor of the phone page in the browser: pasted flows and NCCOs."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Locator, Page, Route, expect

from tests.system.studio.console.browser import NARROW, check_page

FLOW = """\
flow: shop
numbers: ["442079460009"]
start: hello
steps:
  # the greeting
  hello:
    do: [{talk: "Hello {{ call.from }}, press 1."}]
    choices:
      sales: {dtmf: 1, gotoo: sales}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: sales}
  sales:
    do: [{talk: "Goodbye."}]
    goto: end
"""
NCCO = """\
[
  {"action": "talk", "text": "Press 1 for sales."},
  {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigit": 1}, "eventUrl": ["https://example.com/keys"]}
]
"""
MEGABYTE = json.dumps([{"action": "talk", "text": "Please hold the line"}] * 18000)


def pasted(page: Page, text: str) -> Locator:
    """The editor after a text was pasted from the clipboard."""
    page.goto("/phone")
    page.get_by_label("File").select_option("pasted text")
    editor = page.locator("flow-editor")
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    editor.get_by_role("textbox").focus()
    page.keyboard.press("Control+v")
    return editor


def value(editor: Locator) -> str:
    text: str = editor.evaluate("editor => editor.value")
    return text


def test_a_text_is_shown_without_issues_only_after_a_check(page: Page) -> None:
    held = list[Route]()
    page.route("**/editor/check", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    with page.expect_request("**/editor/check"):
        page.goto("/phone?file=flows/reception.yaml")
    expect(page.locator("flow-editor section")).to_have_text("Checking …")
    for route in held:
        route.continue_()

    expect(page.locator("flow-editor section")).to_have_text("No issues")


def test_a_pasted_ncco_is_underlined_fixed_by_a_click_and_played(page: Page) -> None:
    editor = pasted(page, NCCO)
    expect(editor.locator(".cm-lintRange-error")).to_have_text('"maxDigit"')
    editor.locator(".cm-lintRange-error").hover()
    expect(page.locator(".cm-tooltip .cure")).to_have_text('Did you mean "maxDigits"?')
    check_page(page)

    editor.get_by_role("button", name="Change to maxDigits").first.click()
    expect(editor.locator("section")).to_contain_text("No issues")
    assert '"dtmf": {"maxDigits": 1}' in value(editor)
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator(".bubble").first).to_have_text("Press 1 for sales.")
    expect(page.get_by_text("There is no picture of an NCCO")).to_be_visible()


def test_a_flow_is_fixed_and_called_by_keyboard_only(page: Page) -> None:
    page.set_viewport_size({"width": NARROW, "height": 844})
    editor = pasted(page, FLOW)
    expect(editor.get_by_role("textbox", name="Press Escape, then Tab to leave the editor")).to_be_focused()
    expect(editor.locator(".cm-lintRange-error")).to_have_text("gotoo")

    page.keyboard.press("F8")  # jumps to the next issue
    page.keyboard.press("Control+.")
    expect(editor.locator("section")).to_contain_text("No issues")
    page.keyboard.press("Control+z")
    expect(editor.locator(".cm-lintRange-error")).to_have_text("gotoo")
    page.keyboard.press("Control+y")
    expect(editor.locator("section")).to_contain_text("No issues")
    page.keyboard.press("Control+Home")
    page.keyboard.press("Tab")
    assert value(editor).startswith("  flow: shop")
    page.keyboard.press("Control+z")

    page.keyboard.press("Escape")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "place":
            break
    page.keyboard.press("Enter")
    expect(page.locator(".bubble").first).to_have_text("Hello 447700900123, press 1.")
    page.keyboard.press("1")
    expect(page.locator(".bubble").last).to_have_text("Goodbye.")


def test_a_fix_is_applied_where_the_text_has_moved_to(page: Page) -> None:
    editor = pasted(page, FLOW)
    fix = editor.get_by_role("button", name="Change to goto")
    expect(fix).to_be_visible()
    page.route("**/editor/check", lambda route: None)  # keeps the issues of the old text
    page.keyboard.press("Control+Home")
    page.keyboard.type("# one more line\n")
    fix.click()

    assert value(editor).startswith("# one more line\nflow: shop")
    assert "{dtmf: 1, goto: sales}" in value(editor)


def test_keys_are_completed_explained_and_linked(page: Page) -> None:
    editor = pasted(page, FLOW.replace("gotoo", "goto"))
    editor.evaluate("editor => editor.goTo(13, 14)")
    page.keyboard.press("Control+Backspace")
    page.keyboard.type("sal")
    expect(page.locator(".cm-tooltip-autocomplete [aria-selected]")).to_contain_text("sales")
    page.wait_for_timeout(100)  # a completion cannot be accepted in its first 75 ms
    page.keyboard.press("Enter")
    assert "    goto: sales\n" in value(editor)

    page.keyboard.press("F12")
    expect(editor.locator(".cm-activeLine")).to_have_text("sales:")
    editor.get_by_text("choices").hover()
    expect(page.locator(".cm-hover")).to_contain_text("A menu")


def test_the_definition_of_a_name_in_another_file_opens_that_file(page: Page, project: Path) -> None:
    caller = FLOW.replace("gotoo: sales", "goto: {run: farewell}")
    (project / "flows" / "shop.yaml").write_text(caller, encoding="utf-8")
    farewell = "flow: farewell\nstart: bye\nsteps:\n  bye: {do: [{talk: Goodbye.}], goto: end}\n"
    (project / "flows" / "farewell.yaml").write_text(farewell, encoding="utf-8")
    page.goto("/phone?file=flows/shop.yaml&line=9")
    editor = page.locator("flow-editor")
    expect(editor.locator(".cm-activeLine")).to_contain_text("farewell")
    editor.evaluate(f"editor => editor.goTo(9, {caller.splitlines()[8].index('farewell') + 2})")
    page.keyboard.press("F12")

    expect(page.get_by_label("File")).to_have_value("flows/farewell.yaml")
    expect(editor.locator(".cm-activeLine")).to_contain_text("farewell")


def processor_s(page: Page) -> float:
    """The CPU time that the page's tasks have used, in seconds; other processes do not count."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    devtools.detach()
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def test_a_line_of_a_megabyte_stays_usable(page: Page) -> None:
    editor = pasted(page, "flow: shop")
    page.route("**/phone/*", lambda route: route.fulfill(body=""))  # the page's own requests about the text
    editor.evaluate("(editor, text) => { editor.value = text }", MEGABYTE)
    editor.evaluate("editor => editor.goTo(1, 1)")
    before_s = processor_s(page)
    page.evaluate(
        """async () => {
            for (const key of "typed") {
                document.execCommand("insertText", false, key);
                await new Promise(requestAnimationFrame);
            }
        }"""
    )
    took_s = processor_s(page) - before_s

    assert value(editor).startswith("typed")
    assert took_s < 2.5
    expect(editor.locator("section .issue").first).to_be_visible()


def test_enter_after_a_key_indents_its_value(page: Page) -> None:
    editor = pasted(page, "steps:\n  address:")
    page.route("**/editor/complete", lambda route: route.fulfill(json={}))  # otherwise Enter would accept a completion
    page.keyboard.press("Enter")
    page.keyboard.type("do:\n- talk:")
    page.keyboard.press("Enter")
    page.keyboard.type("x")
    assert "steps:\n  address:\n    do:\n      - talk:\n          x" == value(editor)
