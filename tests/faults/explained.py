"""Why no webhook passes a point: unreached.yaml has the reasons, each with the points that it stands for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from typing import Final

import yaml

from tests.faults.importing import ROOT

REASONS: Final[dict[str, list[str]]] = yaml.safe_load(
    (ROOT / "tests/faults/unreached.yaml").read_text(encoding="utf-8")
)
PATTERNS: Final = [f"{pattern}*" for patterns in REASONS.values() for pattern in patterns]


def unexplained(points: Iterable[str], reached: Collection[str]) -> list[str]:
    """The names of those that no webhook has passed, and that have no reason for it."""
    return [name for name in points if name not in reached and not any(fnmatchcase(name, one) for one in PATTERNS)]
