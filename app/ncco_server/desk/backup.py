"""Backups: the database, its key file and the recordings in one tar archive.

The manifest, with a checksum of each file, is last. Large data takes no more memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import IO, Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, Field, ValidationError
from pydantic.dataclasses import dataclass as validated_dataclass

from ncco_server.errors import AppError, StoreUnavailable, StoreUnusable
from ncco_server.service.recording_files import RecordingFiles, size_of
from ncco_server.service.recordings import lost_recordings
from ncco_server.store import BackupRow, Backups, Store, milliseconds
from ncco_server.store.copies import ANOTHER, check_copy, move_into, private_file, sync_folder

DATABASE: Final = "ncco.db"
KEY: Final = "key"
RECORDINGS: Final = "recordings/"
MANIFEST: Final = "manifest.json"
_RECORDING: Final = re.compile(r"recordings/[0-9a-f]{32}")
_BLOCK: Final = 1 << 20
_MANIFEST_BYTES: Final = 1 << 16
_ENTRY_BYTES: Final = 256
"""The entry of a recording has about 160 bytes."""
_FEW_FILES: Final = 1_000
_LEAST_BYTES: Final = 16
"""A recording takes more, even compressed: its name and checksum are random."""


class NotABackup(AppError):
    """A file that cannot be restored."""

    def __init__(self, file: Path, problem: str, cure: str) -> None:
        super().__init__(f"{file} {problem}", cure)


@validated_dataclass(frozen=True, slots=True)
class FileSum:
    """A file in the manifest."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """`keys` are fingerprints of the keys of the archive's callback URLs."""

    made_by: Literal["ncco backup"] = "ncco backup"
    format: Literal[1] = 1
    version: str
    made_at: datetime
    database: str
    keys: tuple[str, ...]
    files: Mapping[str, FileSum]


@dataclass(frozen=True, slots=True)
class BackupPlaces:
    """The sources, or destinations, of a backup.

    `store` must not be open; `key` is the callback secret next to a SQLite database.
    """

    store: Store
    key: Path | None
    recordings: RecordingFiles | None

    @property
    def present(self) -> Iterator[str]:
        yield from (str(path) for path in (self.store.path, self.key) if path is not None and path.is_file())
        if self.recordings is not None and not self.recordings.is_empty():
            yield self.recordings.place


def fingerprint(key: bytes) -> str:
    return hashlib.blake2b(b"ncco backup: which key", key=key, digest_size=16).hexdigest()


class _HashedFile:
    """Hashes a file while reading it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._bytes = 0

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._hash.update(block)
        self._bytes += len(block)
        return block

    @property
    def sum(self) -> FileSum:
        return FileSum(bytes=self._bytes, sha256=self._hash.hexdigest())


async def write_backup(
    target: Path, places: BackupPlaces, keys: Iterable[bytes], version: str, now: datetime
) -> tuple[int, list[str]]:
    """Write an archive, even while servers run; return its size in bytes, and the IDs of lost recordings.

    `target` is absolute; a file there is replaced once the new one is verified. Includes everything acknowledged before
    `now`. Raises StoreError, OSError, NotABackup.
    """
    prints = tuple(fingerprint(key) for key in keys)
    manifest = Manifest(version=version, made_at=now, database=places.store.label, keys=prints, files={})
    with TemporaryDirectory(prefix=".ncco-backup-", dir=target.parent) as folder:
        await places.store.database.copy_to(Path(folder) / DATABASE)
        size = await asyncio.to_thread(_archive, target, Path(folder), places, manifest)
    if (await places.store.schema()).missing:  # opening it would migrate it
        return size, []
    lost: list[str] = []
    with suppress(StoreUnavailable):  # the disk may be full: only the backup's time is then missing
        async with places.store as store:
            await Backups(store.database).add(BackupRow(milliseconds(now), size))
            if places.recordings is not None:
                lost = await lost_recordings(store.recordings, places.recordings)
    return size, lost


def _archive(target: Path, folder: Path, places: BackupPlaces, about: Manifest) -> int:
    draft = folder / "draft"
    files: dict[str, FileSum] = {}
    with (
        _written_to(target.parent),
        private_file(draft) as out,
        tarfile.open(fileobj=out, mode="w:gz" if target.suffix == ".gz" else "w") as archive,
    ):
        files[DATABASE] = _add(archive, DATABASE, (folder / DATABASE).open("rb"))
        if places.key is not None and places.key.is_file():
            files[KEY] = _add(archive, KEY, places.key.open("rb"))
        if (recordings := places.recordings) is not None:
            for audio in recordings.stored():
                with suppress(FileNotFoundError):  # the recording was just deleted
                    name = f"{RECORDINGS}{audio.id}"
                    files[name] = _add(archive, name, recordings.open(audio.id), audio.changed_s)
        text = about.model_copy(update={"files": files}).model_dump_json(indent=1).encode()
        archive.addfile(_entry(MANIFEST, len(text)), BytesIO(text))
    read_manifest(draft, "take another backup")
    size = draft.stat().st_size
    draft.replace(target)
    sync_folder(target.parent)
    return size


@contextmanager
def _written_to(folder: Path) -> Iterator[None]:
    """Name the folder in an OSError without a file, as from a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(folder)) from error


def _entry(name: str, size: int, changed_s: float = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o600
    entry.mtime = int(changed_s)
    return entry


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes], changed_s: float = 0) -> FileSum:
    with file:
        hashed = _HashedFile(file)
        archive.addfile(_entry(name, size_of(file), changed_s), hashed)
    return hashed.sum


def read_manifest(file: Path, cure: str = ANOTHER) -> Manifest:
    """Check every byte. Raises NotABackup with this cure."""
    sums: dict[str, FileSum] = {}
    text = b""
    most = _FEW_FILES + file.stat().st_size // _LEAST_BYTES
    with _files_of(file, cure) as entries:
        for entry, content in entries:
            name = entry.name
            if len(sums) > most:
                raise NotABackup(file, f"contains more than {most:,} files, too many for its size", cure)
            if name == MANIFEST:
                limit = _MANIFEST_BYTES + _ENTRY_BYTES * len(sums)
                if entry.size > limit:
                    raise NotABackup(file, f"has a manifest of more than {limit:,} bytes", cure)
                text = content.read()
            elif name in sums:
                raise NotABackup(file, f"contains {name} twice", cure)
            else:
                hashed = _HashedFile(content)
                while hashed.read(_BLOCK):
                    pass
                sums[name] = hashed.sum
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        problem = "is not a backup made by this program, or was made by a newer version"
        raise NotABackup(file, problem, "name a file that `ncco backup` wrote") from error
    wrong = sorted(name for name in {*sums, *manifest.files} if sums.get(name) != manifest.files.get(name))
    if wrong or DATABASE not in sums:
        raise NotABackup(file, f"is damaged: {(wrong or [DATABASE])[0]} has changed since it was written", cure)
    return manifest


@contextmanager
def _files_of(file: Path, cure: str = ANOTHER) -> Iterator[Iterator[tuple[tarfile.TarInfo, IO[bytes]]]]:
    """Accept only names that a backup uses. Raises NotABackup."""

    def entries(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isreg() and not entry.issparse() else None
            if content is None or not (entry.name in (DATABASE, KEY, MANIFEST) or _RECORDING.fullmatch(entry.name)):
                raise NotABackup(file, f"contains {entry.name[:100]!r}, which is not part of a backup", cure)
            yield entry, content
        while archive.fileobj.read(_BLOCK):  # read to the end, where gzip's checksum is
            pass

    try:
        with closing(_opened(file)) as archive:
            yield entries(archive)
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise NotABackup(file, f"is damaged, or not a backup ({error})", cure) from error


class _BackupEntry(tarfile.TarInfo):
    """Limits extra headers, such as a long name: tarfile reads each one whole into memory."""

    @classmethod
    def frombuf(cls, *header: Any) -> Self:
        entry = super().frombuf(*header)
        if not entry.isreg() and entry.size > _BLOCK:
            raise ValueError(f"an entry that is not a file has {entry.size:,} bytes")
        return entry


def _opened(file: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(file, "r:gz", tarinfo=_BackupEntry)
    except tarfile.ReadError:
        return tarfile.open(file, "r:", tarinfo=_BackupEntry)


async def restore_backup(file: Path, manifest: Manifest, places: BackupPlaces) -> None:
    """Replace all data with an archive, atomically. Raises NotABackup, StoreError, OSError.

    Parts that it lacks stay. All files are checked first; the database is moved last.
    """
    await places.store.database.require_unused()
    with ExitStack() as stack:
        drafts = await asyncio.to_thread(_extract, file, manifest, places, stack)
        done = ExitStack()
        with ExitStack() as moved:
            if places.key is not None and KEY in drafts:
                move_into(drafts[KEY], places.key, moved)
            if places.recordings is not None and RECORDINGS in drafts:
                await asyncio.to_thread(places.recordings.replace, drafts[RECORDINGS], moved, done)
            await places.store.database.replace_by(drafts[DATABASE])
            moved.pop_all()
        await asyncio.to_thread(done.close)


def _extract(file: Path, manifest: Manifest, places: BackupPlaces, stack: ExitStack) -> Mapping[str, Path]:
    """`stack` deletes the folders, next to the destinations, that get the files."""
    drafts: dict[str, Path] = {}
    parts = {f"{part}{found}" for part, found, _ in (name.partition("/") for name in manifest.files)}
    folders = {DATABASE: (places.store.path or Path(DATABASE)).absolute().parent}
    folders |= {KEY: places.key.absolute().parent} if places.key else {}
    folders |= {RECORDINGS: places.recordings.draft_folder(folders[DATABASE])} if places.recordings else {}
    for part in sorted(parts & set(folders)):
        folders[part].mkdir(mode=0o700, parents=True, exist_ok=True)
        drafts[part] = Path(stack.enter_context(TemporaryDirectory(prefix=".ncco-restore-", dir=folders[part]))) / "new"
    if RECORDINGS in drafts:
        drafts[RECORDINGS].mkdir()
    with _files_of(file) as entries:
        for entry, content in entries:
            part, found, rest = entry.name.partition("/")
            target = drafts.get(f"{part}{found}")
            if target is None:
                continue
            if entry.name not in manifest.files or entry.size != manifest.files[entry.name].bytes:
                raise NotABackup(file, "changed while it was being read", "try it again")
            path = target / rest if rest else target
            with _written_to(folders[f"{part}{found}"]), private_file(path) as out:
                copyfileobj(content, out, _BLOCK)
            os.utime(path, (entry.mtime, entry.mtime))  # retention counts from the time of change
    try:
        check_copy(drafts[DATABASE])
    except StoreUnusable as error:
        # The cure of `error` would be for the database of a server.
        cure = f"{ANOTHER}, or restore this one with the version that wrote it"
        raise NotABackup(file, f"contains a database that cannot be used: {error}", cure) from error
    return drafts
