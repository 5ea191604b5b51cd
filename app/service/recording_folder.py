"""The folder of recordings: one file for each, named by our own random id alone, readable by its owner alone.

A file has its name only once it is whole and on disk; until then its name ends with `.part`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from app.store.copies import sync_folder

LEAST_FREE_BYTES: Final = 200_000_000
"""Less free space is left to the database: without it, calls could not be answered. Our choice."""
PART_S: Final = 3600.0
"""After this many seconds an unfinished file is abandoned: a download may not take that long."""

_ID: Final = re.compile(r"[0-9a-f]{32}")
_PART: Final = ".part"


def new_recording_id() -> str:
    """A random id, safe in a file name."""
    return token_hex(16)


class RecordingFolder:
    """A folder, made when it is first needed. Its methods block, and raise OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, id_: str) -> Path:
        """The file of a recording, which need not exist. Raises ValueError for what is no id."""
        if not _ID.fullmatch(id_):
            raise ValueError("no id of a recording")
        return self.path / id_

    def begin(self, id_: str) -> UnfinishedFile:
        """A new file to write. Raises OSError too when the disk is nearly full."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(self.path).free < LEAST_FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file = self.file(id_)
        for part in self.path.glob(f"{id_}.*{_PART}"):  # of a process that has ended: the caller has claimed it
            part.unlink(missing_ok=True)
        return UnfinishedFile(file)

    def put(self, id_: str, audio: bytes) -> None:
        """Keep audio that need not be fetched."""
        with closing(self.begin(id_)) as file:
            file.write(audio)
            file.keep()

    def remove(self, ids: Iterable[str]) -> None:
        """Remove the files of recordings, if they exist."""
        for id_ in ids:
            self.file(id_).unlink(missing_ok=True)

    def sweep(self, before_s: float) -> int:
        """Remove what was left unfinished, and what was written before `before_s` (seconds since 1970); how many.

        The second is for files whose recording the database does not know, after it was put back from a backup.
        """
        if not self.path.is_dir():
            return 0
        removed, stale_s = 0, time.time() - PART_S
        for file in self.path.iterdir():
            is_part = file.name.endswith(_PART)
            if _ID.fullmatch(file.name[:32]) and file.lstat().st_mtime < (stale_s if is_part else before_s):
                file.unlink(missing_ok=True)
                removed += 1
        return removed


class UnfinishedFile:
    """A file that is removed again unless it is kept.

    Attributes:
        size: bytes so far.
        beginning: the first of them, by which its type is known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.{token_hex(4)}{_PART}")
        self._file = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._hash = hashlib.sha256()
        self.size = 0
        self.beginning = b""

    @property
    def sha256(self) -> str:
        """Of what was written so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def write(self, block: bytes) -> None:
        """Add to it."""
        self._file.write(block)
        self._hash.update(block)
        self.beginning = self.beginning or block[:16]
        self.size += len(block)

    def close(self) -> None:
        """Remove it, unless it is kept."""
        self._part.unlink(missing_ok=True)
        with suppress(OSError):  # what could not be written is not wanted any more
            self._file.close()

    def keep(self) -> None:
        """Give it its name, once it is on disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._part.rename(self._path)
        sync_folder(self._path.parent)
