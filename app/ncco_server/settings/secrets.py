"""Secrets in files, and the keys that sign callback URLs."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from ncco_server.errors import SettingsError
from ncco_server.settings.fields import Settings
from ncco_server.store.copies import private_file

FILE_SUFFIX: Final = "_FILE"
MAX_SECRET_BYTES: Final = 4096


def named_files(variables: Mapping[str, str], written: Mapping[str, str]) -> dict[str, Path]:
    """Raise SettingsError if a secret is set both directly and as a file."""
    found = {}
    for variable, field in variables.items():
        name = written.get(f"{variable}{FILE_SUFFIX}", "")
        if name and written.get(variable):
            raise SettingsError(f"{variable}{FILE_SUFFIX}", f"is set, and so is {variable}", "Remove one of them.")
        if name:
            found[field] = Path(name).expanduser()
    return found


def read_file(variable: str, file: Path, *, is_optional: bool = False) -> str:
    """Strip spaces and line breaks. Raises SettingsError.

    With `is_optional`, a missing or empty file gives "".
    """
    name = f"{variable}{FILE_SUFFIX}"
    cure = "Put only the secret in the file, readable by the user who runs the server."
    try:
        with file.open("rb") as secret:
            text = secret.read(MAX_SECRET_BYTES + 1).decode("utf-8").strip(" \t\r\n")
    except (OSError, UnicodeDecodeError, ValueError) as fault:
        if is_optional and isinstance(fault, FileNotFoundError):
            return ""
        why = fault.strerror if isinstance(fault, OSError) else "it is not text"
        raise SettingsError(name, f"{file} cannot be read: {why}", cure) from fault
    if is_optional and not text:
        return ""
    if not text or len(text) >= MAX_SECRET_BYTES:
        raise SettingsError(name, f"{file} {'is larger than any secret' if text else 'is empty'}", cure)
    return text


WAIT_TOKENS: Final = b"ncco-server: wait tokens, first version"
CONSOLE: Final = b"ncco-server: console, first version"
KEY_SUFFIX: Final = "-key"
"""For a file beside the SQLite database, which every backup includes."""
CONSOLE_KEY_SUFFIX: Final = "-console-key"
"""No backup includes this file: who can read or forge a backup could otherwise log in."""
_KEY_BYTES: Final = 32
_CURE: Final = "Set NCCO_KEY to at least 32 random characters."


def derived_keys(texts: Iterable[str], label: bytes = WAIT_TOKENS) -> tuple[bytes, ...]:
    """One from each text, in order, without duplicates.

    The label keeps a signature from being valid for another purpose of the same secret.
    """
    keys = (hmac.digest(text.encode(), label, hashlib.sha256) for text in texts if text)
    return tuple(dict.fromkeys(keys))


def stored_secret(database_url: str, suffix: str = KEY_SUFFIX) -> str:
    """The generated secret of a server without one, in a file that only its owner can read.

    A memory store keeps no secret. Raises SettingsError if the file cannot be used, or several hosts may share the
    database.
    """
    scheme, _, path = database_url.partition(":///")
    if scheme.lower().startswith("memory"):
        return token_hex(_KEY_BYTES)
    if scheme.lower() != "sqlite":
        raise SettingsError("NCCO_KEY", "is not set, and several hosts must share one", _CURE)
    file = Path(f"{path}{suffix}").expanduser()
    try:
        return _read(file) if file.exists() else _create(file)
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else fault
        cure = f"Let this user read and write it and its folder, or {_CURE[0].lower()}{_CURE[1:]}"
        raise SettingsError("NCCO_KEY", f"is not set, and {file} cannot be used: {why}", cure) from fault


def wait_keys(settings: Settings) -> tuple[bytes, ...]:
    """The current one first. May create the key file. Raises SettingsError."""
    return derived_keys(settings.shared_secrets or [stored_secret(settings.database_url)])


def console_keys(settings: Settings) -> tuple[bytes, ...]:
    """As `wait_keys`. With calls in memory and no secret, the key is a new one each time."""
    return derived_keys(settings.shared_secrets or [stored_secret(settings.database_url, CONSOLE_KEY_SUFFIX)], CONSOLE)


def _read(file: Path) -> str:
    text = file.read_text("ascii").strip()
    if len(text) < 2 * _KEY_BYTES or not text.isprintable():
        raise SettingsError(
            "NCCO_KEY", f"is not set, and {file} does not contain a key", f"Delete {file}, or set NCCO_KEY."
        )
    return text


def _create(file: Path) -> str:
    """Link a finished draft, so that all processes use one key and none reads half a key."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}.{token_hex(4)}")
    try:
        with private_file(draft) as out:
            out.write(f"{token_hex(_KEY_BYTES)}\n".encode())
        with suppress(FileExistsError):  # another process was faster: use its key
            file.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
    return _read(file)
