"""Where a command finds templates when only the flows are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main

FLOW = "flow: shop\ndefault: true\nstart: a\nsteps: {a: {do: [{talk: {template: hello.j2}}], goto: end}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "flows/shop.yaml").write_text(FLOW)
    (tmp_path / "templates/hello.j2").write_text("Hello from the shop.")
    return tmp_path


@pytest.mark.parametrize("named", [".", "flows"])
def test_templates_lie_beside_the_flows_that_are_named(project: Path, named: str) -> None:
    result = CliRunner().invoke(main, ["render", "shop", "--flows", str(project / named)])

    assert "Hello from the shop." in result.output, result.stderr


def test_templates_may_lie_among_the_flows(project: Path) -> None:
    (project / "templates").rename(project / "flows/templates")
    result = CliRunner().invoke(main, ["render", "shop", "--flows", str(project / "flows")])

    assert "Hello from the shop." in result.output, result.stderr


def test_templates_that_are_named_win(project: Path) -> None:
    (project / "other").mkdir()
    (project / "other/hello.j2").write_text("Hello from elsewhere.")
    words = ["render", "shop", "--flows", str(project), "--templates", str(project / "other")]
    result = CliRunner().invoke(main, words)

    assert "Hello from elsewhere." in result.output, result.stderr
