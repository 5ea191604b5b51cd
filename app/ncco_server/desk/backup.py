"""Backups: a snapshot of a SQLite database, its key file and the recordings in one compressed tar archive.

The database is last, so an archive that was cut off contains none. Large data takes no more memory.
"""

from __future__ import annotations

import asyncio
import re
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import IO, Final

from ncco_server.errors import AppError, StoreUnavailable, StoreUnusable
from ncco_server.service.recording_files import RecordingFiles, size_of
from ncco_server.store import BackupRow, Backups, Store, milliseconds
from ncco_server.store.copies import ANOTHER, check_copy, copy_file, private_file, sync_folder

DATABASE: Final = "ncco.db"
KEY: Final = "key"
RECORDINGS: Final = "recordings/"
_NAME: Final = re.compile(r"ncco\.db|key|manifest\.json|recordings/[0-9a-f]{32}")
"""An earlier version wrote the manifest."""
_BLOCK: Final = 1 << 20


class NotABackup(AppError):
    """A file that cannot be restored."""

    def __init__(self, file: Path, problem: str, cure: str = ANOTHER) -> None:
        super().__init__(f"{file} {problem}", cure)


@dataclass(frozen=True, slots=True)
class BackupPlaces:
    """The sources, or destinations, of a backup.

    `store` must not be open; `key` is the callback secret next to a SQLite database.
    """

    store: Store
    key: Path | None
    recordings: RecordingFiles | None


async def write_backup(target: Path, database: Path, places: BackupPlaces, now: datetime) -> int:
    """Write an archive, even while servers run; return its size in bytes.

    `target` is absolute. Includes everything acknowledged before `now`. Raises StoreError, OSError.
    """
    with TemporaryDirectory(prefix=".ncco-backup-", dir=target.parent) as folder:
        await asyncio.to_thread(copy_file, database, Path(folder) / DATABASE)
        size = await asyncio.to_thread(_archive, target, Path(folder), places)
    if not (await places.store.schema()).missing:  # opening it would migrate it
        with suppress(StoreUnavailable):  # the disk may be full: only the backup's time is then missing
            async with places.store as store:
                await Backups(store.database).add(BackupRow(milliseconds(now), size))
    return size


def _archive(target: Path, folder: Path, places: BackupPlaces) -> int:
    draft = folder / "draft"
    with (
        _written_to(target.parent),
        private_file(draft) as out,
        tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive,
    ):
        if (recordings := places.recordings) is not None:
            for audio in recordings.stored():
                with suppress(FileNotFoundError):  # the recording was just deleted
                    _add(archive, f"{RECORDINGS}{audio.id}", recordings.open(audio.id))
        if places.key is not None and places.key.is_file():
            _add(archive, KEY, places.key.open("rb"))
        _add(archive, DATABASE, (folder / DATABASE).open("rb"))
    size = draft.stat().st_size
    draft.replace(target)
    sync_folder(target.parent)
    return size


@contextmanager
def _written_to(place: Path) -> Iterator[None]:
    """Name the place in an OSError without a file, as from a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(place)) from error


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode = 0o600
    with file:
        entry.size = size_of(file)
        archive.addfile(entry, file)


async def restore_backup(file: Path, places: BackupPlaces) -> int:
    """Replace the database and its key, and add missing recordings; return how many.

    The whole archive is checked first; the database is replaced atomically. Raises NotABackup, StoreError, OSError.
    """
    beside = (places.store.path or Path(DATABASE)).absolute().parent
    beside.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".ncco-restore-", dir=beside) as name:
        folder = Path(name)
        await asyncio.to_thread(_extract, file, folder)
        await places.store.database.require_unused()
        added = 0 if places.recordings is None else await asyncio.to_thread(_add_missing, file, places.recordings)
        await places.store.database.replace_by(folder / DATABASE)
        if places.key is not None and (folder / KEY).exists():
            (folder / KEY).replace(places.key)
    return added


def _extract(file: Path, folder: Path) -> None:
    with _files_of(file) as entries:
        for name, content in entries:
            if name in (DATABASE, KEY):
                with _written_to(folder.parent), private_file(folder / name) as out:
                    copyfileobj(content, out, _BLOCK)
    if not (folder / DATABASE).exists():
        raise NotABackup(file, "contains no database")
    try:
        check_copy(folder / DATABASE)
    except StoreUnusable as error:
        # The cure of `error` would be for the database of a server.
        cure = f"{ANOTHER}, or restore this one with the version that wrote it"
        raise NotABackup(file, f"contains a database that cannot be used: {error}", cure) from error


def _add_missing(file: Path, recordings: RecordingFiles) -> int:
    """The audio of an ID never changes."""
    before = {audio.id for audio in recordings.stored()}
    added = 0
    with _files_of(file) as entries:
        for name, content in entries:
            id_ = name.removeprefix(RECORDINGS)
            if id_ != name and id_ not in before:
                with _written_to(Path(recordings.place)), closing(recordings.begin(id_)) as audio:
                    copyfileobj(content, audio, _BLOCK)
                    audio.keep()
                added += 1
    return added


@contextmanager
def _files_of(file: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Accept only names that a backup uses, each once. Raises NotABackup."""

    def entries(archive: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
        seen = set[str]()
        for entry in archive:
            content = archive.extractfile(entry) if entry.isreg() and not entry.issparse() else None
            if content is None or entry.name in seen or not _NAME.fullmatch(entry.name):
                raise NotABackup(file, f"contains {entry.name[:100]!r}, which is not part of a backup")
            seen.add(entry.name)
            yield entry.name, content
        while archive.fileobj.read(_BLOCK):  # read to the end, where the checksum is
            pass

    try:
        with tarfile.open(file, "r:gz") as archive:
            yield entries(archive)
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise NotABackup(file, f"is damaged, or not a backup ({error})") from error
