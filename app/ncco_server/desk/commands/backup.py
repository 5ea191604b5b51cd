"""`ncco backup`: everything the server must keep, in one file."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from ncco_server.assembly import recording_files_of
from ncco_server.desk.backup import BackupPlaces, write_backup
from ncco_server.desk.database import find_database, require_file
from ncco_server.desk.environment import server_settings
from ncco_server.desk.output import FINE, CannotRun


def backup_places() -> BackupPlaces:
    """Raises CannotRun."""
    store = find_database()
    key = store.path.with_name(f"{store.path.name}-key") if store.path is not None else None
    return BackupPlaces(store, key, recording_files_of(server_settings()))


@click.command(
    "backup",
    epilog="""\b
Examples:
  ncco backup /var/backups/ncco                 creates ncco-20261225T031500Z.tar.gz
  ncco backup --keep 14 /var/backups/ncco       the same, and keeps only the newest 14
  ncco backup ncco.tar.gz

A backup contains a snapshot of the SQLite database in NCCO_DATABASE_URL, its key file, and the recordings, but not the
secrets in the settings. Servers can keep running. Only the file's owner can read it. Back up PostgreSQL with pg_dump,
and its recordings by copying their folder or bucket. Exit codes: 0 written, 2 it cannot run.""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(1), metavar="N", help="Delete all but the newest N backups in the folder.")
def command(file: Path, *, keep: int | None) -> int:
    """Write the calls, the key file and the recordings to FILE, or to a new file if FILE is a folder."""
    now = datetime.now(UTC)
    folder = file if file.is_dir() else None
    if keep and folder is None:
        raise CannotRun(f"{file} is not a folder", "name the folder for the backups, or leave out --keep")
    if folder is not None:
        file = folder / f"ncco-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    if not file.parent.is_dir():
        raise CannotRun(f"there is no folder {file.parent}", "create it, or name another")
    if file.exists():
        raise CannotRun(f"{file} exists", "name another file")
    places = backup_places()
    if places.store.path is None:
        cure = "run `pg_dump --format=custom`, and copy the folder or bucket of the recordings"
        raise CannotRun(f"{places.store.label} is not a SQLite database", cure)
    require_file(places.store)
    size = asyncio.run(write_backup(file.absolute(), places.store.path.absolute(), places, now))
    if folder and keep:
        others = sorted(set(folder.glob("ncco-????????T??????Z.tar.gz")) - {file})  # even if a clock was ahead
        for older in others[: max(0, len(others) + 1 - keep)]:
            older.unlink()
    click.echo(f"{places.store.label} was backed up to {file} ({size:,} bytes)")
    return FINE
