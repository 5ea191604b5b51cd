"""The phone in a real browser."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Dialog, Locator, Page, Route, expect

from tests.system.studio.console.browser import Console, Watch, new_window

VOICE = """
window.said = [];
const voices = [{lang: "de-DE", name: "German"}, {lang: "en_GB", name: "British"}];
Object.defineProperty(window, "speechSynthesis", {value: {
  getVoices: () => voices, cancel: () => window.said.push("-"), addEventListener: () => {},
  speak: ({text, lang}) => window.said.push(`${lang}: ${text}`),
}});
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
"""
"""A browser with two voices, which speaks every text instantly."""


def opened(page: Page, file: str = "flows/reception.yaml") -> Locator:
    page.goto(f"/phone?file={file}")
    expect(page.locator("flow-editor")).to_contain_text("No issues")
    return page.locator("#bubbles")


def heard(page: Page, text: str) -> Locator:
    return page.locator("#bubbles").get_by_text(text)


def call(page: Page) -> Locator:
    page.locator("#hangup").evaluate("button => button.hidden || button.click()")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("#phone")).not_to_have_attribute("data-state", "placing")
    bubbles = page.locator("#bubbles")
    expect(bubbles.locator(".bubble").first).to_be_visible()
    return bubbles


def call_and_press(page: Page, key: str) -> None:
    """Call the flow `reception`, and press a key as soon as the menu prompt is shown."""
    call(page)
    expect(heard(page, "For sales, press 1")).to_be_visible()
    page.keyboard.press(key)


def edit(page: Page, before: str, after: str) -> None:
    change = "(editor, [before, after]) => { editor.value = editor.value.replaceAll(before, after); editor.check(); }"
    page.locator("flow-editor").evaluate(change, [before, after])
    page.locator("flow-editor").dispatch_event("edited")


def test_a_call_is_made_in_the_time_zone_of_the_flow(browser: Browser, console: Console) -> None:
    elsewhere: Console = {**console, "timezone_id": "Asia/Tokyo"}
    with new_window(browser, **elsewhere) as context:
        page = context.new_page()
        opened(page)
        page.get_by_role("button", name="Settings").click()
        page.get_by_label("When, in Europe/London").fill("2026-07-05T09:30")
        call(page)
        expect(page.get_by_text("Sunday 5 July 2026, 09:30 in Europe/London")).to_be_visible()
        page.get_by_role("button", name="Skip ahead").click()
        page.keyboard.press("3")
        expect(heard(page, "We are closed.")).to_be_visible()


def test_a_caller_gets_a_busy_line_and_leaves_a_message_by_keyboard(page: Page) -> None:
    page.clock.install()
    opened(page)
    call_and_press(page, "1")
    expect(heard(page, 'menu → sales: digits 1 are the key of choice "sales", reception.yaml line 48')).to_be_visible()
    expect(page.locator('#picture .node.current[data-step="sales"]')).to_be_in_viewport(ratio=0.9)

    expect(page.get_by_role("button", name="is a machine")).to_be_in_viewport()
    page.get_by_role("button", name="is busy").click()
    expect(page.get_by_text("You chose: is busy.")).to_be_visible()
    page.get_by_role("button", name="Skip ahead").click()
    expect(page.get_by_role("button", name="Finish with #")).to_be_in_viewport()
    page.clock.run_for(5_500)  # longer than the silence that ends the recording: the call waits for a choice
    page.get_by_role("button", name="Finish with #").click()
    page.get_by_role("button", name="Skip ahead").click()
    expect(heard(page, "Thank you for your message. Goodbye.")).to_be_visible()
    expect(heard(page, "The call is over.")).to_be_visible()

    page.locator("#bubbles summary").nth(1).click()
    expect(page.locator("#bubbles").get_by_role("heading", name="Webhook")).to_be_visible()


def test_time_passes_automatically_and_the_voice_follows(page: Page) -> None:
    page.add_init_script(VOICE)
    opened(page)
    call_and_press(page, "3")
    expect(heard(page, "We are")).to_be_visible()
    said = page.evaluate("window.said")
    assert ["en_GB: Thank you for calling Northgate Bicycles.", "-"] == [said[1], said[3]]
    assert said[2].startswith("en_GB: For sales, press 1")
    assert said[4].startswith("en_GB: We are")

    page.get_by_role("button", name="Mute").click()
    page.get_by_role("button", name="Hang up").click()
    expect(heard(page, "The caller hangs up.")).to_be_visible()


def test_a_paused_clock_stays_paused_even_if_a_reply_is_late(page: Page) -> None:
    opened(page)
    clock, held = page.locator("#clock"), list[Route]()
    page.route("**/advance", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    with page.expect_request("**/advance"):
        call(page)
    before = clock.text_content() or ""
    expect(clock).not_to_have_text(before)
    page.get_by_role("button", name="Hold").click()
    stopped_at = clock.text_content() or ""
    page.locator("#call-state").evaluate("state => { state.dataset.old = true; }")
    held[0].continue_()

    expect(page.locator("#call-state:not([data-old])")).to_be_attached()
    expect(clock).to_have_text(stopped_at)


def test_an_edited_prompt_is_replayed_with_the_same_inputs_until_the_path_differs(page: Page, watch: Watch) -> None:
    watch.expected += ["422"]
    opened(page)
    call_and_press(page, "1")
    page.get_by_role("button", name="is busy").click()
    page.get_by_role("button", name="Skip ahead").click()
    page.get_by_role("button", name="Hang up").click()
    expect(heard(page, "The caller hangs up.")).to_be_visible()

    edit(page, "All our sales colleagues are on the phone.", "Everybody is talking.")
    page.get_by_role("button", name="Play again").click()
    expect(heard(page, "Everybody is talking.")).to_be_visible()
    edit(page, "busy: sales_busy", "busy: menu")
    page.get_by_role("button", name="Play again").click()
    expect(heard(page, "From here the call takes another path")).to_be_visible()

    edit(page, "busy: menu", "busy: mneu")
    page.get_by_role("button", name="Play again").click()
    expect(page.locator("#phone-issues")).to_contain_text("This text has 1 error")
    expect(page.get_by_text("This text cannot be called yet")).to_be_visible()
    expect(page.get_by_text("This picture shows the last version without any.")).to_be_visible()
    expect(page.locator('#picture .node[data-step="sales"]')).to_be_visible()
    expect(heard(page, "From here the call takes another path")).to_be_visible()
    edit(page, "busy: mneu", "busy: menu")
    expect(page.locator("#phone-issues")).to_be_empty()
    expect(page.get_by_text("This text cannot be called yet")).to_have_count(0)
    expect(page.get_by_text("This picture shows the last version without any.")).to_be_hidden()
    page.get_by_role("button", name="Play again").click()
    expect(heard(page, "From here the call takes another path")).to_have_count(0)  # that call took this path, too
    expect(heard(page, "07700 900111 rings")).to_be_visible()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Save changes").click()


def test_a_text_is_saved_and_a_call_to_it_is_saved(page: Page, project: Path, watch: Watch) -> None:
    opened(page, "flows/pin.yaml")
    edit(page, "Please key in your four-digit PIN.", "Your PIN, please.")
    page.locator("flow-editor").get_by_role("textbox").press("Control+s")
    expect(page.get_by_role("dialog")).to_contain_text('+      - talk: "Your PIN, please."')
    page.keyboard.press("Enter")
    expect(page.get_by_text("flows/pin.yaml is saved.")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    assert "Your PIN, please." in (project / "flows/pin.yaml").read_text()

    call(page)
    page.get_by_role("button", name="Skip ahead").click()
    page.get_by_role("button", name="Hold").click()
    for key in "2580":
        page.keyboard.press(key)
    expect(heard(page, "Your balance")).to_be_visible()
    page.get_by_role("button", name="Keep as scenario").click()
    expect(page.locator("#status")).to_contain_text("a call from the phone")
    assert "2580" in (project / "tests/scenarios/pin.yaml").read_text()

    edit(page, "Your PIN, please.", "Your PIN, {{ please.")
    save(page)
    expect(page.locator("#status")).to_contain_text("Saved, but calls continue with the last good flow: 1 error.")
    edit(page, "Your PIN, {{ please.", "Your PIN, please.")
    save(page)
    expect(page.locator("#status")).to_have_text("flows/pin.yaml is saved.Undo\N{MULTIPLICATION SIGN}")


def test_pasted_text_is_not_thrown_away_without_a_question(page: Page) -> None:
    opened(page)
    page.get_by_label("File").select_option("pasted")
    editor = page.locator("flow-editor")
    editor.get_by_role("textbox").fill(CRM)
    asked = list[str]()

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    for leave in ("file", "line", "page"):
        with page.expect_event("dialog"):
            match leave:
                case "file":
                    page.get_by_label("File").select_option("flows/pin.yaml")
                case "line":
                    page.get_by_label("You call").select_option("flows/pin.yaml")
                case "page":
                    page.get_by_role("link", name="Calls", exact=True).click(no_wait_after=True)
        expect(page.get_by_label("File")).to_have_value("pasted")
        assert CRM == editor.evaluate("editor => editor.value"), leave

    assert ["confirm", "confirm", "beforeunload"] == asked


def test_a_file_that_cannot_be_written_says_so_and_is_not_saved(page: Page) -> None:
    def block(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json={**reply.json(), "blocked": "This folder cannot be written."})

    page.route("**/phone/text?*", block)
    opened(page)
    page.get_by_label("File").select_option("flows/pin.yaml")
    expect(page.get_by_text("This folder cannot be written.")).to_be_visible()
    edit(page, "PIN", "secret number")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_label("File").select_option("pasted")
    expect(page.get_by_text("This folder cannot be written.")).to_be_hidden()


CRM = """\
flow: crm
numbers: ["442079460999"]
start: a
lookups:
  points: {python: "points_of_shop:points", timeout: 3500ms, returns: {count: int}}
steps:
  a:
    lookup: points
    do:
      - talk: "You have {{ points.count }} points."
    goto: end
"""


def test_an_invalid_input_is_reported_beside_its_field(page: Page) -> None:
    opened(page)
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Everyone who is dialled").select_option("timeout")
    page.get_by_label("When, in Europe/London").fill("2199-07-05T09:30")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("#at:focus")).to_be_visible()
    page.get_by_label("When, in Europe/London").fill("")
    call_and_press(page, "1")
    page.get_by_role("button", name="Skip ahead").click()
    page.get_by_label("Speak for").fill("")
    page.get_by_role("button", name="Finish with #").click()
    expect(page.locator("#seconds:focus")).to_be_visible()
    expect(page.get_by_role("group", name="Leave a message")).to_be_visible()
    page.get_by_label("Speak for").fill("7")
    page.get_by_role("button", name="Finish with #").click()
    expect(heard(page, "speaks for 7 s")).to_be_visible()


AGENT = """\
flow: shop
default: true
start: assistant
steps:
  assistant:
    do: [{talk: You are talking to our assistant.}]
    agent:
      uri: wss://bot.example.com/calls
      outcomes: [refund]
      returns: {order: text, seats: int, gift: bool, tier: [gold, plain]}
      limit: 10m
    on: {refund: refund, failed: person, too_long: person}
  refund:
    do: [{talk: "{{ agent.order }}, {{ agent.seats }}, {{ 'gift' if agent.gift else 'no gift' }}, {{ agent.tier }}."}]
    goto: end
  person: {do: [{talk: A person will help you.}], goto: end}
"""


def test_an_agent_hands_the_caller_back_by_a_button(page: Page) -> None:
    page.goto("/phone?file=pasted")
    expect(page.locator("flow-editor .cm-editor")).to_be_visible()
    page.locator("flow-editor").evaluate("(editor, text) => { editor.value = text; editor.check(); }", AGENT)
    page.locator("flow-editor").dispatch_event("edited")
    expect(page.locator("flow-editor")).to_contain_text("No issues")
    call(page)
    page.get_by_role("button", name="Skip ahead").click()
    page.get_by_label("order").fill("0815")
    page.get_by_label("seats").fill("3")
    page.get_by_label("gift").check()
    page.get_by_label("tier").select_option("gold")
    page.get_by_label("After").fill("40")
    page.get_by_role("button", name="hands back: refund").click()
    page.get_by_role("button", name="Skip ahead").click()
    expect(heard(page, "0815, 3, gift, gold.")).to_be_visible()

    call(page)
    page.get_by_role("button", name="Skip ahead").click()
    page.get_by_role("button", name="closes without a word").click()
    page.get_by_role("button", name="Skip ahead").click()
    expect(heard(page, "A person will help you.")).to_be_visible()


def test_a_second_click_does_nothing_while_the_reply_is_pending(page: Page) -> None:
    opened(page)
    call_and_press(page, "1")
    acts = list[Route]()
    page.route("**/steps", lambda route: acts.append(route))  # noqa: PLW0108 - Playwright marks it
    with page.expect_request("**/steps"):
        page.get_by_role("button", name="is busy").dblclick()
    expect(page.get_by_role("button", name="is busy")).to_be_disabled()
    for route in acts:
        route.continue_()

    expect(heard(page, "All our sales colleagues are on the phone.")).to_be_visible()
    assert 1 == len(acts)
    expect(page.locator("#status")).to_be_empty()


def test_refused_words_are_not_lost(page: Page, watch: Watch) -> None:
    watch.expected += ["503"]
    opened(page)
    call(page)
    detail = {"detail": "Too many checks are running at the moment.", "fix": "Try it again."}
    page.route("**/steps", lambda route: route.fulfill(status=503, json=detail), times=1)
    page.get_by_label("What the caller says").fill("sales")
    page.get_by_role("button", name="Say").click()
    expect(page.get_by_role("status")).to_contain_text("Too many checks are running at the moment. Try it again.")
    expect(page.get_by_label("What the caller says")).to_have_value("sales")
    page.get_by_role("button", name="Say").click()
    expect(page.get_by_label("What the caller says")).to_have_value("")
    expect(heard(page, "sales")).not_to_have_count(0)
