"""The editor of the phone page in the browser: pasted flows and NCCOs."""

from __future__ import annotations

import json

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


def test_a_pasted_ncco_is_underlined_corrected_and_played(page: Page) -> None:
    editor = pasted(page, NCCO)
    expect(editor.locator(".cm-lintRange-error")).to_have_text('"maxDigit"')
    editor.locator(".cm-lintRange-error").hover()
    expect(page.locator(".cm-tooltip .cure")).to_have_text('Did you mean "maxDigits"?')
    check_page(page)

    editor.evaluate("editor => { editor.value = editor.value.replace('maxDigit', 'maxDigits') }")
    expect(editor.locator("section")).to_contain_text("No issues")
    assert '"dtmf": {"maxDigits": 1}' in value(editor)
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator(".bubble").first).to_have_text("Press 1 for sales.")
    expect(page.get_by_text("There is no picture of an NCCO")).to_be_visible()


def test_a_flow_is_corrected_and_called_by_keyboard_only(page: Page) -> None:
    page.set_viewport_size({"width": NARROW, "height": 844})
    editor = pasted(page, FLOW)
    expect(editor.get_by_role("textbox", name="Press Escape, then Tab to leave the editor")).to_be_focused()
    expect(editor.locator(".cm-lintRange-error")).to_have_text("gotoo")

    page.keyboard.press("F8")  # selects the next issue
    page.keyboard.type("goto")
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
    page.keyboard.press("Enter")
    page.keyboard.type("do:\n- talk:")
    page.keyboard.press("Enter")
    page.keyboard.type("x")
    assert "steps:\n  address:\n    do:\n      - talk:\n          x" == value(editor)
