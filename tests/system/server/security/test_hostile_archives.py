"""Archives that no backup made are refused with a reason, and nothing from them is written."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import sqlite3
import tarfile
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from ncco_server.desk.backup import BackupPlaces, NotABackup, read_manifest, restore_backup
from ncco_server.service.recording_folder import RecordingFolder
from ncco_server.store import SqliteDatabase, Store

AUDIO: Final = f"recordings/{'0a' * 16}"
SPARSE: Final = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 60)}
"""An exabyte of zeros."""
ENTRIES: Final[dict[str, dict[str, Any]]] = {
    "link": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    "link to itself": {"type": tarfile.SYMTYPE, "linkname": AUDIO},
    "hard link": {"type": tarfile.LNKTYPE, "linkname": "ncco.db"},
    "device": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5},
    "disk": {"type": tarfile.BLKTYPE},
    "pipe": {"type": tarfile.FIFOTYPE},
    "folder": {"type": tarfile.DIRTYPE},
    "absolute": {"name": "/tmp/evil"},  # noqa: S108 - it must not be written
    "upwards": {"name": f"recordings/../../{'0a' * 16}"},
    "beside": {"name": "recordings/evil"},
    "twice": {"name": "ncco.db"},
    "other case": {"name": AUDIO.upper()},
    "line end": {"name": f"{AUDIO}\n"},
    "endless": {"pax_headers": SPARSE},
    "no map": {"pax_headers": {**SPARSE, "GNU.sparse.map": "a,b"}},
    "no number": {"pax_headers": {"size": "x"}},
    "negative": {"pax_headers": {"size": "-5"}},
    "too long": {"pax_headers": {"size": str(1 << 70)}},
    "no time": {"pax_headers": {"mtime": "nan"}},
    "late": {"pax_headers": {"mtime": "1e300"}},
    "infinite": {"pax_headers": {"mtime": "inf"}},
}


@pytest.fixture
async def database(tmp_path: Path) -> bytes:
    """A database that can be restored."""
    store = Store(SqliteDatabase(tmp_path / "good.db"))
    await store.open()
    await store.close()
    return (tmp_path / "good.db").read_bytes()


def archive_of(database: bytes, **changes: Any) -> bytes:
    """An archive whose manifest names all its files; the last file has `changes` in its tar header."""
    packed, files = io.BytesIO(), {}
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content, more in (("ncco.db", database, {}), (AUDIO, b"x", changes)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for field, value in more.items():
                setattr(entry, field, value)
            archive.addfile(entry, io.BytesIO(content))
            files[entry.name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        about = {"version": "1", "made_at": "2026-01-01T00:00:00Z", "database": "x", "keys": [], "files": files}
        text = json.dumps(about).encode()
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    return packed.getvalue()


async def restored(folder: Path, archive: bytes) -> list[str]:
    """Restore an archive. Returns the files that exist afterwards. Raises NotABackup."""
    file, home = folder / "given.tar", folder / "home"
    file.write_bytes(archive)
    home.mkdir()
    places = BackupPlaces(Store(SqliteDatabase(home / "ncco.db")), home / "key", RecordingFolder(home / "recordings"))
    try:
        await restore_backup(file, read_manifest(file), places)
    finally:
        found = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    return found


async def test_an_archive_with_nothing_wrong_is_restored(tmp_path: Path, database: bytes) -> None:
    assert ["ncco.db", AUDIO] == await restored(tmp_path, archive_of(database))


DATABASES: Final[dict[str, str]] = {
    "trigger": "CREATE TRIGGER evil AFTER INSERT ON calls BEGIN DELETE FROM hooks; END",
    "view": "CREATE VIEW evil AS SELECT * FROM calls",
    "virtual table": "CREATE VIRTUAL TABLE evil USING fts5(body)",
    "no table": "DROP TABLE turns",
    "no table of the additions": "DROP TABLE ncco_backups",
    "no column": "ALTER TABLE webhooks RENAME COLUMN body TO bodies",
    "no version": "DELETE FROM ncco_schema",
}


def changed(folder: Path, database: bytes, sql: str) -> bytes:
    """The database after an SQL script."""
    file = folder / "changed.db"
    file.write_bytes(database)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(sql)
    return file.read_bytes()


@pytest.mark.parametrize("kind", [*ENTRIES, *DATABASES])
async def test_a_strange_entry_or_a_database_with_foreign_parts_is_refused(
    kind: str, tmp_path: Path, database: bytes
) -> None:
    whole = changed(tmp_path, database, DATABASES[kind]) if kind in DATABASES else database
    with pytest.raises(NotABackup) as refused:
        await restored(tmp_path, archive_of(whole, **ENTRIES.get(kind, {})))

    assert refused.value.cure.startswith(("name another backup", "name a file that `ncco backup` wrote"))
    assert [] == [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


@pytest.mark.parametrize("sql", ["", "CREATE TABLE a (b); DROP TABLE a"], ids=["no bytes", "no tables"])
async def test_an_empty_database_is_refused(sql: str, tmp_path: Path) -> None:
    with pytest.raises(NotABackup, match="is empty"):
        await restored(tmp_path, archive_of(changed(tmp_path, b"", sql) if sql else b""))


def bomb(files: dict[str, int]) -> bytes:
    """A compressed archive of files that contain only zeros; `files` has their sizes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, size in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = size
            archive.addfile(entry, io.BytesIO(bytes(size)))
    return packed.getvalue()


@pytest.mark.parametrize(
    "files",
    [{"manifest.json": 100 << 20}, {f"recordings/{number:032x}": 0 for number in range(20_000)}],
    ids=["manifest", "entries"],
)
def test_the_unpacked_size_of_a_small_file_is_limited(files: dict[str, int], tmp_path: Path) -> None:
    file = tmp_path / "given.tar.gz"
    file.write_bytes(bomb(files))
    tracemalloc.start()
    with pytest.raises(NotABackup, match="more than"):
        read_manifest(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 16 << 20


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_description_of_gigabytes_is_not_read(kind: bytes, tmp_path: Path, database: bytes) -> None:
    entry = tarfile.TarInfo("long")
    entry.type, entry.size = kind, 2 << 30
    file = tmp_path / "given.tar.gz"
    for first in (b"", archive_of(database).rstrip(b"\0")):
        content = first + bytes(-len(first) % 512) + entry.tobuf(tarfile.USTAR_FORMAT) + bytes(64 << 20)
        file.write_bytes(gzip.compress(content, 1))
        tracemalloc.start()
        with pytest.raises(NotABackup, match="an entry that is not a file has 2,147,483,648 bytes"):
            read_manifest(file)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
        tracemalloc.stop()


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress], ids=["bz2", "xz", "gz"])
async def test_a_damaged_compression_is_refused(pack: Any, tmp_path: Path, database: bytes) -> None:
    whole = pack(archive_of(database))
    for number in range(20, len(whole), max(1, len(whole) // 40)):
        file = tmp_path / "given.tar"
        file.write_bytes(whole[:number] + bytes([whole[number] ^ 0xFF]) + whole[number + 1 :])
        with pytest.raises(NotABackup):
            read_manifest(file)
