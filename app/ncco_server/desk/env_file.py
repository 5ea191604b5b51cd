"""Writes a setting to `.env`."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from dotenv import dotenv_values, set_key

from ncco_server.desk.output import CannotRun

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
