"""`ncco forget`: deletes every call of a phone number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from ncco_server.assembly import recording_files_of
from ncco_server.desk import options
from ncco_server.desk.commands.recordings import remove_audio
from ncco_server.desk.database import asynchronous, now_ms, server_store
from ncco_server.desk.environment import server_settings
from ncco_server.desk.output import FINE, ISSUES, CannotRun, Progress, print_json
from ncco_server.desk.project import Source
from ncco_server.ncco.value_types import read_number
from ncco_server.store import Forgotten, Store
from ncco_server.store.table_rows import all_rows
from ncco_server.table_rows import StoredTypes
from ncco_server.wording import counted

LEAST_DIGITS: Final = 11
"""A shorter number without a + may lack its country code and match somebody else."""
CURE: Final = "write it with + and the country code, such as +447700900123 for 07700 900123"
_MARKED: Final = re.compile(r"^[^0-9]*(?:\+|00)")


@click.command(
    "forget",
    epilog="""\b
Examples:
  ncco forget --number +447700900123 --dry-run      count the calls
  ncco forget --number +447700900123                delete them
  ncco forget --number +447700900123 --number +447700900456 --format json

It changes the database in NCCO_DATABASE_URL, and a server may be running. If tables have rows, it reads the project's
flow files, which declare what the rows contain: a row with the number in its key, or in a column for phone numbers, is
deleted; a text or number that mentions it, however people write it, is removed from its row. A table with
`after_forget: keep_hash` keeps a hash, so that the number still matches. Calls in progress are deleted too; their
callers then hear the failsafe NCCO. Later webhooks of the deleted calls are not stored. Backups and hooks that have
been sent do not change. SQLite overwrites deleted rows; PostgreSQL keeps them until their space is reused. --rewrite
also removes old copies from unused parts of pages.

Exit codes: 0 deleted, 1 deleted, but a program is using the log of a SQLite file, or audio cannot be removed yet, 2 it
cannot run.""",
)
@click.option(
    "--number",
    "numbers",
    multiple=True,
    required=True,
    help="The number: with + and the country code, or as people in the line's country dial it. Can be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Only count the rows that would be deleted.")
@click.option("--rewrite", is_flag=True, help="Rewrite the file or the tables (VACUUM). Calls wait meanwhile.")
@options.flows
@options.templates
@options.output("text", "json")
@asynchronous
async def command(
    *, numbers: tuple[str, ...], dry_run: bool, rewrite: bool, flows: Path | None, templates: Path | None, form: str
) -> int:
    """Delete every call that came from a number, went to it or dialled it, with its webhooks, turns and hooks."""
    source = Source.here(flows, templates)
    line = options.number_of_line(source)
    wanted = sorted({international(number, line) for number in numbers})
    files = recording_files_of(server_settings())
    async with server_store() as store:
        tables = await _declared_tables(store, source)
        now = now_ms()
        tell = Progress().tell
        found = await store.forget(wanted, tables=tables, now=now, dry_run=dry_run, rewrite=rewrite, tell=tell)
        is_removed = True
        if found.recordings and not dry_run and files is not None:
            is_removed = await remove_audio(store, files)
    if form == "json":
        print_json({"numbers": wanted, "dry_run": dry_run, **found._asdict()})
    else:
        _print(wanted, found, dry_run=dry_run)
        if found.purged is None and not (dry_run or rewrite):
            click.echo("no row contains it anymore; PostgreSQL's files keep deleted rows until their space is reused")
            click.echo("  --rewrite removes them at once, but calls have to wait meanwhile")
    return FINE if is_removed and found.purged is not False else ISSUES


def international(written: str, line: str) -> str:
    """Return the digits with the country code. Raises CannotRun if that may be missing, or for other text."""
    try:
        number = read_number(written, line)
    except ValueError as error:
        raise CannotRun(f'"{written}" is not a phone number: {error}', CURE) from error
    is_as_written = number == re.sub("[^0-9]", "", written)
    if len(number) < LEAST_DIGITS and is_as_written and not _MARKED.search(written):
        raise CannotRun(f'"{written}" has no country code', CURE)
    return number


async def _declared_tables(store: Store, source: Source) -> dict[str, StoredTypes]:
    """Return {} if no table has rows. Raises CannotRun, FlowsHaveErrors."""
    if await anext(all_rows(store.database), None) is None:
        return {}
    tables = source.load_sound().project.tables
    return {name: table.stored_types for name, table in tables.items()}


def _print(numbers: Sequence[str], found: Forgotten, *, dry_run: bool) -> None:
    shown = ", ".join(f"+{number}" for number in numbers)
    counts = ", ".join(
        counted(getattr(found, f"{noun}s"), noun) for noun in ("call", "turn", "webhook", "hook", "recording")
    )
    done = "would be deleted" if dry_run else "deleted"
    is_found = any(found._replace(revisions=0, purged=None))
    counts += f", {counted(found.placed, 'placed call')}" if found.placed else ""
    counts += f", {counted(found.rows, 'row')} of tables" if found.rows else ""
    counts += f", {counted(found.texts, 'text')} in other rows of tables" if found.texts else ""
    counts += f", {counted(found.changes, 'change')} in the console" if found.changes else ""
    click.echo(f"{shown}: {counts} {done}" if is_found else f"{shown}: no call contains it")
    if found.hashes:
        kept = "would take" if dry_run else "take" if found.hashes > 1 else "takes"
        click.echo(
            f"{counted(found.hashes, 'hash', 'hashes')} {kept} the place of rows, so that the number still matches"
        )
    if found.running:
        click.echo(f"{counted(found.running, 'call was', 'calls were')} still in progress")
    if found.revisions:
        click.echo(
            f"{counted(found.revisions, 'revision')} of your flows contain it in their source text, so they are kept"
        )
    if found.purged is False:
        click.echo("the file's log still contains deleted rows, because a program is using the database")
        click.echo("  fix: stop the programs that use it, and run the command again")
