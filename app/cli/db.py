"""`ncco db`: the tables of the database."""

from __future__ import annotations

import click

from app.cli import options
from app.cli.work import hand_over


@click.group(
    "db",
    short_help="Show the database's schema, or bring it to the newest.",
    epilog="""\b
Examples:
  ncco db status                     which schema it has, and which this version needs
  ncco db upgrade                    bring it to the newest one, before servers start
  NCCO_DATABASE_URL=postgresql://ncco@db.example.com/ncco ncco db status --format json

A server brings its database to the newest schema by itself when it starts. With several hosts do it once, before
the first of them starts with a new version; those that run go on meanwhile. Exit codes: 0 it is the newest,
1 it is older or there is none yet, 2 it is newer than this version knows, or cannot be reached or changed.""",
)
def command() -> None:
    """Show the schema of the database that NCCO_DATABASE_URL names, or bring it to the newest."""


@command.command("status", short_help="Show the schema; change nothing.")
@options.output("text", "json")
def status(form: str) -> None:
    """Show the schema of the database; change nothing.

    Exit codes: 0 it is the newest, 1 it is older or there is none yet, 2 it is newer than this version knows, belongs
    to another program, or cannot be reached.
    """
    hand_over("db_status", form=form)


@command.command("upgrade", short_help="Bring the database to the newest schema.")
def upgrade() -> None:
    """Bring the database to the newest schema: all of the way or not at all. A new database gets its tables.

    Exit codes: 0 it has the newest schema, 2 it is newer than this version knows, or cannot be changed.
    """
    hand_over("db_upgrade")
