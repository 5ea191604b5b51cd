"""The owner's tour has a small picture of each page."""

from __future__ import annotations

import re

from tests.support.tracked import ROOT
from tests.system.studio.console.screenshots import OWNER_PAGES

FOLDER = ROOT / "docs" / "how-to"


def test_the_tour_shows_each_picture_that_is_taken() -> None:
    shown = re.findall(r"!\[.+\]\((.+)\)", (FOLDER / "owner.md").read_text(encoding="utf-8"))

    assert [f"owner-{name}.jpg" for name in OWNER_PAGES] == shown
    assert not [name for name in shown if (FOLDER / name).stat().st_size > 60_000]
