"""How long a browser takes to paint the console's pages: the example flows, a warm Chromium at 1280 pixels.

    .venv/bin/python -m benchmarks.paint [--rounds 9]

For each page, milliseconds from the request to the first paint, and until it can be used (DOMContentLoaded). The mark
is 300 ms each.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from benchmarks.load import machine, page
from tests.system.studio.console.browser import open_console, running_browser
from tests.system.studio.console.server import link_of, running_console

PAGES: Final = (
    "/home",
    "/flows",
    "/flows/reception",
    "/flows/reception?errors=true",
    "/calls",
    "/calls/placed/new",
    "/report",
    "/change",
    "/change/flows/reception.yaml",
    "/health",
)
MARK_MS: Final = 300
PAINTED: Final = """new Promise(done => new PerformanceObserver(list => {
    const [paint] = list.getEntriesByName("first-contentful-paint");
    if (paint) done(paint.startTime);
}).observe({type: "paint", buffered: true}))"""
USABLE: Final = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


def main() -> int:
    """Print the table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=9)
    args = words.parse_args()
    with tempfile.TemporaryDirectory() as name, running_browser() as browser:
        folder = Path(name)
        with running_console(folder) as server:
            tab = browser.new_context(**open_console(browser, link_of(server))).new_page()
            measured = {address: _measure(tab, address, args.rounds) for address in PAGES}
        print(f"{machine.sentence(folder)}; {args.rounds} loads; milliseconds, median (slowest).\n")
    rows = [
        [address, *(f"{statistics.median(each):.0f} ({max(each):.0f})" for each in measured[address])]
        for address in PAGES
    ]
    print("\n".join(page.table(["page", "first paint", "can be used"], rows)))
    missed = [name for name, each in measured.items() if max(map(statistics.median, each)) > MARK_MS]
    print(f"above {MARK_MS} ms: {', '.join(missed) or 'none'}")
    return 0


def _measure(tab: Page, address: str, rounds: int) -> tuple[list[float], list[float]]:
    """Both times of each load but the first, which fills the browser's cache."""
    painted, usable = [], []
    tab.goto(address)
    for _ in range(rounds):
        tab.reload(wait_until="load")
        painted.append(tab.evaluate(PAINTED))
        usable.append(tab.evaluate(USABLE))
    return painted, usable


if __name__ == "__main__":
    sys.exit(main())
