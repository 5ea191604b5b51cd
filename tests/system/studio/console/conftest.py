"""Fixtures for tests of the console in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.server import Server
from tests.system.studio.console.browser import Console, Watch, new_window, open_console, running_browser, why_not
from tests.system.studio.console.inbox import Inbox
from tests.system.studio.console.server import link_of, restore, running_console


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium. Without it the tests are skipped; on a CI machine they fail."""
    if problem := why_not():
        pytest.skip(problem)
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's folder, reset for each window: the example flows, and no messages."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="package")
def server(browser: Browser, project: Path) -> Iterator[Server]:
    """A server of the example flows, with the console."""
    with running_console(project) as server:
        yield server


@pytest.fixture(scope="package")
def console(browser: Browser, server: Server) -> Console:
    """The console of the example flows, with an open session."""
    return open_console(browser, link_of(server))


@pytest.fixture
def context(browser: Browser, console: Console, project: Path) -> Iterator[BrowserContext]:
    """A browser window with the open session, and nothing left over from other tests."""
    restore(project)
    Inbox(project).clear()
    with new_window(browser, **console) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context


@pytest.fixture
def watch(context: BrowserContext, server: Server) -> Iterator[Watch]:
    """Collects what goes wrong in the browser; anything unexpected fails the test."""
    before = len(server.lines)
    watch = Watch(context)
    yield watch
    assert [] == watch.unexpected(), "".join(server.lines[before:])


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Page:
    """An empty tab, watched by `watch`."""
    return context.new_page()


@pytest.fixture
def desk(browser: Browser, session: Console) -> Iterator[Page]:
    """An empty tab with the `session` of the test's own console; the page may refuse a form."""
    with new_window(browser, **session) as context:
        watch = Watch(context)
        watch.expected.append("422")
        yield context.new_page()
        assert [] == watch.unexpected()
