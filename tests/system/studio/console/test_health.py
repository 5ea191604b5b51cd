"""The health page in the browser, with a real server."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.server import Server, running
from tests.support.webhooks import callback, facts, keys, send
from tests.system.studio.console.browser import PATIENCE_MS, Watch, check_page, new_window, open_console
from tests.system.studio.console.server import link_of
from tests.unit.studio.console.test_health import FLOWS

SHOP = FLOWS.replace("timeout: 500ms", "timeout: 3500ms")  # on a busy machine even a refused connection takes time


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    settings = {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "0", "NCCO_DRAIN_S": "60", "NCCO_PUBLIC_URL": ""}
    with running(tmp_path, {"flows/shop.yaml": SHOP}, settings, "--dev") as server:
        yield server


def call(server: Server, leg: str) -> None:
    ncco = send(server.url, "/webhooks/answer", **facts(leg))
    send(server.url, callback(ncco), **facts(leg, **keys("1")))


def test_an_open_page_shows_a_broken_lookup_and_the_end_of_its_server(browser: Browser, server: Server) -> None:
    link = link_of(server)
    with new_window(browser, **open_console(browser, link)) as context:
        watch, page = Watch(context), context.new_page()
        page.clock.install()
        page.goto("/health")
        expect(page.get_by_text("All is well.")).to_be_visible()
        for number in range(3):
            call(server, f"leg-{number}")

        _comes(page, "The lookup stock failed 3 of 3 times in the last hour.")
        expect(page.get_by_text("All is well.")).to_have_count(0)
        expect(page.get_by_text("The server answered 6 requests without a signature")).to_be_visible()
        check_page(page)
        _show_the_step(page)

        page.goto("/health")
        ending = threading.Thread(target=server.end, args=(signal.SIGTERM,))
        ending.start()
        _comes(page, "not taking new calls: the server is shutting down")
        assert [] == watch.unexpected()
    server.end()
    ending.join()


def _comes(page: Page, text: str) -> None:
    """Wait until the open page shows `text`; the page asks every ten seconds of its own clock, which runs fast here.

    While a request is pending the clock runs at its normal speed: the page gives up after 60 seconds.
    """
    until = time.monotonic() + PATIENCE_MS / 1_000
    while not page.get_by_text(text).is_visible():
        assert time.monotonic() < until, page.locator("main").inner_text()
        expect(page.locator(".htmx-request")).to_have_count(0)
        page.clock.fast_forward(10_000)
        page.wait_for_timeout(300)


def _show_the_step(page: Page) -> None:
    page.get_by_role("link", name="Show flow shop, step bicycles").click()
    expect(page.locator('.node[data-step="bicycles"]')).to_contain_class("selected")
