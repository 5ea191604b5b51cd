"""Small projects on disk for the commands to work on, with scenarios."""

from __future__ import annotations

from pathlib import Path

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


HOLDS = "a sale:\n  script: [hear: For sales, press: 1, hear: Your number is 447700900123, end]\n"


def project(folder: Path, scenarios: str = HOLDS, flow: str = SHOP) -> Path:
    """Write a project with one flow and one scenario file."""
    write_project(folder, shop=flow)
    (folder / "tests" / "scenarios").mkdir(parents=True)
    (folder / "tests" / "scenarios" / "shop.yaml").write_text(scenarios, encoding="utf-8")
    return folder
