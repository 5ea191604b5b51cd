"""`ncco restore`: replaces the database with a backup."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from ncco_server.desk.backup import KEY, RECORDINGS, fingerprint, read_manifest, restore_backup
from ncco_server.desk.commands.backup import places_of
from ncco_server.desk.environment import server_settings
from ncco_server.desk.output import FINE, CannotRun
from ncco_server.errors import SettingsError
from ncco_server.settings import Settings
from ncco_server.settings.secrets import wait_keys
from ncco_server.terminal import printable
from ncco_server.wording import counted


@click.command(
    "restore",
    epilog="""\b
Examples:
  ncco restore /var/backups/ncco/ncco-20261225T031500Z.tar     restores where nothing is yet
  ncco restore ncco.tar --replace                              replaces what is there
  NCCO_DATABASE_URL=postgresql://ncco@db.example.com/ncco ncco restore ncco.tar

A SQLite backup can be restored to SQLite or PostgreSQL (which is how to move to PostgreSQL), a PostgreSQL backup only
to PostgreSQL. The command replaces the database in NCCO_DATABASE_URL, its key file, and the recordings in their folder
or bucket. It refuses to run while a server uses them. The backup is checked first; if anything is wrong, nothing
changes. Exit codes: 0 restored, 2 refused.""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Delete the existing calls and recordings.")
def command(file: Path, *, replace: bool) -> int:
    """Restore the calls, the key file and the recordings from FILE, which `ncco backup` wrote."""
    settings = server_settings()
    places = places_of(settings)
    present = list(places.present)
    if places.store.path is None and asyncio.run(places.store.schema()).found:
        present.insert(0, places.store.label)
    if present and not replace:
        raise CannotRun(
            f"something already exists at {', '.join(present)}", "add --replace to delete it, or name another"
        )
    manifest = read_manifest(file)
    if places.store.path is not None and manifest.database.startswith("postgresql:"):
        cure = "name a PostgreSQL database in NCCO_DATABASE_URL"
        raise CannotRun(f"{file} is a backup of PostgreSQL, and {places.store.label} is a SQLite file", cure)
    asyncio.run(restore_backup(file, manifest, places))
    recordings = sum(name.startswith(RECORDINGS) for name in manifest.files)
    click.echo(
        f"{places.store.label} now contains {printable(manifest.database)} as of {manifest.made_at:%Y-%m-%d %H:%M:%S} "
        f"UTC"
    )
    if recordings:
        where = places.recordings.place if places.recordings else "not kept, because NCCO_RECORDINGS is off"
        click.echo(f"{counted(recordings, 'recording')}: {where}")
    if not _own_prints(settings) & set(manifest.keys):
        cure = "set NCCO_KEY, or VONAGE_SIGNATURE_SECRET and NCCO_PUBLIC_URL, as the server had them"
        if KEY in manifest.files and places.key is None:
            cure = f"set NCCO_KEY to what `tar -xOf {file} {KEY}` prints"
        problem = "calls in progress cannot continue, because another key signed their callback URLs"
        click.echo(f"warning: {problem}\n  fix: {cure}", err=True)
    return FINE


def _own_prints(settings: Settings) -> set[str]:
    try:
        return {fingerprint(key) for key in wait_keys(settings)}
    except SettingsError:  # not set
        return set()
