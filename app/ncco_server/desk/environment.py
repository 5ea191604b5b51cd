"""Reads settings, folders and the flows' variables from the environment and `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dotenv import dotenv_values

from ncco_server.desk.output import CannotRun
from ncco_server.flow.files import HANDLERS_CURE, named_modules, read_handlers

if TYPE_CHECKING:
    from ncco_server.settings import Settings

DOTENV: Final = ".env"
FLOW_PREFIX: Final = "FLOW_"


def variables(folder: Path = Path()) -> Mapping[str, str]:
    """Read `.env` for variables that the environment lacks. Raises CannotRun if it cannot be read."""
    try:
        found = dotenv_values(folder / DOTENV)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRun(f"{DOTENV} cannot be read", "make it a readable file of UTF-8 text, or delete it") from error
    return {name: value for name, value in found.items() if value is not None} | os.environ


def flow_variables(folder: Path = Path()) -> Mapping[str, str]:
    """The variables that flows may read, without the prefix. Raises CannotRun."""
    known = variables(folder).items()
    return {name.removeprefix(FLOW_PREFIX): value for name, value in known if name.startswith(FLOW_PREFIX)}


def python_lookups(folder: Path = Path()) -> tuple[str, ...]:
    """The modules whose functions lookups may call. Raises CannotRun."""
    return named_modules(variables(folder).get("NCCO_PYTHON_LOOKUPS", ""))


def python_flows(folder: Path = Path()) -> tuple[str, ...]:
    """The files of flows/ with handlers whose code may be run. Raises CannotRun."""
    try:
        return read_handlers(variables(folder).get("NCCO_PYTHON_FLOWS", ""))
    except ValueError as error:
        raise CannotRun(f"NCCO_PYTHON_FLOWS: {error}", HANDLERS_CURE) from None


def project_folders(path: Path) -> tuple[Path, Path]:
    if (path / "flows").is_dir():
        return path / "flows", path / "templates"
    inside = path / "templates"
    return path, inside if inside.is_dir() else Path(os.path.normpath(path / ".." / "templates"))


def folders(flows: Path | None, templates: Path | None) -> tuple[Path, Path]:
    """Read the options or the environment; the defaults are `flows` and `templates`.

    If only the flows are given, the templates are next to them. A project folder stands for both. Raises CannotRun.
    """
    known = variables()
    if flows is not None and templates is None and not known.get("NCCO_TEMPLATES"):
        return project_folders(flows)
    return (
        flows or Path(known.get("NCCO_FLOWS") or "flows"),
        templates or Path(known.get("NCCO_TEMPLATES") or "templates"),
    )


def server_settings() -> Settings:
    """Raises SettingsError."""
    from ncco_server.settings import load_settings  # noqa: PLC0415 - takes as long to import as a small project takes to check

    return load_settings()
