"""A call that the server places in development rings in a real browser, and is answered there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app.cli.console_process import ConsoleProcess, console_beside
from app.service.outgoing import new_client
from app.settings import load_settings
from app.settings.fields import VoiceAccess
from app.vonage.application_token import ApplicationTokens
from app.vonage.voice_api import CallDetails, NewCall, VoiceApi
from tests.system.console.browser import PATIENCE_MS, Watch, check_page, open_console

TO, FROM = "447700900123", "442079460001"
NCCO = [
    {"action": "talk", "text": "Your appointment is tomorrow.", "bargeIn": True},
    {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1, "timeOut": 10}},
    {"action": "talk", "text": "Thank you.", "loop": 0},
]


@pytest.fixture
def process(browser: Browser, project: Path) -> Iterator[ConsoleProcess]:
    """A console as the server starts it in development, with its virtual Vonage."""
    settings = load_settings(
        None, flows=project / "flows", templates=project / "templates", database_url="memory://", console_port=0
    )
    with console_beside(settings, dev=True, say=lambda _: None, has_virtual_vonage=True) as console:
        assert console is not None
        console.start("http://127.0.0.1:9")
        yield console


@pytest.fixture
def desk(browser: Browser, process: ConsoleProcess) -> Iterator[Page]:
    """A page of that console."""
    context = browser.new_context(**open_console(browser, process.url))
    context.set_default_timeout(PATIENCE_MS)
    watch = Watch(context)
    yield context.new_page()
    assert [] == watch.unexpected()
    context.close()


def asked(access: VoiceAccess | None, method: str, *args: Any) -> Any:
    """The reply of the virtual Vonage to a program."""
    assert access is not None

    async def ask() -> Any:
        async with new_client() as client:
            tokens = ApplicationTokens(access.application_id, access.private_key)
            api = VoiceApi(client, access.api_url, tokens, lambda: datetime.now(UTC))
            return await getattr(api, method)(*args)

    with ThreadPoolExecutor(1) as thread:  # the browser's loop runs in this one
        return thread.submit(asyncio.run, ask()).result()


def test_a_placed_call_rings_on_every_page_and_is_answered_on_the_phone(desk: Page, process: ConsoleProcess) -> None:
    desk.goto("/flows")
    expect(desk.locator("#ringing")).to_be_attached()
    call = asked(process.voice_access, "create_call", NewCall(to=TO, from_=FROM, ncco=NCCO))

    expect(desk.get_by_role("alert")).to_contain_text("rings: a call from")
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


def test_a_call_is_declined_and_the_page_is_quiet_again(desk: Page, process: ConsoleProcess) -> None:
    desk.goto("/phone")
    call = asked(process.voice_access, "create_call", NewCall(to=TO, from_=FROM, ncco=NCCO))
    desk.get_by_role("button", name="Decline").click()

    expect(desk.locator(".ringing")).to_have_count(0)
    expect(desk).to_have_title("Phone · NCCO console")
    assert "rejected" == asked(process.voice_access, "call", call.uuid).status
