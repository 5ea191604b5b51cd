"""The example projects on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.flow.loader import load_files
from app.flow.model import Project
from tests.support.tracked import ROOT

EXAMPLES = ROOT / "examples"
PROJECTS = tuple(sorted(folder.name for folder in EXAMPLES.iterdir() if (folder / "flows").is_dir()))


def load_example(name: str, env: Mapping[str, str] | None = None) -> Project:
    """The project of one example; with `env`, what it says of variables that are not set is an issue too."""
    folder: Path = EXAMPLES / name
    return load_files(folder / "flows", folder / "templates", env)
