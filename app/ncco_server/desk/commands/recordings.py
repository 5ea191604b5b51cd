"""`ncco recordings`: the recordings of callers."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

import click

from ncco_server.assembly import recording_files_of
from ncco_server.desk import options
from ncco_server.desk.database import asynchronous, now_ms, server_store
from ncco_server.desk.documents import RecordingDocument
from ncco_server.desk.environment import server_settings
from ncco_server.desk.output import FINE, ISSUES, CannotRun, NotFound, print_json
from ncco_server.desk.recorded_calls import number_text
from ncco_server.service.phone_numbers import sought_digits
from ncco_server.service.recording_files import RecordingFiles
from ncco_server.service.recordings import lost_recordings, remove_files
from ncco_server.store import RecordingFilter, Store
from ncco_server.terminal import printable
from ncco_server.wording import counted, duration_text

BY: Final = "ncco recordings"


@click.group(
    "recordings",
    invoke_without_command=True,
    epilog="""\b
Examples:
  ncco recordings                            lists the newest, and why some are missing
  ncco recordings list --number 900123       from or to this number
  ncco recordings list --format json         the same for a program
  ncco recordings get 5f0c...                saves it in the current folder
  ncco recordings get 5f0c... - | mpv -      plays it
  ncco recordings retry                      fetches the failed ones again now
  ncco recordings retry --lost               fetches again what was lost from the folder or bucket
  ncco recordings delete 5f0c...             deletes it for good

It uses the database in NCCO_DATABASE_URL and the folder or bucket in NCCO_RECORDINGS, and a server may be running. Exit
codes: 0 fine, 1 there is no such recording, or some have failed, 2 there is no database.""",
)
@click.pass_context
def command(context: click.Context) -> int:
    """List recordings, save one to a file, fetch it again or delete it."""
    if context.invoked_subcommand is not None:
        return FINE
    return int(context.invoke(list_, limit=options.SHOWN, zone=options.zone_of_line()))


@command.command("list", short_help="List the newest recordings.")
@click.option("--number", default="", help="From or to this number, or part of it.")
@click.option("--flow", default="", help="Recorded in this flow.")
@options.limit
@options.zone
@options.output("text", "json")
@asynchronous
async def list_(*, number: str, flow: str, limit: int, zone: tzinfo, form: str) -> int:
    """List the newest recordings, including deleted ones that can be restored.

    Exit codes: 0 none has failed, 1 some have failed, 2 there is no database.
    """
    wanted = RecordingFilter(number=sought_digits(number) or number, flow=flow, is_deleted=None)
    async with server_store() as store:
        now = now_ms()
        counts = await store.recordings.count()
        rows = await store.recordings.list(limit, wanted=wanted)
    recordings = [RecordingDocument.of(row, now) for row in rows]
    if form == "json":
        print_json({**counts._asdict(), "recordings": [recording.as_json() for recording in recordings]})
    else:
        for recording in recordings:
            _print(recording, zone)
        click.echo(f"{counts.new} new, {counts.waiting} waiting, {counts.failed} failed")
    return ISSUES if counts.failed else FINE


@command.command("get", short_help="Write a recording to a file.")
@click.argument("id_", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), required=False)
@asynchronous
async def get(id_: str, file: Path | None) -> int:
    """Write a recording to FILE, or to standard output (`-`). The default is ID.mp3, ID.wav or ID.ogg.

    An existing file is not overwritten. Exit codes: 0 written, 1 there is no such recording or it has not been fetched,
    2 it cannot be written, or there is no database.
    """
    async with server_store() as store:
        row = await store.recordings.get(id_)
    if row is None or row.state == "deleted":
        raise NotFound(f'there is no recording "{id_}"', "`ncco recordings` lists the newest")
    if row.state != "kept":
        raise NotFound(
            f"{id_} is not available: {row.problem or _state(RecordingDocument.of(row, now_ms()))}",
            row.cure or "try it later",
        )
    files = _files()
    try:
        audio = files.open(id_)
    except FileNotFoundError as error:
        cure = "set NCCO_RECORDINGS as on the server; if the file is lost, run `ncco recordings retry --lost`"
        raise NotFound(f"the file of {id_} is not in {files.place}", cure) from error
    with audio:
        if str(file) == "-":
            shutil.copyfileobj(audio, sys.stdout.buffer)
            return FINE
        target = file or Path(f"{id_}{row.suffix}")
        with target.open("xb") as out:
            try:
                shutil.copyfileobj(audio, out)
            except OSError:
                target.unlink()
                raise
    click.echo(f"{target}: {row.content_type}, {row.size:,} bytes")
    return FINE


@command.command("retry", short_help="Fetch recordings again now.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--lost", is_flag=True, help="Only recordings whose file was fetched and then lost.")
@asynchronous
async def retry(ids: tuple[str, ...], *, lost: bool) -> int:
    """Fetch recordings again now: those with these IDs, or all that are waiting or have failed.

    A running server fetches them within seconds; otherwise the next one does when it starts. Exit codes: 0 they will be
    fetched, 1 one of them does not exist or does not have to be fetched, 2 there is no database.
    """
    async with server_store() as store:
        recordings = store.recordings
        if lost:
            found = await lost_recordings(recordings, _files())
            count = sum([await recordings.mark_lost(id_, now_ms()) for id_ in found if not ids or id_ in ids])
        else:
            count = sum([await recordings.retry(now_ms(), id_) for id_ in dict.fromkeys(ids or ("",))])
    click.echo(f"{counted(count, 'recording is', 'recordings are')} fetched again now, or when the server starts")
    return ISSUES if ids and count < len(set(ids)) else FINE


@command.command("delete", short_help="Delete recordings for good.")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@asynchronous
async def delete(ids: tuple[str, ...]) -> int:
    """Delete recordings for good, with their transcripts and files. Vonage keeps copies for a while.

    Exit codes: 0 they are deleted, 1 one of them does not exist or its file cannot be removed yet, 2 there is no
    database.
    """
    files = _files()
    wanted = list(dict.fromkeys(ids))
    async with server_store() as store:
        found = [row.id for id_ in wanted if (row := await store.recordings.get(id_)) and row.state != "deleted"]
        for id_ in found:
            await store.recordings.mark_deleted(id_, now_ms(), BY)
        await store.recordings.erase(found)
        is_removed = await remove_audio(store, files)
    click.echo(f"{counted(len(found), 'recording is', 'recordings are')} deleted")
    return FINE if found == wanted and is_removed else ISSUES


async def remove_audio(store: Store, files: RecordingFiles) -> bool:
    """Remove the audio of recordings deleted for good. If a server must do it later, warn and return False."""
    try:
        await remove_files(store.recordings, files, datetime.now(UTC))
    except OSError as error:
        click.echo(f"warning: the audio has not been removed yet: {error}", err=True)
        click.echo("  fix: start a server, which retries every minute", err=True)
        return False
    return True


def _files() -> RecordingFiles:
    """Raises CannotRun if recordings are not kept."""
    files = recording_files_of(server_settings())
    if files is None:
        raise CannotRun("no recordings are kept", "set NCCO_RECORDINGS to a folder or a bucket")
    return files


def _state(recording: RecordingDocument) -> str:
    words = {"deleted": "deleted; the console can undo this", "fetching": "being fetched"}
    return words.get(recording.state, recording.state)


def _print(recording: RecordingDocument, zone: tzinfo) -> None:
    came = f"{recording.created_at.astimezone(zone):%Y-%m-%d %H:%M}"
    length = duration_text(recording.duration_ms / 1000) if recording.duration_ms is not None else "?"
    caller = printable(number_text(recording.from_number, recording.to_number))
    where = ".".join(name for name in (recording.flow, recording.step) if name)
    click.echo(f"{recording.id}  {came}  {length}  from {caller or '?'}  {where}".rstrip())
    marks = [name for name, at in (("heard", recording.heard_at), ("done", recording.done_at)) if at is not None]
    problem = f": {recording.problem}" if recording.problem else ""
    click.echo(f"    {', '.join([_state(recording), *marks])}{problem}")
    if recording.problem:
        click.echo(f"    fix: {recording.fix}")
    if recording.transcript:
        click.echo(f"    {printable(' '.join(recording.transcript.split()))[:200]}")
