"""The file with the named logins to the console."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from ncco_server.errors import SettingsError
from ncco_server.settings.values import read_password_hash
from ncco_server.store.copies import sync_folder

Role: TypeAlias = Literal["listen", "change"]
"""`change` includes everything that `listen` allows."""

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,31}")
"""It becomes part of file names and log lines."""
MAX_LOGINS_BYTES: Final = 1_048_576
WAIT_S: Final = 5.0
"""For another change to finish."""
_POLL_S: Final = 0.02
_VARIABLE: Final = "NCCO_CONSOLE_LOGINS"


@dataclass(frozen=True, slots=True)
class Login:
    """A person who may log in; `name` is in lower case, "" for a shared password, and `hash` is Argon2's."""

    name: str
    role: Role
    hash: str = field(repr=False)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    role: Role
    hash: Annotated[str, StringConstraints(min_length=1), AfterValidator(read_password_hash)]


_ENTRIES: Final = TypeAdapter(dict[Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")], _Entry])


def tidy_name(text: str) -> str:
    """Case does not matter."""
    return text.strip().lower()


def read_logins(file: Path) -> tuple[Login, ...]:
    """By name; () if the file does not exist. Raises SettingsError."""
    cure = "Let the server's user read it; or remove it, and set everybody's password again."
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise SettingsError(_VARIABLE, f"{file} is not a file", cure)
        with file.open("rb") as opened:
            entries = _ENTRIES.validate_json(opened.read(MAX_LOGINS_BYTES))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise SettingsError(_VARIABLE, f"{file} cannot be read: {error.strerror}", cure) from error
    except ValidationError as error:
        raise SettingsError(_VARIABLE, f"{file} is not a login file", cure) from error
    return tuple(Login(name, entry.role, entry.hash) for name, entry in sorted(entries.items()))


@contextmanager
def changed_logins(file: Path, wait_s: float = WAIT_S) -> Iterator[dict[str, Login]]:
    """The logins by name; changes to this map are written on exit. Without any login, the file is removed.

    The file is replaced atomically, and only its owner can read it. If root writes it, its owner stays, or is that of
    the folder. Raises SettingsError: the file is a link or fails, or another change takes longer than `wait_s`.
    """
    draft = file.with_name(f".{file.name}.new")  # only the process that created the draft may change the file
    try:
        handle = _created(draft, wait_s)
        try:
            with os.fdopen(handle, "wb") as out:
                if file.is_symlink():
                    raise SettingsError(_VARIABLE, f"{file} is a link", "Name the file itself.")
                logins = {login.name: login for login in read_logins(file)}
                yield logins
                entries = {name: _Entry(role=login.role, hash=login.hash) for name, login in logins.items()}
                out.write(_ENTRIES.dump_json(entries, indent=2) + b"\n")
                out.flush()
                os.fsync(handle)
                if os.geteuid() == 0:
                    owner = (file if file.exists() else file.parent).stat()
                    os.fchown(handle, owner.st_uid, owner.st_gid)
            if not logins:
                file.unlink(missing_ok=True)
                draft.unlink()
            else:
                draft.replace(file)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_folder(file.parent)  # a removed login must not come back after a power failure
    except OSError as error:
        cure = "Set it to a file in a folder that this user may write to, such as the database's folder."
        raise SettingsError(_VARIABLE, f"{file} cannot be written: {error.strerror}", cure) from error


def _created(draft: Path, wait_s: float) -> int:
    """Wait up to `wait_s` seconds while the draft exists. Raises SettingsError, OSError."""
    end = time.monotonic() + wait_s
    while True:
        try:
            return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError as error:
            if time.monotonic() > end:
                cure = f"Try again. If no other command is running, an earlier one was killed: remove {draft}."
                raise SettingsError(_VARIABLE, "is being changed by another command", cure) from error
        time.sleep(_POLL_S)
