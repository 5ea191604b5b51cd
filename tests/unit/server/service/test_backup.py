"""A restore whose last step fails leaves the database and its key as before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ncco_server.desk.backup import BackupPlaces, restore_backup, write_backup
from ncco_server.errors import StoreUnavailable
from ncco_server.service.recording_folder import RecordingFolder
from ncco_server.store import SqliteDatabase, Store
from tests.support.stored_rows import new_call


class Refusing(SqliteDatabase):
    """A database that another process locks at the last moment."""

    async def replace_by(self, path: Path) -> None:
        raise StoreUnavailable("it is in use")


def places_in(folder: Path, database: type[SqliteDatabase] = SqliteDatabase) -> BackupPlaces:
    recordings = RecordingFolder(folder / "recordings")
    return BackupPlaces(Store(database(folder / "ncco.db")), folder / "ncco.db-key", recordings)


def recording_of(name: str) -> str:
    return name.encode().hex().rjust(32, "0")


async def fill(places: BackupPlaces, name: str) -> None:
    await places.store.open()
    await places.store.open_call(*new_call(name))
    await places.store.close()
    assert places.key is not None
    assert isinstance(places.recordings, RecordingFolder)
    places.key.write_text(name)
    places.recordings.path.mkdir()
    (places.recordings.path / recording_of(name)).write_text(name)


def files_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.suffix != ".db" else ""
        for path in folder.rglob("*")
        if not path.name.endswith(("-wal", "-shm"))
        if path.is_file()
    }


async def test_a_restore_that_fails_at_the_end_changes_no_call(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    await fill(old := places_in(tmp_path / "old"), "old")
    await fill(new := places_in(tmp_path / "new"), "new")
    archive = tmp_path / "new.tar.gz"
    await write_backup(archive, tmp_path / "new" / "ncco.db", new, datetime.now(UTC))
    before = files_of(tmp_path / "old")

    with pytest.raises(StoreUnavailable):
        await restore_backup(archive, places_in(tmp_path / "old", Refusing))
    after = files_of(tmp_path / "old")
    await restore_backup(archive, old)
    await old.store.open()
    found = await old.store.load("new"), await old.store.load("old")
    await old.store.close()

    recordings = {f"recordings/{recording_of(name)}": name for name in ("new", "old")}
    assert {**before, **recordings} == after
    assert {"ncco.db": "", "ncco.db-key": "new", **recordings} == files_of(tmp_path / "old")
    assert (new_call("new")[0], None) == found
