"""`ncco restore`: replaces the database with a backup."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from ncco_server.desk.backup import restore_backup
from ncco_server.desk.commands.backup import backup_places
from ncco_server.desk.output import FINE, CannotRun
from ncco_server.wording import counted


@click.command(
    "restore",
    epilog="""\b
Examples:
  ncco restore /var/backups/ncco/ncco-20261225T031500Z.tar.gz     restores where nothing is yet
  ncco restore ncco.tar.gz --replace                              replaces what is there
  NCCO_DATABASE_URL=postgresql://ncco@db.example.com/ncco ncco restore ncco.tar.gz

The command replaces the database in NCCO_DATABASE_URL and its key file, and adds missing recordings to their folder or
bucket. The database can be SQLite, or PostgreSQL (which is how to move to PostgreSQL). It refuses to run while a server
uses them. The backup is checked first; if anything is wrong, nothing changes. Exit codes: 0 restored, 2 refused.""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Delete the existing calls.")
def command(file: Path, *, replace: bool) -> int:
    """Restore the calls, the key file and the recordings from FILE, which `ncco backup` wrote."""
    places = backup_places()
    store = places.store
    is_there = asyncio.run(store.schema()).found if store.path is None else store.path.is_file()
    if is_there and not replace:
        raise CannotRun(f"something already exists at {store.label}", "add --replace to delete it, or name another")
    added = asyncio.run(restore_backup(file, places))
    recordings = counted(added, "recording was", "recordings were")
    click.echo(f"{store.label} now contains the calls of {file}; {recordings} added")
    return FINE
