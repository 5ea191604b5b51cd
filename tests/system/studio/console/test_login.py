"""Login with a password, in a real browser and as in production."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contract.server.http.serving import FLOW
from tests.support.server import running
from tests.system.studio.console.browser import Watch, check_page, new_window
from tests.system.studio.console.server import link_of
from tests.unit.studio.console.conftest import HASHES, PASSWORDS


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The console's address on a server for real calls, with both passwords set."""
    settings = {
        "NCCO_CONSOLE": "1",
        "NCCO_CONSOLE_PORT": "0",
        "NCCO_CONSOLE_PASSWORD_HASH": HASHES["change"],
        "NCCO_CONSOLE_VIEWER_PASSWORD_HASH": HASHES["look"],
    }
    with running(tmp_path_factory.mktemp("login"), {"flows/hello.yaml": FLOW}, settings) as server:
        yield link_of(server)


@pytest.fixture
def window(browser: Browser, address: str) -> Iterator[Page]:
    """A window without a session, closed before the server ends."""
    with new_window(browser) as context:
        watch = Watch(context)
        watch.expected += ["401", "404"]
        yield context.new_page()
    assert [] == watch.unexpected()


def log_in(page: Page, password: str, name: str = "") -> None:
    if name:
        page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Password").press("Enter")


def test_a_wrong_password_is_reported_and_the_right_one_continues(window: Page, address: str) -> None:
    window.goto(f"{address}/calls?q=0044")
    expect(window.get_by_label("Password")).to_be_focused()
    log_in(window, "wrong")
    expect(window.get_by_role("alert")).to_have_text("This password is wrong.")
    check_page(window)
    log_in(window, PASSWORDS["look"])

    expect(window).to_have_url(f"{address}/calls?q=0044")
    expect(window.get_by_text("view only")).to_be_visible()
    expect(window.get_by_text("development")).not_to_be_visible()
    window.goto(f"{address}/no/such/page")
    expect(window.get_by_role("heading")).to_have_text("There is no such page.")
    check_page(window)

    window.get_by_role("button", name="Log out").click()
    expect(window).to_have_url(f"{address}/login")
    window.goto(f"{address}/calls")
    expect(window.get_by_label("Password")).to_be_visible()


def test_a_link_from_another_site_opens_its_page(browser: Browser, address: str) -> None:
    with new_window(browser) as context:
        page = context.new_page()
        page.goto(address)
        log_in(page, PASSWORDS["look"])
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        page.goto(address.replace("127.0.0.1", "localhost"))  # a different site, as far as cookies are concerned
        with page.expect_response(f"{address}/calls?q=7") as first:
            page.evaluate(f"location.href = '{address}/calls?q=7'")

        assert 401 == first.value.status
        expect(page.get_by_role("heading", name="Calls", exact=True)).to_be_visible()
        expect(page).to_have_url(f"{address}/calls?q=7")
