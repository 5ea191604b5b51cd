"""Small projects on disk for the commands to work on, with scenarios."""

from __future__ import annotations

import os
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ncco_server.desk.commands import main

SHOP = """\
flow: shop
numbers: ["442079460000"]
start: menu
steps:
  menu:
    do:
      - talk: "For sales, press 1."
    choices:
      sales: {dtmf: 1, goto: sales}
    retry: {then: sales}
  sales:
    do:
      - talk: "Your number is {{ call.from }}."
    goto: end
"""
TYPO = SHOP.replace("goto: sales}\n", "goto: slaes}\n")


def write_project(folder: Path, **flows: str) -> Path:
    """Write a project to `folder`, with one flow file for each name."""
    (folder / "flows").mkdir(parents=True, exist_ok=True)
    for name, text in flows.items():
        (folder / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def ncco(*words: str | Path, stdin: bytes | None = None) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(word) for word in words], input=stdin)


def leave_settings_behind(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Change to `folder` and remove every setting of the person who runs the tests."""
    for name in os.environ:
        if name.startswith(("NCCO_", "VONAGE_", "FLOW_")):
            patch.delenv(name)
    patch.setenv("NO_COLOR", "1")
    patch.chdir(folder)


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
