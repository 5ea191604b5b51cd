"""`ncco graph`: what it draws, and its exit code when it cannot."""

from __future__ import annotations

import re
from pathlib import Path

from tests.system.cli.projects import SHOP, ncco, write_project


def test_error_exits_are_drawn_with_an_option(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP.replace("start: menu\n", "start: menu\ndefaults: {on: {error: sales}}\n"))

    assert "any error" not in ncco("graph").stdout
    assert "any error" in ncco("graph", "--errors").stdout


def test_an_svg_needs_no_other_file(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    drawn = ncco("graph", "--format", "svg").stdout

    assert drawn.startswith("<svg ")
    assert drawn.endswith("</svg>\n")
    assert "<style>" in drawn
    assert not re.search(r"(?:href|src|url\()", drawn)
