"""What the environment and `.env` say to commands that need no server: the folders, and the variables of flows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from app.cli.work import CannotRun

DOTENV: Final = ".env"
FLOW_PREFIX: Final = "FLOW_"
"""As in app.settings, which takes as long to import as a small project takes to check."""


def variables() -> Mapping[str, str]:
    """The environment, over what `.env` in the current folder says. Raises CannotRun when that cannot be read."""
    try:
        found = dotenv_values(DOTENV)
    except OSError as error:
        raise CannotRun(f"{DOTENV}: {error.strerror}", "let it be read, or delete it") from error
    except UnicodeDecodeError as error:
        raise CannotRun(f"{DOTENV}: byte {error.start + 1} is not UTF-8", "save it as UTF-8, or delete it") from error
    return {name: value for name, value in found.items() if value is not None} | os.environ


def flow_variables() -> Mapping[str, str]:
    """The variables that flows may read, the prefix taken off. Raises CannotRun."""
    known = variables().items()
    return {name.removeprefix(FLOW_PREFIX): value for name, value in known if name.startswith(FLOW_PREFIX)}


def project_folders(path: Path) -> tuple[Path, Path]:
    """The folders of flows and templates of a project, or of its folder of flows."""
    if (path / "flows").is_dir():
        return path / "flows", path / "templates"
    inside = path / "templates"
    return path, inside if inside.is_dir() else Path(os.path.normpath(path / ".." / "templates"))


def folders(flows: Path | None, templates: Path | None) -> tuple[Path, Path]:
    """The folders of flows and templates: as the options say, else the environment, else `flows` and `templates`.

    Where only the flows are named, the templates lie beside them; a project's folder names both. Raises CannotRun.
    """
    known = variables()
    if flows is not None and templates is None and not known.get("NCCO_TEMPLATES"):
        return project_folders(flows)
    return (
        flows or Path(known.get("NCCO_FLOWS") or "flows"),
        templates or Path(known.get("NCCO_TEMPLATES") or "templates"),
    )
