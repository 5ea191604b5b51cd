"""`ncco console`: passwords for the console, and links that open it in development."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import click
import httpx

from ncco_server.desk.database import find_database, require_file
from ncco_server.desk.environment import server_settings
from ncco_server.desk.logins import ROLES, give_login, hashed, login_name
from ncco_server.desk.output import FINE, CannotRun, columns
from ncco_server.settings.fields import variable
from ncco_server.settings.logins import Role, changed_logins, read_logins, tidy_name
from ncco_server.settings.secrets import console_keys
from ncco_server.terminal import printable
from ncco_studio.console.sessions import new_link

WITHIN_S: Final = 2.0


@click.group(
    "console",
    epilog="""\b
Examples:
  ncco console password --name anna --role change    a login for Anna
  ncco console password --remove anna                Anna can no longer log in
  ncco console password --list                       who has a login
  ncco console password              a shared password: prints a line for .env
  ncco console password --viewer     the same, for viewing only
  ncco console link                  a link to the console of the running `ncco serve --dev`

`ncco serve` starts the console, with --dev or once a password is set. Exit codes: 0 done, 2 it failed.""",
)
def command() -> None:
    """Set passwords for the console (the pages that `ncco serve` shows in the browser), or get a link that opens it."""


@command.command("password", short_help="Give a person a login, or hash a password for .env.")
@click.option("--name", metavar="NAME", help="Whose password it is; the hash goes into the login file, not into .env.")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    help="With --name: `listen` allows viewing and listening, `change` allows everything.",
)
@click.option("--remove", metavar="NAME", help="Remove a person's login. Their sessions end at once.")
@click.option("--list", "is_list", is_flag=True, help="List the people with a login.")
@click.option("--viewer", is_flag=True, help="Without --name: a password for viewing and listening only.")
def password(name: str | None, role: Role | None, remove: str | None, is_list: bool, viewer: bool) -> int:
    """Ask for a password twice, or read it from standard input, and store its hash.

    With --name, the hash is written to the login file (NCCO_CONSOLE_LOGINS). Otherwise it is a shared password, and the
    setting with its hash is printed.
    """
    options = {"--name": name is not None, "--remove": remove is not None, "--list": is_list, "--viewer": viewer}
    wanted = [option for option, is_given in options.items() if is_given]
    if len(wanted) > 1:
        raise CannotRun(f"{' and '.join(wanted)} cannot be combined", "use only one of them")
    if role and name is None:
        raise CannotRun("--role needs --name", "add --name")
    if is_list:
        _list()
    elif remove is not None:
        _remove(remove)
    elif name is not None:
        _save(name, role)
    else:
        setting = variable("console_viewer_password_hash" if viewer else "console_password_hash")
        click.echo(f"{setting}='{_asked()}'")
        click.echo(
            "Add this line to .env, including the single quotes, and restart the server: it only reads passwords at "
            "startup.",
            err=True,
        )
    return FINE


def _asked() -> str:
    """Raises CannotRun."""
    if sys.stdin.isatty():
        written: str = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    else:
        written = sys.stdin.readline().rstrip("\r\n")
    return hashed(written)


def _save(name: str, role: Role | None) -> None:
    """Raises CannotRun, SettingsError."""
    tidy = login_name(name)
    file = server_settings().console_logins
    if role is None and all(login.name != tidy for login in read_logins(file)):
        raise CannotRun(f"{tidy} has no login yet, and --role is missing", "add --role listen or --role change")
    give_login(file, tidy, role, _asked())
    click.echo("A running console accepts it at once. After the very first password, restart the server.", err=True)


def _remove(name: str) -> None:
    """Raises CannotRun, SettingsError."""
    tidy = tidy_name(name)
    with changed_logins(server_settings().console_logins) as logins:
        if logins.pop(tidy, None) is None:
            raise CannotRun(f"{printable(tidy)} has no login", "`ncco console password --list` shows who has one")
    click.echo(f"{tidy} no longer has a login, and their sessions have ended")


def _list() -> None:
    file = server_settings().console_logins
    for line in columns([(login.name, login.role) for login in read_logins(file)]):
        click.echo(line)
    if not read_logins(file):
        click.echo(f"nobody has a personal login ({file})", err=True)


@command.command("link", short_help="Print a link that opens the console of `ncco serve --dev`.")
def link() -> int:
    """Print a link that opens the console of a running `ncco serve --dev`. It works as long as that server runs.

    Run this in the server's folder. Through a proxy or a tunnel, the link works only once, within 12 hours.
    """
    settings = server_settings()
    if settings.has_logins:  # a server without --dev would not have a console
        cure = f"open {settings.console_link} and log in with the password"
        raise CannotRun("the console has a password; a link opens it only in development without one", cure)
    require_file(find_database())
    url = settings.console_url or _running_console(settings.address)
    if not url:
        cure = f"start `ncco serve --dev`, which prints a link, or set {variable('port')} to the port of that server"
        raise CannotRun(f"no server with a console answers at {settings.address}", cure)
    click.echo(f"{url}/?token={new_link(console_keys(settings), datetime.now(UTC))}")
    return FINE


def _running_console(server_url: str) -> str:
    """The URL to which a server on this machine leads browsers, or ""."""
    with suppress(httpx.HTTPError):
        reply = httpx.get(f"{server_url}/", timeout=WITHIN_S, trust_env=False)
        return str(reply.headers.get("location", "")).rstrip("/")
    return ""
