"""`ncco forget`: every call of a phone number, deleted for good."""

from __future__ import annotations

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "forget",
    short_help="Delete every call of a phone number, for good.",
    epilog="""\b
Examples:
  ncco forget --number +447700900123 --dry-run      how many there are
  ncco forget --number +447700900123                delete them
  ncco forget --number +447700900123 --number +447700900456 --format json

It works beside a running server, on the database that NCCO_DATABASE_URL names. A call that is still on is
deleted too: who is on the line hears the failsafe NCCO next. Backups, and what hooks have told others, are out
of its reach. A SQLite file and its log are searched for what is left of the number; PostgreSQL's files are on
its own host, where deleted rows stand until their place is used anew. Exit codes: 0 no row names the number,
and nothing was found in a SQLite file, 1 older copies are left in free parts of the file, 2 it cannot run.""",
)
@click.option(
    "--number",
    "numbers",
    multiple=True,
    required=True,
    help="The number, with + and the country code. May be given several times.",
)
@click.option("--dry-run", is_flag=True, help="Count, and delete nothing.")
@click.option("--rewrite", is_flag=True, help="Write a large file anew if need be, which holds up calls meanwhile.")
@options.output("text", "json")
def command(numbers: tuple[str, ...], dry_run: bool, rewrite: bool, form: str) -> None:
    """Delete every call that came from a number, went to it or dialled it, with its webhooks, turns and hooks."""
    hand_over("forget", numbers=numbers, dry_run=dry_run, rewrite=rewrite, form=form)
