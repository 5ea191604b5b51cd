"""Archives that no backup made are refused with a reason, and nothing from them is written."""

from __future__ import annotations

import io
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from ncco_server.desk.backup import BackupPlaces, NotABackup, restore_backup
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
    "too long": {"pax_headers": {"size": str(1 << 70)}},
}


@pytest.fixture
async def database(tmp_path: Path) -> bytes:
    """A database that can be restored."""
    store = Store(SqliteDatabase(tmp_path / "good.db"))
    await store.open()
    await store.close()
    return (tmp_path / "good.db").read_bytes()


def archive_of(database: bytes, **changes: Any) -> bytes:
    """An archive; the last file has `changes` in its tar header."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, content, more in (("ncco.db", database, {}), (AUDIO, b"x", changes)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for field, value in more.items():
                setattr(entry, field, value)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


async def restored(folder: Path, archive: bytes) -> list[str]:
    """Restore an archive. Returns the files that exist afterwards. Raises NotABackup."""
    file, home = folder / "given.tar.gz", folder / "home"
    home.mkdir(parents=True)
    file.write_bytes(archive)
    places = BackupPlaces(Store(SqliteDatabase(home / "ncco.db")), home / "key", RecordingFolder(home / "recordings"))
    try:
        await restore_backup(file, places)
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

    assert refused.value.cure.startswith("name another backup")
    assert [] == [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


@pytest.mark.parametrize("sql", ["", "CREATE TABLE a (b); DROP TABLE a"], ids=["no bytes", "no tables"])
async def test_an_empty_database_is_refused(sql: str, tmp_path: Path) -> None:
    with pytest.raises(NotABackup, match="is empty"):
        await restored(tmp_path, archive_of(changed(tmp_path, b"", sql) if sql else b""))


async def test_a_damaged_archive_is_refused(tmp_path: Path, database: bytes) -> None:
    whole = archive_of(database)
    for number in range(20, len(whole), max(1, len(whole) // 40)):
        for damaged in (whole[:number], whole[:number] + bytes([whole[number] ^ 0xFF]) + whole[number + 1 :]):
            with pytest.raises(NotABackup):
                await restored(tmp_path / str(number) / str(len(damaged)), damaged)
