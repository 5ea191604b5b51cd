"""A call that a development server places rings in a real browser and is answered there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ncco_server.service.outgoing import new_client
from ncco_server.settings import load_settings
from ncco_server.settings.fields import VoiceAccess
from ncco_server.vonage.application_token import ApplicationTokens
from ncco_server.vonage.keys import new_private_key
from ncco_server.vonage.voice_api import CallDetails, NewCall, VoiceApi
from ncco_studio.commands.console_process import ConsoleProcess, console_beside
from tests.support.fork_server import NCCO, run
from tests.system.cli.projects import write_project
from tests.system.cli.running import happens, plain_environment, running_server
from tests.system.studio.console.browser import PATIENCE_MS, Watch, check_page, open_console

TO, FROM = "447700900123", "442079460001"
PLAYED = [
    {"action": "talk", "text": "Your appointment is tomorrow.", "bargeIn": True},
    {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1, "timeOut": 10}},
    {"action": "talk", "text": "Thank you.", "loop": 0},
]


@pytest.fixture
def process(browser: Browser, project: Path) -> Iterator[ConsoleProcess]:
    """The console as a development server starts it, with a virtual Vonage."""
    settings = load_settings(
        None,
        flows=project / "flows",
        templates=project / "templates",
        database_url="memory://",
        console_port=0,
        has_virtual_vonage=True,
    )
    with console_beside(settings, dev=True, say=lambda _: None) as console:
        assert console is not None
        console.start("http://127.0.0.1:9")
        yield console


@pytest.fixture
def desk(browser: Browser, process: ConsoleProcess) -> Iterator[Page]:
    """A page of the console in `process`."""
    context = browser.new_context(**open_console(browser, process.url))
    context.set_default_timeout(PATIENCE_MS)
    watch = Watch(context)
    yield context.new_page()
    assert [] == watch.unexpected()
    context.close()


def asked(access: VoiceAccess | None, method: str, *args: Any) -> Any:
    """Call a method of `VoiceApi` on the virtual Vonage. Returns the reply."""
    assert access is not None

    async def ask() -> Any:
        async with new_client() as client:
            tokens = ApplicationTokens(access.application_id, access.private_key)
            api = VoiceApi(client, access.api_url, tokens, lambda: datetime.now(UTC))
            return await getattr(api, method)(*args)

    with ThreadPoolExecutor(1) as thread:  # this thread runs the browser's event loop
        return thread.submit(asyncio.run, ask()).result()


def test_a_placed_call_rings_on_every_page_and_is_answered_on_the_phone(desk: Page, process: ConsoleProcess) -> None:
    desk.goto("/flows")
    expect(desk.locator("#ringing")).to_be_attached()
    call = asked(process.voice_access, "create_call", NewCall(to=TO, from_=FROM, ncco=PLAYED))

    expect(desk.get_by_role("alert")).to_contain_text("is ringing: a call from")
    expect(desk).to_have_title("Ringing · Flows · NCCO console")
    check_page(desk)
    desk.get_by_role("button", name="Answer").click()
    desk.wait_for_url(f"**/phone?call=placed-{call.uuid}")

    talk = desk.locator("#bubbles")
    expect(talk).to_contain_text("Your appointment is tomorrow.")
    expect(desk.get_by_role("button", name="Hold")).to_be_hidden()
    desk.keyboard.press("7")
    expect(talk).to_contain_text("Thank you.")
    check_page(desk)
    desk.get_by_role("button", name="Hang up").click()
    expect(desk.locator("#call-panel")).to_contain_text("The call took")
    over: CallDetails = asked(process.voice_access, "call", call.uuid)
    assert "completed" == over.status


def test_a_call_can_be_declined_and_the_page_stops_ringing(desk: Page, process: ConsoleProcess) -> None:
    desk.goto("/phone")
    call = asked(process.voice_access, "create_call", NewCall(to=TO, from_=FROM, ncco=PLAYED))
    desk.get_by_role("button", name="Decline").click()

    expect(desk.locator(".ringing")).to_have_count(0)
    expect(desk).to_have_title("Phone · NCCO console")
    assert "rejected" == asked(process.voice_access, "call", call.uuid).status


REMINDER = """\
flow: reminder
params: {name: text}
start: hello
outbound: {from: "442079460001", quiet: false, on: {answered: hello, otherwise: {send: not_reached}}}
hooks: {not_reached: {post: "http://127.0.0.1:9/hook", json: {status: "{{ event.status }}"}}}
steps:
  hello:
    do: [{talk: "Hello {{ name }}. Press 1 to confirm.", bargeIn: true}]
    choices: {confirm: {dtmf: "1", goto: thanks}}
    retry: {then: thanks}
  thanks:
    do: [{talk: Thank you. Goodbye.}]
    goto: end
"""


def test_a_flow_places_a_call_that_is_answered_even_with_a_real_key_and_a_public_url(
    browser: Browser, tmp_path: Path
) -> None:
    write_project(tmp_path, reminder=REMINDER)
    (tmp_path / "real.key").write_text(new_private_key(), encoding="ascii")
    env = {
        "NCCO_CONSOLE": "1",
        "NCCO_CONSOLE_PORT": "0",
        "NCCO_DIAL_ALLOW": "44",
        "NCCO_PUBLIC_URL": "https://calls.example.com",
        "VONAGE_APPLICATION_ID": "78d335fa-323d-4114-9c3d-d6f0d48968cf",
        "VONAGE_PRIVATE_KEY": "real.key",
        "VONAGE_SIGNATURE_SECRET": "a signature secret of at least 32 characters",
    }
    with running_server(tmp_path, "--dev", cwd=tmp_path, env=env) as server:
        assert happens(lambda: "?token=" in server.printed)
        (link,) = re.findall(r'http://\S+token=[^\s"]+', server.printed)
        context = browser.new_context(**open_console(browser, link))
        page = context.new_page()
        page.goto("/calls")
        words = [NCCO, "place", "reminder", "--to", TO, "--with", "name=Ada"]
        run(words, cwd=tmp_path, env=plain_environment(tmp_path, **env), check=True, timeout=60)

        page.get_by_role("button", name="Answer").click()
        expect(page.locator("#bubbles")).to_contain_text("Hello Ada.")
        page.keyboard.press("1")
        expect(page.locator("#bubbles")).to_contain_text("Thank you.")
        page.get_by_role("link", name="What the server did in this call").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("calls 07700 900123")
        context.close()

    assert "nobody is called" in server.printed
