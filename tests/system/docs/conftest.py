"""The documentation site, built once, and its first page in a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.support.tracked import ROOT
from tests.system.studio.console.browser import running_browser, why_not

NOWHERE = "http://127.0.0.1:9"
"""A proxy that does not exist, so every request to the network fails."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")},
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE),
            "NO_MKDOCS_2_WARNING": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout
    assert "Doc file" not in done.stdout, done.stdout  # mkdocs reports dead links this way, not as a warning
    return folder


@pytest.fixture(scope="module")
def page(site: Path) -> Iterator[Page]:
    """The first page, opened as a file; any request that is not for a file fails the test."""
    if problem := why_not():
        pytest.skip(problem)
    with running_browser() as browser:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.locator(".md-search__input").click()
        yield page
        assert [] == [url for url in asked if not url.startswith(("file:", "data:"))]
