"""Gives people a login for the console."""

from __future__ import annotations

from pathlib import Path
from typing import Final, get_args

import click

from ncco_server.desk.output import CannotRun
from ncco_server.settings.logins import NAME, Login, Role, changed_logins, tidy_name
from ncco_server.settings.passwords import hash_password
from ncco_server.terminal import printable

MIN_PASSWORD_CHARACTERS: Final = 12
ROLES: Final[tuple[Role, ...]] = get_args(Role)


def hashed(password: str) -> str:
    """Raises CannotRun if the password is easy to guess."""
    if len(password) < MIN_PASSWORD_CHARACTERS:
        cure = f"choose one with at least {MIN_PASSWORD_CHARACTERS}, such as four random words"
        raise CannotRun(f"the password has {len(password)} characters, so it could be guessed", cure)
    return hash_password(password)


def login_name(text: str) -> str:
    """Return the form in which a name is stored. Raises CannotRun if it is not valid."""
    tidy = tidy_name(text)
    if not NAME.fullmatch(tidy):
        cure = "use up to 32 letters from a to z, digits, and . _ @ - between them, such as anna or anna@example.com"
        raise CannotRun(f"{printable(text)} is not a valid login name", cure)
    return tidy


def give_login(file: Path, name: str, role: Role | None, hash_: str) -> None:
    """Give a person a login or a new password; None keeps the role. Raises SettingsError."""
    with changed_logins(file) as logins:
        before = logins.get(name)
        given = role or (before.role if before else ROLES[0])
        logins[name] = Login(name, given, hash_)
    click.echo(f"{name} may {given}: written to {file}")
