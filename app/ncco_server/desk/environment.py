"""Reads settings, folders and the flows' variables from the environment and `.env`, and writes settings to `.env`."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dotenv import dotenv_values, set_key

from ncco_server.desk.output import CannotRun
from ncco_server.flow.files import HANDLERS_CURE, comma_separated, is_project, read_handlers

if TYPE_CHECKING:
    from ncco_server.settings import Settings

DOTENV: Final = ".env"
FLOW_PREFIX: Final = "FLOW_"


def variables() -> Mapping[str, str]:
    """Read `.env` for variables that the environment lacks. Raises CannotRun if it cannot be read."""
    try:
        found = dotenv_values(DOTENV)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRun(f"{DOTENV} cannot be read", "make it a readable file of UTF-8 text, or delete it") from error
    return {name: value for name, value in found.items() if value is not None} | os.environ


def flow_variables() -> Mapping[str, str]:
    """The variables that flows may read, without the prefix. Raises CannotRun."""
    known = variables().items()
    return {name.removeprefix(FLOW_PREFIX): value for name, value in known if name.startswith(FLOW_PREFIX)}


def python_lookups() -> tuple[str, ...]:
    """The modules whose functions lookups may call. Raises CannotRun."""
    return comma_separated(variables().get("NCCO_PYTHON_LOOKUPS", ""))


def python_flows() -> tuple[str, ...]:
    """The files of flows/ with handlers whose code may be run. Raises CannotRun."""
    try:
        return read_handlers(variables().get("NCCO_PYTHON_FLOWS", ""))
    except ValueError as error:
        raise CannotRun(f"NCCO_PYTHON_FLOWS: {error}", HANDLERS_CURE) from None


def default_line() -> str:
    """The template that answers calls to all other numbers. Raises CannotRun."""
    return variables().get("NCCO_DEFAULT", "")


def project_folders(path: Path) -> tuple[Path, Path]:
    if is_project(path):
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


_OWNER_ONLY: Final = stat.S_IRUSR | stat.S_IWUSR
_BY_HAND: Final = "write the line by hand"


def write_setting(file: Path, name: str, value: str) -> None:
    """Add or replace `name` in a file, in single quotes, and keep all other lines.

    The file is replaced atomically, readable only by its owner. Raises CannotRun, and changes nothing, if it is a link,
    belongs to somebody else, or would not be read as intended.
    """
    if file.is_symlink():
        raise CannotRun(
            f"{file} is a symbolic link", f"replace it with a file, or {_BY_HAND} in the file that it points to"
        )
    before = dotenv_values(file) if file.exists() else {}
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        _create(draft, file)
        set_key(draft, name, value)
        if dotenv_values(draft) != {**before, name: value}:
            raise CannotRun(f"{name} cannot be written to the file without changing its value", f"set {name} elsewhere")
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _create(draft: Path, file: Path) -> None:
    """Copy a file to a private draft. Raises CannotRun if others have access to the file."""
    text = b""
    if file.exists():
        found = file.stat()
        shares = found.st_mode & stat.S_IRGRP and found.st_gid not in {os.getegid(), *os.getgroups()}
        if found.st_uid != os.geteuid() or shares:
            cure = f"run this as that user, or {_BY_HAND}"
            raise CannotRun(f"{file} belongs to another user, who could no longer read it", cure)
        text = file.read_bytes()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as out:
        out.write(text)
