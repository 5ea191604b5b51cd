"""The keys that sign callback URLs."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from app.errors import SettingsError

_LABEL: Final = b"ncco-server: wait tokens, first version"
_KEY_BYTES: Final = 32
_CURE: Final = "Set NCCO_KEY to a random text of at least 32 characters."


def derived(texts: Iterable[str]) -> tuple[bytes, ...]:
    """One key a text, in order, without repeats.

    A secret is never used as a key itself: the label keeps a wait token from being worth anything as a signature.
    """
    keys = (hmac.digest(text.encode(), _LABEL, hashlib.sha256) for text in texts if text)
    return tuple(dict.fromkeys(keys))


def stored(database_url: str) -> str:
    """The secret of a server that was given none: kept in a file beside the SQLite database, readable by its owner.

    Without it, calls that are on would be lost at every restart; a fixed one would let anybody forge callbacks. A
    memory store forgets its calls, so its secret is forgotten with it.

    Raises:
        SettingsError: the file cannot be read or written, or the database is of a kind that several hosts share.
    """
    scheme, _, path = database_url.partition(":///")
    if scheme.lower().startswith("memory"):
        return secrets.token_hex(_KEY_BYTES)
    if scheme.lower() != "sqlite":
        raise SettingsError("NCCO_KEY", "is not set, and several hosts must share one", _CURE)
    file = Path(f"{path}-key").expanduser()
    try:
        return _read(file) if file.exists() else _create(file)
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError("NCCO_KEY", f"is not set, and {file} cannot be used: {fault}", _CURE) from fault


def _read(file: Path) -> str:
    text = file.read_text("ascii").strip()
    if len(text) < 2 * _KEY_BYTES or not text.isprintable():
        raise SettingsError("NCCO_KEY", f"is not set, and {file} holds no key", f"Delete {file}, or set NCCO_KEY.")
    return text


def _create(file: Path) -> str:
    """Write a new key under another name and link it: of two processes one wins, and none reads half a key."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(secrets.token_hex(_KEY_BYTES) + "\n")
            out.flush()
            os.fsync(out.fileno())
        _link(draft, file)
    finally:
        draft.unlink()
    return _read(file)


def _link(draft: Path, file: Path) -> None:
    try:
        file.hardlink_to(draft)
    except FileExistsError:  # another process was first: its key counts
        return
