"""What `ncco graph`, `render` and `schema` show, and their exit codes when they cannot."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.command import ncco
from tests.system.cli.projects import SHOP, TYPO, write_project


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


def test_an_argument_that_is_not_utf_8_does_no_harm(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    shown = ncco("render", "shop", "--from", "\udcff", "--digits", "1")

    assert "Your number is ?." == json.loads(shown.stdout)[0]["text"]


def test_names_of_the_project_are_offered(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    assert '"menu",\n' in ncco("schema", "flow").stdout


def test_names_of_a_project_with_errors_are_offered_too(tmp_path: Path) -> None:
    write_project(tmp_path / "a", shop=TYPO)

    assert '"menu",\n' in ncco("schema", "flow", "--flows", "a/flows").stdout
