"""The bucket of recordings in S3-compatible storage. Requires obstore: `pip install ".[s3]"`.

Results are verified: something else at the address, such as a login page, might report success for every request.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import BufferedReader, RawIOBase
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, TYPE_CHECKING, Any, Final, cast

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from ncco_server.errors import AppError
from ncco_server.service.recording_files import (
    ID,
    BucketAddress,
    RecordingFiles,
    StorageProblem,
    StoredAudio,
    UnfinishedFile,
    checked_id,
    new_recording_id,
    require_space,
)

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig, RetryConfig

CONNECT_S: Final = 5
REQUEST_S: Final = 30
"""Limits a request of up to 8 MB; the bucket then counts as unavailable."""
RETRY_S: Final = 5
"""So long, people who play a recording do not notice a fault."""
PART_BYTES: Final = 8 * 1024 * 1024
"""Larger audio is uploaded from a file, in parts."""
READ_BYTES: Final = 1024 * 1024
KEYS_S: Final = 30.0
"""The keys may be rotated."""
SWEEP_EVERY_S: Final = 3600.0
"""Each list of 1,000 objects costs money."""


class BucketError(AppError, OSError):
    """The bucket could not be read or written."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.cure = cure

    def __str__(self) -> str:
        return str(self.args[0])


_RIGHTS: Final = "allow this user to put, get and delete objects under the prefix, and to list the bucket"
_KEYS: Final = (
    "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; if they are not in `.env` or in files, restart the server"
)
_REGION: Final = "set AWS_REGION to the region of the bucket, and restart the server"
_ROOM: Final = "make room in the bucket, or raise its quota; the server retries"
_REACH: Final = "check NCCO_S3_ENDPOINT, AWS_REGION, the keys and the network; the server retries"
_BUCKET: Final = "create the bucket, or correct NCCO_RECORDINGS and NCCO_S3_ENDPOINT"
_CURES: Final[Mapping[str, str]] = {
    "AccessDenied": _RIGHTS,
    "AllAccessDisabled": _RIGHTS,
    "AuthorizationHeaderMalformed": _REGION,
    "ExpiredToken": _KEYS,
    "InvalidAccessKeyId": _KEYS,
    "InvalidToken": _KEYS,
    "NoSuchBucket": _BUCKET,
    "QuotaExceeded": _ROOM,
    "RequestTimeTooSkewed": "set this machine's clock",
    "SignatureDoesNotMatch": _KEYS,
    "XMinioAdminBucketQuotaExceeded": _ROOM,
    "XMinioStorageFull": _ROOM,
}
"""The keys are S3 error codes. Source: Amazon S3 API Reference, Error responses; MinIO's API errors."""
_CODE: Final = re.compile(r"<Code>([A-Za-z.]{1,60})</Code>")


@contextmanager
def _translated() -> Iterator[None]:
    """Raise FileNotFoundError for a missing object, and BucketError for other errors."""
    try:
        yield
    except (BaseError, OSError) as error:
        text = str(error).partition("\n\nDebug source")[0]
        code = found[1] if (found := _CODE.search(text)) else ""  # the library's message contains the response's XML
        if isinstance(error, FileNotFoundError) and code != "NoSuchBucket":
            raise
        if code:
            raise BucketError(f"the bucket answers {code}", _CURES.get(code, _REACH)) from error
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            raise BucketError("the bucket denies access", _RIGHTS) from error
        reason = " ".join(text.rpartition(" - ")[2].split())[:100]
        raise BucketError(f"the bucket does not answer as expected: {reason}", _REACH) from error


class RecordingBucket(RecordingFiles):
    """A bucket, or the objects under a prefix of it. Raises ValueError for unusable options.

    `current` is called regularly for new keys. If it raises AppError or OSError, the previous ones stay in use.
    """

    def __init__(
        self,
        address: BucketAddress,
        current: Callable[[BucketAddress], BucketAddress] = lambda address: address,
        keys_s: float = KEYS_S,
    ) -> None:
        self._address = address
        self._current = current
        try:
            self._opened = _store(address)
        except BaseError as error:
            raise ValueError(str(error).partition("\n")[0]) from error
        self._keys_s = keys_s
        self._read_at = time.monotonic()
        self._swept_at = -SWEEP_EVERY_S

    @property
    def _store(self) -> S3Store:
        """Use the previous keys if the current ones cannot be read."""
        if time.monotonic() - self._read_at >= self._keys_s:
            self._read_at = time.monotonic()
            with suppress(AppError, OSError, BaseError):
                address = self._current(self._address)
                if address != self._address:
                    self._opened = _store(address)
                    self._address = address
        return self._opened

    @property
    def place(self) -> str:
        return repr(self._address)

    def begin(self, id_: str) -> UnfinishedFile:
        """Write large audio to the folder for temporary files first."""
        require_space(Path(gettempdir()))
        return _Upload(self._store, checked_id(id_))

    def open(self, id_: str) -> IO[bytes]:
        return BufferedReader(_Object(self._store, checked_id(id_)), READ_BYTES)

    def stored(self) -> Iterator[StoredAudio]:
        begun = set[str]()
        with _translated():
            for batch in self._store.list():
                if batch[0]["path"] in begun:
                    raise OSError("its list never ends")
                begun.add(batch[0]["path"])
                for each in batch:
                    if ID.fullmatch(each["path"]):
                        yield StoredAudio(each["path"], each["last_modified"].timestamp())
        if not begun:
            self._require_absent(new_recording_id())

    def remove(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            with suppress(FileNotFoundError), _translated():
                self._store.delete(checked_id(id_))
            self._require_absent(id_)

    def _require_absent(self, id_: str) -> None:
        """Raise BucketError unless the bucket says that an object does not exist."""
        if _size_of(self._store, id_) is not None:
            raise BucketError("the bucket shows an object that does not exist", _REACH)

    def sweep(self, before_s: float) -> int:
        """Do nothing within an hour of the last sweep. Unfinished uploads cannot be listed."""
        if before_s <= 0 or time.monotonic() - self._swept_at < SWEEP_EVERY_S:
            return 0
        old = [each.id for each in self.stored() if each.changed_s < before_s]
        self.remove(old)
        self._swept_at = time.monotonic()
        return len(old)

    def problems(self) -> Iterator[StorageProblem]:
        id_ = new_recording_id()
        content = b"ncco doctor"
        try:
            self.put(id_, content)
            try:
                with self.open(id_) as file:
                    if file.read() != content or id_ not in {each.id for each in self.stored()}:
                        yield StorageProblem(True, f"{self.place} does not return what was written", _REACH)
                if self._is_public(id_):
                    message = f"everybody can read {self.place}"
                    yield StorageProblem(True, message, "block public access to the bucket at the provider")
            finally:
                self.remove([id_])
        except BucketError as error:
            yield StorageProblem(True, f"{self.place}: {error}", error.cure)
        except OSError as error:
            cure = "make room there: files wait there until they are uploaded"
            yield StorageProblem(True, f"{error.filename}: {error.strerror}", cure)

    def _is_public(self, id_: str) -> bool:
        try:
            _store(self._address, skip_signature=True).head(id_)
        except (BaseError, OSError):
            return False
        return True


def _store(address: BucketAddress, **more: Any) -> S3Store:
    given = {
        "endpoint": address.endpoint,
        "region": address.region,
        "access_key_id": address.key_id,
        "secret_access_key": address.secret_key,
        "session_token": address.token,
    }
    client: ClientConfig = {
        "allow_http": address.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=CONNECT_S),
        "timeout": timedelta(seconds=REQUEST_S),
    }
    retry: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=RETRY_S)}
    options = {name: value for name, value in given.items() if value} | more
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        client_options=client,
        retry_config=retry,
        disable_bulk_delete=True,  # not every provider supports this
        **cast(Any, options),
    )


def _put(store: S3Store, id_: str, file: IO[bytes] | Path, size: int) -> None:
    with _translated():
        store.put(id_, file, chunk_size=PART_BYTES, max_concurrency=2)
    if _size_of(store, id_) != size:
        raise BucketError("the bucket does not have the uploaded file", _REACH)


def _size_of(store: S3Store, id_: str) -> int | None:
    try:
        with _translated():
            return store.head(id_)["size"]
    except FileNotFoundError:
        return None


class _Upload(UnfinishedFile):
    """New audio; `keep` uploads it, with its type."""

    def __init__(self, store: S3Store, id_: str) -> None:
        super().__init__(cast(IO[bytes], SpooledTemporaryFile(max_size=PART_BYTES)))  # noqa: SIM115 - `close` does
        self._store = store
        self._id = id_

    def keep(self) -> None:
        self._file.seek(0)
        _put(self._store, self._id, self._file, self.size)

    def close(self) -> None:
        """Close the file, which also aborts an upload."""
        self._file.close()


class _Object(RawIOBase):
    """An object read in pieces from any position, without reading ahead."""

    def __init__(self, store: S3Store, id_: str) -> None:
        with _translated():
            self._size = store.head(id_)["size"]
        self._store = store
        self._id = id_
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), READ_BYTES, self._size - self._at)
        if wanted <= 0:
            return 0
        part: GetOptions = {"range": (self._at, self._at + wanted)}
        with _translated():
            found = next(self._store.get(self._id, options=part).stream(wanted), b"")[:wanted]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(READ_BYTES) or b"", b""))
