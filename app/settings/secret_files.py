"""Secrets in files, as Docker and Kubernetes hand them over: `NCCO_KEY_FILE` names a file that holds `NCCO_KEY`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.errors import SettingsError

SUFFIX: Final = "_FILE"
MAX_BYTES: Final = 4096


def named_files(variables: Mapping[str, str], written: Mapping[str, str]) -> dict[str, Path]:
    """The files that hold secrets, by field.

    Args:
        variables: field of each secret, by its variable.
        written: every variable there is.

    Raises:
        SettingsError: a secret is written in a variable and in a file.
    """
    found = {}
    for variable, field in variables.items():
        name = written.get(f"{variable}{SUFFIX}", "")
        if name and written.get(variable):
            cure = f"Take one of them away; {variable}{SUFFIX} can be changed while the server runs."
            raise SettingsError(f"{variable}{SUFFIX}", f"is set, and so is {variable}", cure)
        if name:
            found[field] = Path(name).expanduser()
    return found


def read_file(variable: str, file: Path, *, may_be_gone: bool = False) -> str:
    """The secret in a file, without the spaces and line ends around it. Raises SettingsError.

    Args:
        variable: that it stands for.
        file: its place.
        may_be_gone: whether there need not be one: a file that is empty or not there is then "".
    """
    name = f"{variable}{SUFFIX}"
    cure = "Write the secret alone into the file, readable for the user that runs the server."
    try:
        with file.open("rb") as secret:
            text = secret.read(MAX_BYTES + 1).decode("utf-8").strip(" \t\r\n")
    except (OSError, UnicodeDecodeError, ValueError) as fault:
        if may_be_gone and isinstance(fault, FileNotFoundError):
            return ""
        why = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise SettingsError(name, f"{file} cannot be read: {why}", cure) from fault
    if may_be_gone and not text:
        return ""
    if not text or len(text) >= MAX_BYTES:
        raise SettingsError(name, f"{file} {'is larger than any secret' if text else 'is empty'}", cure)
    return text
