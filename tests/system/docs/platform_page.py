"""Makes docs/reference/platform.md, generated from the assumptions about the platform: `make docs`."""

from __future__ import annotations

from typing import Final

from ncco_studio.simulator.assumptions import Assumption, assumptions
from tests.support.tracked import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "platform.md"

INTRODUCTION: Final = """# What is assumed about Vonage

<!-- written by make docs -->

Simulator, tests, proofs and `ncco vonage` play calls as Vonage's documents describe them. Where these are silent,
disagree, or nobody has checked them, they use the assumptions below. `tests/live/` in the repository asks Vonage
itself, with short calls between two numbers of your account.

A scenario can have another [`after_connect`](scenarios.md#after_connect).

| name | question | assumed | or | source |
|---|---|---|---|---|
"""
NO_SOURCE: Final = "no source"


def page() -> str:
    found = assumptions().values()
    without = sum(not each.basis.source for each in found)
    return (
        INTRODUCTION + "".join(map(_row, found)) + f"\n{len(found)} assumptions, {without} of them without a source.\n"
    )


def _row(assumption: Assumption) -> str:
    basis = assumption.basis
    limits = assumption.limits
    others = [f"`{each}`" for each in assumption.choices if each != assumption.default]
    other = f"{limits.least:g} to {limits.most:g}" if limits else ", ".join(others)
    source = f"{basis.source}; otherwise: {basis.against}" if basis.against else basis.source or NO_SOURCE
    return f"| `{assumption.name}` | {assumption.question} | `{assumption.default}` | {other} | {source} |\n"
