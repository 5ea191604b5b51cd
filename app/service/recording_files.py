"""Storage of recordings' audio: the interface of folders and buckets.

    with closing(files.begin(id_)) as file:      # invisible to others until it is kept
        file.write(block) file.keep()
    with files.open(id_) as audio:               # FileNotFoundError when there is none
        audio.seek(1000)

All methods block. `in_thread` runs them without delaying calls.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, Final, NamedTuple, ParamSpec, TypeVar

from app.service.threads import Threads

LEAST_FREE_BYTES: Final = 200_000_000
"""Below this, free space is reserved for the database, which calls need. Our choice."""
ID: Final = re.compile(r"[0-9a-f]{32}")

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = Threads(16)
"""A separate pool: a hanging bucket must not use up the threads that calls need."""


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking operation on the folder or the bucket. Raises its errors."""
    return await _THREADS.run("recordings", partial(work, *args, **kwargs))


def new_recording_id() -> str:
    """A random id, safe in a file name."""
    return token_hex(16)


def checked_id(id_: str) -> str:
    """Check an ID. Raises ValueError for any other text, which could lead to another file."""
    if not ID.fullmatch(id_):
        raise ValueError("not the id of a recording")
    return id_


def require_space(folder: Path) -> None:
    """Raise OSError with the folder if its disk is nearly full."""
    if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


class StoredAudio(NamedTuple):
    """An entry in the list of audio; `changed_s` is in seconds since 1970."""

    id: str
    changed_s: float


class StorageProblem(NamedTuple):
    """A problem to fix: an error or a warning."""

    is_error: bool
    message: str
    cure: str


class UnfinishedFile(ABC):
    """New audio that is removed unless `keep` is called.

    Attributes:
        size: bytes so far.
        beginning: its first bytes, which reveal its type.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0
        self.beginning = b""

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def write(self, block: bytes) -> None:
        """Append bytes."""
        self._file.write(block)
        self._hash.update(block)
        self.beginning = (self.beginning + block[:16])[:16]
        self.size += len(block)

    @abstractmethod
    def keep(self) -> None:
        """Give it its name once it is completely stored."""

    @abstractmethod
    def close(self) -> None:
        """Remove it, unless it is kept."""


class RecordingFiles(ABC):
    """The audio of recordings, by ID. Its methods block, and raise OSError."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Its location, for people."""

    @abstractmethod
    def begin(self, id_: str) -> UnfinishedFile:
        """New audio to write. Also raises OSError if the disk is nearly full."""

    @abstractmethod
    def open(self, id_: str) -> IO[bytes]:
        """Audio to read, from any position. Raises FileNotFoundError, and ValueError for an invalid id."""

    @abstractmethod
    def stored(self) -> Iterator[StoredAudio]:
        """All kept audio."""

    @abstractmethod
    def remove(self, ids: Iterable[str]) -> None:
        """Remove the audio of recordings, if it exists."""

    @abstractmethod
    def sweep(self, before_s: float) -> int:
        """Remove unfinished files, and files from before `before_s` (seconds since 1970); returns the count.

        The latter contain audio that a restored database does not know.
        """

    @abstractmethod
    def problems(self) -> Iterator[StorageProblem]:
        """Problems of keeping recordings here. The check writes to a bucket, but not to a folder."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Whether `replace` would not remove anything."""

    @abstractmethod
    def draft_folder(self, beside: Path) -> Path:
        """The folder for the new files of `replace`: `beside`, or on the disk of the final folder."""

    @abstractmethod
    def replace(self, draft: Path, undo: ExitStack, done: ExitStack) -> None:
        """Replace all kept audio with the files in a folder.

        `undo` restores the previous files; `done` removes them.
        """

    def put(self, id_: str, audio: bytes) -> None:
        """Keep audio that need not be fetched."""
        with closing(self.begin(id_)) as file:
            file.write(audio)
            file.keep()


class BucketAddress(NamedTuple):
    """A bucket and its access data.

    Attributes:
        prefix: the location of our objects in it, without outer slashes; "" for all of it.
        endpoint: scheme, host and port; "" for Amazon's.
        region: "" for the one in the environment.
        key_id: the user's key, with `secret_key`; "" for the machine's role.
        token: the token of temporary keys.
    """

    bucket: str
    prefix: str
    endpoint: str
    region: str
    key_id: str
    secret_key: str
    token: str

    def __repr__(self) -> str:
        """Without keys, which must not be in a log."""
        return f"s3://{'/'.join(filter(None, (self.bucket, self.prefix)))}"


def opened_bucket(
    address: BucketAddress, current: Callable[[BucketAddress], BucketAddress] = lambda address: address
) -> RecordingFiles:
    """The bucket at an address. Raises ValueError for unusable options, or if the library is missing.

    `current` is called regularly for the address with the current keys. If it raises AppError or OSError, the previous
    ones stay in use.
    """
    try:
        module = import_module("app.service.recording_bucket")
    except ModuleNotFoundError as missing:
        if missing.name != "obstore":
            raise
        raise ValueError("S3 needs the package obstore") from missing
    files: RecordingFiles = module.RecordingBucket(address, current)
    return files


def size_of(file: IO[bytes] | Any) -> int:
    """Bytes of an open file, which is then rewound."""
    size: int = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
