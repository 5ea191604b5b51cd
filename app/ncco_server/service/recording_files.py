"""Storage of recordings' audio: the interface of the folder and the bucket.

    with closing(files.begin(id_)) as file:      # invisible to others until it is kept
        file.write(block) file.keep()

All methods block; use `in_thread`, so that calls do not wait.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, Final, NamedTuple, ParamSpec, TypeVar

from ncco_server.service.threads import Threads

LEAST_FREE_BYTES: Final = 200_000_000
"""Reserved for the database, which calls need. Our choice."""
NO_KEY: Final = "the server has no key to fetch it"
ID: Final = re.compile(r"[0-9a-f]{32}")

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = Threads(16)
"""A bucket that hangs must not occupy the threads that calls need."""


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await _THREADS.run("recordings", partial(work, *args, **kwargs))


def new_recording_id() -> str:
    return token_hex(16)


def checked_id(id_: str) -> str:
    """Raise ValueError for any other text, which could lead to another file."""
    if not ID.fullmatch(id_):
        raise ValueError("not the id of a recording")
    return id_


def require_space(folder: Path) -> None:
    """Raise an OSError that names the folder if its disk is nearly full."""
    if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


class StoredAudio(NamedTuple):
    """A recording in the list of stored audio; `changed_s` is in seconds since 1970."""

    id: str
    changed_s: float


class StorageProblem(NamedTuple):
    """A problem that somebody should fix."""

    is_error: bool
    message: str
    cure: str


class BucketAddress(NamedTuple):
    """A bucket and its credentials.

    Attributes:
        prefix: of our objects' names, without slashes at either end; "" for the whole bucket.
        endpoint: scheme, host and port; "" for Amazon S3.
        region: "" for the region in the environment.
    """

    bucket: str
    prefix: str
    endpoint: str
    region: str
    key_id: str
    secret_key: str
    token: str

    def __repr__(self) -> str:
        return f"s3://{'/'.join(filter(None, (self.bucket, self.prefix)))}"


class UnfinishedFile(ABC):
    """A new audio file; `close` removes it unless it was kept. `beginning` reveals the type."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0
        self.beginning = b""

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, block: bytes) -> None:
        self._file.write(block)
        self._hash.update(block)
        self.beginning = (self.beginning + block[:16])[:16]
        self.size += len(block)

    @abstractmethod
    def keep(self) -> None:
        """Make the file visible under its ID."""

    @abstractmethod
    def close(self) -> None: ...


class RecordingFiles(ABC):
    """The stored audio of recordings, by ID. The methods block, and raise OSError."""

    @property
    @abstractmethod
    def place(self) -> str: ...

    @abstractmethod
    def begin(self, id_: str) -> UnfinishedFile:
        """Also raise OSError if the disk is nearly full."""

    @abstractmethod
    def open(self, id_: str) -> IO[bytes]:
        """Raise FileNotFoundError, and ValueError for an invalid ID."""

    @abstractmethod
    def stored(self) -> Iterator[StoredAudio]: ...

    @abstractmethod
    def remove(self, ids: Iterable[str]) -> None: ...

    @abstractmethod
    def sweep(self, before_s: float) -> int:
        """Remove abandoned unfinished files, and files from before `before_s` (seconds since 1970); return how many.

        A restored database does not know the old files.
        """

    @abstractmethod
    def problems(self) -> Iterator[StorageProblem]:
        """The check writes to a bucket, but not to a folder."""

    def put(self, id_: str, audio: bytes) -> None:
        with closing(self.begin(id_)) as file:
            file.write(audio)
            file.keep()


def size_of(file: IO[bytes] | Any) -> int:
    """Leave the position at the start of the file."""
    size: int = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
