"""`ncco console`: passwords of the console, and links that open it in development."""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime
from typing import Final

import click

from app.cli import options
from app.cli.console_process import console_address
from app.cli.database import find_database, require_file
from app.cli.environment import server_settings
from app.cli.output import FINE, CannotRun
from app.console.passwords import hash_password
from app.console.sessions import new_link
from app.settings.fields import variable

MIN_PASSWORD_CHARACTERS: Final = 12


@click.group(
    "console",
    cls=options.Group,
    epilog="""\b
Examples:
  ncco console password              asks for a password, and prints the line for .env
  ncco console password --viewer     the same for people who may look, and change nothing
  ncco console link                  another link to the console of `ncco serve --dev`

`ncco serve` starts the console, with --dev or once a password is set. Exit codes: 0 done, 2 it could not be done.""",
)
def command() -> None:
    """Set the passwords of the console, the pages that `ncco serve` shows in the browser, or open it by a link."""


@command.command("password", short_help="Hash a password, and print the line for .env.")
@click.option("--viewer", is_flag=True, help="For people who may look and listen, and change nothing.")
def password(viewer: bool) -> int:
    """Ask for a password twice, or read it from standard input, and print the setting with its hash."""
    if sys.stdin.isatty():
        written = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    else:
        written = sys.stdin.readline().rstrip("\r\n")
    if len(written) < MIN_PASSWORD_CHARACTERS:
        cure = f"take one of at least {MIN_PASSWORD_CHARACTERS}, such as four random words"
        raise CannotRun(f"the password has {len(written)} characters, which can be guessed", cure)
    name = variable("console_viewer_password_hash" if viewer else "console_password_hash")
    click.echo(f"{name}='{hash_password(written)}'")
    click.echo(
        "Write this line to .env, with its single quotes, and restart the server: it reads passwords only then.",
        err=True,
    )
    return FINE


@command.command("link", short_help="Print a link that opens the console of `ncco serve --dev` once.")
def link() -> int:
    """Print a link that opens the console of a running `ncco serve --dev` once, within 12 hours.

    It works in the folder of the server, with its settings. A server without --dev accepts no link.
    """
    settings = server_settings()
    if settings.console_hashes:  # a server without --dev has no console otherwise
        cure = f"open {console_address(settings)} and log in with the password"
        raise CannotRun("the console has a password, and a link opens it only in development without one", cure)
    if settings.console_port == 0 and not settings.console_url:
        raise CannotRun("the port of the console is not known", f"set {variable('console_port')}, such as to 8001")
    require_file(find_database())
    click.echo(console_address(settings, new_link(settings.console_keys(), datetime.now(UTC))))
    if not settings.console_url and not _listens(settings.console_port):
        where = f"127.0.0.1:{settings.console_port}"
        cure = f"start `ncco serve --dev`, which prints a link, or set {variable('console_port')} as in its terminal"
        click.echo(f"note: nothing listens on {where}, and a link opens no console that starts later: {cure}", err=True)
    return FINE


def _listens(port: int) -> bool:
    """Whether a console, or another program, listens on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
