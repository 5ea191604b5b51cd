"""`ncco graph`: what it draws, and how it ends when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.cli.projects import SHOP, ncco, write_project

FAKE_DOT = """#!/bin/sh
test "$1" = -Tsvg && echo "<svg>" && cat && echo "</svg>"
"""


def test_errors_are_drawn_when_asked_for(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP.replace("start: menu\n", "start: menu\ndefaults: {on: {error: sales}}\n"))

    assert "any error" not in ncco("graph").stdout
    assert "any error" in ncco("graph", "--errors").stdout


def test_svg_is_drawn_by_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path, shop=SHOP)
    write_dot(tmp_path, FAKE_DOT)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")

    assert ncco("graph", "--format", "svg").stdout.startswith("<svg>\ndigraph flows {\n")


def write_dot(folder: Path, script: str) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "dot").write_text(script)
    (folder / "bin" / "dot").chmod(0o755)


def test_without_graphviz_the_cure_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path, shop=SHOP)
    monkeypatch.setenv("PATH", str(tmp_path))

    shown = ncco("graph", "--format", "svg")

    assert (2, "") == (shown.exit_code, shown.stdout)
    assert "ncco graph --format dot | dot -Tsvg" in shown.stderr
