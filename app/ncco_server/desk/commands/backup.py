"""`ncco backup`: everything the server must keep, in one file."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from ncco_server.assembly import recording_files_of
from ncco_server.desk import options
from ncco_server.desk.backup import BackupPlaces, write_backup
from ncco_server.desk.database import find_database, require_file
from ncco_server.desk.environment import is_for_git, server_settings
from ncco_server.desk.output import FINE, ISSUES, CannotRun, print_json
from ncco_server.settings import Settings
from ncco_server.settings.secrets import wait_keys
from ncco_server.version import VERSION
from ncco_server.wording import counted


def places_of(settings: Settings) -> BackupPlaces:
    """Raises CannotRun."""
    store = find_database()
    key = store.path.with_name(f"{store.path.name}-key") if store.path is not None else None
    return BackupPlaces(store, key, recording_files_of(settings))


@click.command(
    "backup",
    epilog="""\b
Examples:
  ncco backup /var/backups/ncco                 creates ncco-20261225T031500Z.tar
  ncco backup --keep 14 /var/backups/ncco       the same, and keeps only the newest 14
  ncco backup ncco.tar.gz                       compresses it
  NCCO_DATABASE_URL=postgresql://ncco@db.example.com/ncco ncco backup ncco.tar

A backup contains a snapshot of the database in NCCO_DATABASE_URL, the key file of a SQLite database, and the
recordings, but not the secrets in the settings. Servers can keep running. The file is verified, and only its owner can
read it. Exit codes: 0 written, 1 written, but some recordings have lost their files (older backups are then kept), 2 it
cannot run.""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(1), metavar="N", help="Delete all but the newest N backups in the folder.")
@click.option("--replace", is_flag=True, help="Replace FILE if it exists.")
@options.output("text", "json")
def command(file: Path, *, keep: int | None, replace: bool, form: str) -> int:
    """Write the calls, the key file and the recordings to FILE, or to a new file if FILE is a folder."""
    settings = server_settings()
    now = datetime.now(UTC)
    folder = file if file.is_dir() else None
    if keep and folder is None:
        raise CannotRun(f"{file} is not a folder", "name the folder for the backups, or leave out --keep")
    if folder is not None:
        file = folder / f"ncco-{now:%Y%m%dT%H%M%SZ}.tar"
    if not file.parent.is_dir():
        raise CannotRun(f"there is no folder {file.parent}", "create it, or name another")
    if file.exists() and not replace:
        raise CannotRun(f"{file} exists", "name another file, or add --replace")
    places = places_of(settings)
    require_file(places.store)
    size, lost = asyncio.run(write_backup(file.absolute(), places, wait_keys(settings), VERSION, now))
    if folder and keep and not lost:
        others = sorted(set(folder.glob("ncco-????????T??????Z.tar")) - {file})  # even if a clock was ahead
        for older in others[: max(0, len(others) + 1 - keep)]:
            older.unlink()
    if form == "json":
        print_json({"file": str(file), "bytes": size, "made_at": now.isoformat(), "lost_recordings": lost})
    else:
        click.echo(f"{places.store.label} was backed up to {file} ({size:,} bytes) and verified")
    if is_for_git(file):
        click.echo(f"warning: Git does not ignore {file}, which contains callers' numbers and messages", err=True)
        click.echo("  fix: write backups outside the work tree, or add their folder to .gitignore", err=True)
    if lost:
        count = counted(
            len(lost),
            "recording is not in it, because its file is lost",
            "recordings are not in it, because their files are lost",
        )
        click.echo(f"warning: {count}. No older backup was deleted", err=True)
        click.echo("  fix: `ncco recordings retry --lost`, or restore them from an older backup", err=True)
    return ISSUES if lost else FINE
