"""`ncco graph`: what it draws, and how it ends when it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.projects import SHOP, TYPO, ncco, write_project

FAKE_DOT = """#!/bin/sh
test "$1" = -Tsvg && echo "<svg>" && cat && echo "</svg>"
"""


def test_mermaid_of_one_flow(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP, other=SHOP.replace("shop", "other").replace("460000", "460001"))

    shown = ncco("graph", "shop")

    assert 0 == shown.exit_code
    assert shown.stdout.startswith('flowchart TD\n  subgraph f1["shop"]\n    f1_start(["call to 442079460000"])\n')
    assert "other" not in shown.stdout


def test_every_flow_without_a_name_given(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP, other=SHOP.replace("shop", "other").replace("460000", "460001"))

    assert '  subgraph f1["other"]\n' in ncco("graph").stdout
    assert '  subgraph f2["shop"]\n' in ncco("graph").stdout


def test_dot_of_a_flow(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    assert ncco("graph", "--format", "dot").stdout.startswith("digraph flows {\n")


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


def test_graphviz_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path, shop=SHOP)
    write_dot(tmp_path, "#!/bin/sh\nexit 3\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")

    shown = ncco("graph", "--format", "svg")

    assert 2 == shown.exit_code
    assert "Error: dot failed: " in shown.stderr


def test_without_graphviz_the_way_to_an_svg_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path, shop=SHOP)
    monkeypatch.setenv("PATH", str(tmp_path))

    shown = ncco("graph", "--format", "svg")

    assert (2, "") == (shown.exit_code, shown.stdout)
    assert "ncco graph --format dot | dot -Tsvg" in shown.stderr


@pytest.mark.skipif(shutil.which("dot") is None, reason="the program dot of Graphviz is not installed")
def test_the_real_graphviz_takes_what_we_write(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP.replace("For sales,", 'Größe \\" \\\\ <b> & {{ call.from }}'))

    assert "</svg>" in ncco("graph", "--format", "svg").stdout


def test_a_flow_that_is_not_there_ends_with_2_and_the_nearest(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    shown = ncco("graph", "shpo")

    assert 2 == shown.exit_code
    assert 'there is no flow "shpo"\n  cure: did you mean "shop"?' in shown.stderr


def test_a_flow_far_from_every_name_gets_the_list(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    assert "cure: there are: shop" in ncco("graph", "zzz").stderr


@pytest.mark.parametrize("words", [[], ["shop"]])
def test_a_flow_with_errors_is_not_drawn_and_the_errors_are_shown(words: list[str], tmp_path: Path) -> None:
    write_project(tmp_path, shop=TYPO)

    shown = ncco("graph", *words)

    assert (1, "") == (shown.exit_code, shown.stdout)
    assert "E214" in shown.stderr


def test_the_faults_of_another_flow_do_not_matter(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP, other=TYPO.replace("shop", "other").replace("460000", "460001"))

    assert 0 == ncco("graph", "shop").exit_code
