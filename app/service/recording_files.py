"""Where the audio of recordings is kept: what a folder and a bucket have in common.

    with closing(files.begin(id_)) as file:      # invisible to others until it is kept
        file.write(block)
        file.keep()
    with files.open(id_) as audio:               # FileNotFoundError when there is none
        audio.seek(1000)

All of it blocks. `in_thread` runs it where no call waits for it.
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
"""Less free space is left to the database: without it, calls could not be answered. Our choice."""
ID: Final = re.compile(r"[0-9a-f]{32}")

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = Threads(16)
"""Of their own: a bucket that does not answer must not use up the threads that calls need."""


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a blocking operation on the folder or the bucket. Raises its errors."""
    return await _THREADS.run("recordings", partial(work, *args, **kwargs))


def new_recording_id() -> str:
    """A random id, safe in a file name."""
    return token_hex(16)


def checked_id(id_: str) -> str:
    """The id. Raises ValueError for any other text, which could lead to another file."""
    if not ID.fullmatch(id_):
        raise ValueError("not the id of a recording")
    return id_


def require_space(folder: Path) -> None:
    """Raise OSError, which names the folder, when its disk is nearly full."""
    if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


class StoredAudio(NamedTuple):
    """A recording's audio as it is listed; `changed_s` is in seconds since 1970."""

    id: str
    changed_s: float


class StorageProblem(NamedTuple):
    """Something to be put right: an error, else a warning."""

    is_error: bool
    message: str
    cure: str


class UnfinishedFile(ABC):
    """Audio that is removed again unless it is kept.

    Attributes:
        size: bytes so far.
        beginning: its first bytes, which show its type.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0
        self.beginning = b""

    @property
    def sha256(self) -> str:
        """Of the bytes written so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def write(self, block: bytes) -> None:
        """Add to it."""
        self._file.write(block)
        self._hash.update(block)
        self.beginning = (self.beginning + block[:16])[:16]
        self.size += len(block)

    @abstractmethod
    def keep(self) -> None:
        """Give it its name, once all of it is stored."""

    @abstractmethod
    def close(self) -> None:
        """Remove it, unless it is kept."""


class RecordingFiles(ABC):
    """The audio of recordings, by their ids. Its methods block, and raise OSError."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, for people."""

    @abstractmethod
    def begin(self, id_: str) -> UnfinishedFile:
        """New audio to write. Raises OSError too when the disk is nearly full."""

    @abstractmethod
    def open(self, id_: str) -> IO[bytes]:
        """Audio to read, from any position. Raises FileNotFoundError, and ValueError for an invalid id."""

    @abstractmethod
    def stored(self) -> Iterator[StoredAudio]:
        """All that is kept."""

    @abstractmethod
    def remove(self, ids: Iterable[str]) -> None:
        """Remove the audio of recordings, if it exists."""

    @abstractmethod
    def sweep(self, before_s: float) -> int:
        """Remove unfinished files, and files from before `before_s` (seconds since 1970); returns how many.

        The latter are audio that a restored database does not know.
        """

    @abstractmethod
    def problems(self) -> Iterator[StorageProblem]:
        """Why recordings cannot be kept here, or are not safe. A bucket is written to for that, a folder is not."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Whether `replace` would remove nothing."""

    @abstractmethod
    def draft_folder(self, beside: Path) -> Path:
        """Where to write the files for `replace`: `beside`, or on the disk of the final folder."""

    @abstractmethod
    def replace(self, draft: Path, undo: ExitStack, done: ExitStack) -> None:
        """Put the files of a folder in place of all that is kept.

        `undo` restores the former files; `done` removes them.
        """

    def put(self, id_: str, audio: bytes) -> None:
        """Keep audio that does not have to be fetched."""
        with closing(self.begin(id_)) as file:
            file.write(audio)
            file.keep()


class BucketAddress(NamedTuple):
    """A bucket, and how to reach it.

    Attributes:
        prefix: where our objects are in it; without slashes at its ends, "" for all of it.
        endpoint: scheme, host and port; "" for Amazon's.
        region: "" for what the environment of the process says.
        key_id: of the user, with `secret_key`; "" for what the machine's role allows.
        token: of temporary keys.
    """

    bucket: str
    prefix: str
    endpoint: str
    region: str
    key_id: str
    secret_key: str
    token: str

    def __repr__(self) -> str:
        """Only where it is: the key must not be in a log."""
        return f"s3://{'/'.join(filter(None, (self.bucket, self.prefix)))}"


def opened_bucket(
    address: BucketAddress, current: Callable[[BucketAddress], BucketAddress] = lambda address: address
) -> RecordingFiles:
    """The bucket at an address. Raises ValueError for options that cannot be used, and without its library.

    `current` is asked again and again for the address with the present keys. If it raises AppError or OSError, those
    before stay in use.
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
    """Bytes of an open file, which is then read from its beginning."""
    size: int = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
