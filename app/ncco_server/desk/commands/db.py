"""`ncco db`: the schema of the database."""

from __future__ import annotations

import click

from ncco_server.desk import options
from ncco_server.desk.database import asynchronous, find_database
from ncco_server.desk.output import FINE, ISSUES, print_json


@click.group(
    "db",
    epilog="""\b
Examples:
  ncco db status                     show its schema, and the one that this version needs
  ncco db upgrade                    upgrade it before servers start
  NCCO_DATABASE_URL=postgresql://ncco@db.example.com/ncco ncco db status --format json

A server upgrades its database when it starts. If there are several hosts, upgrade once before the first host starts a
new version. Running hosts are not affected. Exit codes: 0 this version needs no more, 1 it is older or does not exist
yet, 2 this version does not know it, or it cannot be reached or changed.""",
)
def command() -> None:
    """Show or upgrade the schema of the database in NCCO_DATABASE_URL."""


@command.command("status", short_help="Show the schema; change nothing.")
@options.output("text", "json")
@asynchronous
async def status(form: str) -> int:
    """Show the schema of the database, without changing it.

    Exit codes: 0 this version needs no more, 1 it is older or does not exist yet, 2 this version does not know it, it
    belongs to another program, or cannot be reached.
    """
    database = find_database()
    schema = await database.schema()
    label = database.label
    if form == "json":
        print_json({"database": label, **schema._asdict()})
    else:
        has = f"has schema {schema.found}" if schema.found else "has no tables yet"
        click.echo(f"{label} {has}; this version needs {schema.newest}")
        if schema.missing:
            click.echo("  fix: run `ncco db upgrade`, or start the server, which upgrades it")
    return ISSUES if schema.missing else FINE


@command.command("upgrade", short_help="Upgrade the database to the newest schema.")
@asynchronous
async def upgrade() -> int:
    """Upgrade the database to the newest schema, in one transaction. A new database gets its tables.

    Exit codes: 0 it has what this version needs, 2 this version does not know it, or it cannot be changed.
    """
    database = find_database()
    before = await database.schema()
    async with database:  # this upgrades it
        pass
    if not before.missing:
        done = f"has schema {before.found}: nothing to do"
    elif before.found:
        done = f"was upgraded from schema {before.found} to {before.newest}"
    else:
        done = f"was created, with schema {before.newest}"
    click.echo(f"{database.label} {done}")
    return FINE
