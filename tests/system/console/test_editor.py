"""The editor in the browser."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.system.console.browser import check_page
from tests.system.console.language_stub import open_editor


def opened(page: Page) -> Locator:
    open_editor(page)
    expect(page.locator("flow-editor .issues")).to_be_visible()
    return page.locator("flow-editor")


def value(editor: Locator) -> str:
    text: str = editor.evaluate("editor => editor.value")
    return text


def test_an_issue_is_underlined_and_its_button_cures_it(page: Page) -> None:
    editor = opened(page)

    expect(editor.locator(".cm-lintRange-error")).to_have_text("gotoo")
    editor.get_by_role("button", name="Write goto").click()

    expect(editor.locator("section")).to_contain_text("No issues")
    assert "press: 1, goto: sales" in value(editor)


def test_it_holds_in_both_schemes(page: Page) -> None:
    opened(page)
    page.locator("flow-editor .cm-lintRange-error").hover()
    expect(page.locator(".cm-tooltip .cure")).to_have_text("Write goto.")

    check_page(page)


def test_it_is_used_by_keyboard_alone_and_left_by_escape_and_tab(page: Page) -> None:
    editor = opened(page)
    page.get_by_role("button", name="Before").focus()
    page.keyboard.press("Tab")
    expect(editor.get_by_role("textbox", name="Press Escape, then Tab to leave")).to_be_focused()

    page.keyboard.press("F8")  # the next issue
    page.keyboard.press("Control+.")
    expect(editor.locator("section")).to_contain_text("No issues")
    page.keyboard.press("Control+z")
    expect(editor.locator(".cm-lintRange-error")).to_have_text("gotoo")
    page.keyboard.press("Control+Home")
    page.keyboard.press("Tab")
    assert value(editor).startswith("  start: hello")

    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert "textbox" != page.evaluate("document.activeElement.shadowRoot?.activeElement?.role")


def test_a_fix_is_applied_where_the_text_has_moved_to(page: Page) -> None:
    editor = opened(page)
    fix = editor.get_by_role("button", name="Write goto")
    editor.get_by_role("textbox").focus()
    page.keyboard.press("Control+Home")
    page.route("**/editor/check", lambda route: None)  # the issues stay those of the old text
    page.keyboard.type("# one more line\n")
    fix.click()

    assert value(editor).startswith("# one more line\nstart: hello")
    assert "press: 1, goto: sales" in value(editor)


def test_words_are_completed_explained_and_followed(page: Page) -> None:
    editor = opened(page)
    editor.evaluate("editor => editor.goTo(11, 14)")
    page.keyboard.type("\nx: sal")
    expect(page.locator(".cm-tooltip-autocomplete [aria-selected]")).to_contain_text("sales")
    page.wait_for_timeout(100)  # a completion is not taken in the first 75 ms
    page.keyboard.press("Enter")
    assert "x: sales" in value(editor)

    page.keyboard.press("F12")
    line = editor.locator(".cm-activeLine")
    expect(line).to_have_text("sales:")
    editor.get_by_text("# greeting").hover()
    expect(page.locator(".cm-hover")).to_have_text("The step that the call goes to.")


MEGABYTES = {
    "many lines": '  - talk: "Please hold the line"\n' * 32000,
    "one line": json.dumps([{"action": "talk", "text": "Please hold the line"}] * 20000),
}


@pytest.mark.parametrize("shape", MEGABYTES)
def test_a_text_of_a_megabyte_stays_usable(page: Page, shape: str) -> None:
    editor = opened(page)
    editor.evaluate("(editor, text) => { editor.value = text }", f"{MEGABYTES[shape]}\ngotoo: x")
    expect(editor.locator("section .issue")).to_contain_text("line ")
    editor.evaluate("editor => editor.goTo(1, 1)")
    took_ms = page.evaluate(
        """async () => {
            const began = performance.now();
            for (const key of "typed") {
                document.execCommand("insertText", false, key);
                await new Promise(requestAnimationFrame);
            }
            return performance.now() - began;
        }"""
    )

    assert value(editor).startswith("typed")
    assert took_ms < 2500
