"""Small projects with scenarios, and a helper that runs commands in their folder."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

from click.testing import Result

from tests.system.cli.projects import SHOP, ncco, write_project

HOLDS = "a sale:\n  script: [hear: For sales, press: 1, hear: Your number is 447700900123, end]\n"


def project(folder: Path, scenarios: str = HOLDS, flow: str = SHOP) -> Path:
    """Write a project with one flow and one scenario file."""
    write_project(folder, shop=flow)
    (folder / "tests" / "scenarios").mkdir(parents=True)
    (folder / "tests" / "scenarios" / "shop.yaml").write_text(scenarios, encoding="utf-8")
    return folder


def invoke_in(folder: Path, *words: str) -> Result:
    """Run a command in this process, in a folder."""
    with chdir(folder):
        return ncco(*words)
