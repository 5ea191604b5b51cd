"""Takes pictures of the console's pages: python -m tests.system.console.screenshots FOLDER."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.system.console.browser import NARROW, WIDE, open_console, running_browser
from tests.system.console.server import running_console

PAGES: Final = {
    "calls": "/calls",
    "call": "/calls/aaaaaaaa-0",
    "change": "/change",
    "change-file": "/change/flows/reception.yaml",
}


def take(folder: Path) -> None:
    """A picture of each page, in light and dark, of a wide and of a narrow window."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, running_console(Path(home)) as link, running_browser() as browser:
        console = open_console(browser, link)
        for scheme in ("light", "dark"):
            for width in (WIDE, NARROW):
                page = browser.new_page(**console, viewport={"width": width, "height": 900}, color_scheme=scheme)
                for name, path in PAGES.items():
                    page.goto(path)
                    page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)
                page.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
