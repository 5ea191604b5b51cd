"""The folder of recordings, each a file that only its owner can read.

Until a file is complete and on disk, its name ends in `.part`.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import IO, Final

from ncco_server.service.recording_files import (
    ID,
    RecordingFiles,
    StorageProblem,
    StoredAudio,
    UnfinishedFile,
    checked_id,
    require_space,
)
from ncco_server.store.copies import sync_folder

PART_S: Final = 3600.0
"""No download takes this long."""
_PART: Final = ".part"


class RecordingFolder(RecordingFiles):
    """The recordings in a folder, which is created on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def place(self) -> str:
        return str(self.path)

    def file(self, id_: str) -> Path:
        """The file may not exist. Raises ValueError for an invalid ID."""
        return self.path / checked_id(id_)

    def begin(self, id_: str) -> UnfinishedFile:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_space(self.path)
        file = self.file(id_)
        for part in self.path.glob(f"{id_}.*{_PART}"):  # from a dead process; the caller has the claim
            part.unlink(missing_ok=True)
        return _PartFile(file)

    def open(self, id_: str) -> IO[bytes]:
        return self.file(id_).open("rb")

    def stored(self) -> Iterator[StoredAudio]:
        for path in sorted(self.path.iterdir()) if self.path.is_dir() else ():
            with suppress(FileNotFoundError):  # the file was just deleted
                if ID.fullmatch(path.name) and path.is_file():
                    yield StoredAudio(path.name, path.stat().st_mtime)

    def remove(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            self.file(id_).unlink(missing_ok=True)

    def sweep(self, before_s: float) -> int:
        if not self.path.is_dir():
            return 0
        removed = 0
        stale_s = time.time() - PART_S
        for file in self.path.iterdir():
            is_part = file.name.endswith(_PART)
            with suppress(FileNotFoundError):  # the file was just fetched or removed
                if ID.fullmatch(file.name[:32]) and file.lstat().st_mtime < (stale_s if is_part else before_s):
                    file.unlink()
                    removed += 1
        return removed

    def problems(self) -> Iterator[StorageProblem]:
        place = self.path.absolute()
        existing = next(each for each in (place, *place.parents) if each.exists())
        if not os.access(existing, os.W_OK | os.X_OK):
            cure = "Run this as the server's user; if you already do, give that user permission to write there."
            yield StorageProblem(True, f"{existing} is not writable by this user", cure)
        elif place.is_dir() and place.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield StorageProblem(False, f"other users of this machine can reach {place}", f"chmod 700 {place}")


class _PartFile(UnfinishedFile):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.{token_hex(4)}{_PART}")
        super().__init__(os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"))

    def keep(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._part.rename(self._path)
        sync_folder(self._path.parent)

    def close(self) -> None:
        self._part.unlink(missing_ok=True)
        with suppress(OSError):  # unwritten data is no longer needed
            self._file.close()
