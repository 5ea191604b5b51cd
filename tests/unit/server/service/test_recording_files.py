"""The folder and the bucket of recordings: one contract for both, and the failures of a bucket."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from ncco_server.assembly import bucket_of, with_current_keys
from ncco_server.service.recording_bucket import PART_BYTES, BucketError, RecordingBucket
from ncco_server.service.recording_files import RecordingFiles, new_recording_id, size_of
from ncco_server.service.recording_folder import RecordingFolder
from ncco_server.settings import load_settings
from tests.support.s3_server import SECRET, Fault, S3Server, Stored, s3_server

LONG = PART_BYTES + 1000


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as storage:
        yield storage


@pytest.fixture
def storage(server: S3Server) -> Iterator[S3Server]:
    """The server without objects and faults; every request to it must be signed correctly."""
    for seen in (server.objects, server.uploads, server.refused, server.requests):
        seen.clear()
    server.fault, server.is_public, server.is_endless = lambda *_: None, False, False
    yield server
    assert {} == server.uploads


def bucket(storage: S3Server) -> RecordingFiles:
    return RecordingBucket(storage.address)


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path, storage: S3Server) -> RecordingFiles:
    return RecordingFolder(tmp_path / "recordings") if request.param == "folder" else bucket(storage)


def content(files: RecordingFiles, id_: str) -> bytes:
    with files.open(id_) as audio:
        return audio.read()


def test_a_fetch_does_not_interrupt_a_sweep(tmp_path: Path) -> None:
    folder, is_over = RecordingFolder(tmp_path), threading.Event()

    def fetch() -> None:
        while not is_over.is_set():
            folder.begin(new_recording_id()).close()

    fetching = threading.Thread(target=fetch)
    fetching.start()
    try:
        assert {0} == {folder.sweep(0) for _ in range(500)}
    finally:
        is_over.set()
        fetching.join()


@pytest.mark.parametrize("size", [0, 1, LONG])
def test_a_stored_file_can_be_read_from_any_offset(files: RecordingFiles, size: int) -> None:
    id_, audio = new_recording_id(), os.urandom(size)
    with closing(files.begin(id_)) as file:
        for at in range(0, size, 1 << 20):
            file.write(audio[at : at + (1 << 20)])
        assert [] == list(files.stored())
        file.keep()
        assert (size, hashlib.sha256(audio).hexdigest()) == (file.size, file.sha256)
    with files.open(id_) as read:
        assert size == size_of(read)
        read.seek(size // 2)
        assert audio[size // 2 :] == read.read(size)
        assert b"" == read.read(10)

    assert audio == content(files, id_)
    assert [id_] == [each.id for each in files.stored()]
    assert abs(time.time() - next(files.stored()).changed_s) < 60


def test_a_missing_or_removed_file_is_not_found(files: RecordingFiles) -> None:
    removed, unfinished = new_recording_id(), new_recording_id()
    files.put(removed, b"audio")
    with closing(files.begin(unfinished)) as file:
        file.write(b"half")
    for _ in range(2):
        files.remove([removed, unfinished])

    assert [] == list(files.stored())
    for id_ in (removed, unfinished):
        with pytest.raises(FileNotFoundError):
            files.open(id_)
    for wrong in ("../escaped", "A" * 32, ""):
        with pytest.raises(ValueError, match="not the id of a recording"):
            files.open(wrong)


def test_only_old_recordings_are_swept(storage: S3Server) -> None:
    names = {name: new_recording_id() for name in ("old", "new")}
    for name, days in (("old", 100), ("new", 1)):
        storage.objects[f"ncco/calls/{names[name]}"] = Stored(b"audio", time.time() - days * 86_400)
    storage.objects["ncco/calls/notes.txt"] = storage.objects["elsewhere"] = Stored(b"not ours", 0)
    files = bucket(storage)

    assert [0, 1, 0] == [files.sweep(before) for before in (0, time.time() - 90 * 86_400, time.time())]
    assert {names["new"], "notes.txt", "elsewhere"} == set(storage.recordings)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"bucket": "other"}, "NoSuchBucket"),
        ({"secret_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"endpoint": "http://127.0.0.1:9"}, "does not answer as expected"),
    ],
)
def test_a_wrong_address_or_key_is_reported(storage: S3Server, changes: dict[str, str], problem: str) -> None:
    files = RecordingBucket(storage.address._replace(**changes))
    with pytest.raises(BucketError, match=problem):
        files.put(new_recording_id(), b"audio")
    with pytest.raises(BucketError, match=problem):
        files.remove([new_recording_id()])


@pytest.mark.parametrize(
    ("fault", "problem", "cure"),
    [
        (Fault(403, "AccessDenied"), "the bucket answers AccessDenied", "allow this user to put"),
        (Fault(507, "XMinioStorageFull"), "the bucket answers XMinioStorageFull", "make room in the bucket"),
        (Fault(500), "the bucket answers InternalError", "the server retries"),
        (Fault(403, "ExpiredToken"), "the bucket answers ExpiredToken", "AWS_SECRET_ACCESS_KEY"),
        (Fault(301), "the bucket does not answer as expected: Received redirect", "AWS_REGION"),
        (Fault(418, "<b>"), "the bucket does not answer as expected: ", "check NCCO_S3_ENDPOINT"),
    ],
)
def test_an_upload_that_fails_leaves_nothing_and_says_why(
    storage: S3Server, fault: Fault, problem: str, cure: str
) -> None:
    storage.fault = lambda method, _: fault if method == "PUT" else None
    with pytest.raises(BucketError) as failed:
        bucket(storage).put(new_recording_id(), bytes(LONG if fault.code == "AccessDenied" else 10))

    assert str(failed.value).startswith(problem)
    assert cure in failed.value.cure
    assert ({}, {}) == (storage.objects, storage.uploads)
    assert SECRET not in f"{failed.value!r}"


def test_reading_continues_after_an_error_or_reports_that_it_cannot(storage: S3Server) -> None:
    id_, faults = new_recording_id(), [Fault(500), Fault(dies=True)]
    files = bucket(storage)
    files.put(id_, bytes(1000))
    storage.fault = lambda method, _: faults.pop() if method == "GET" and faults else None
    assert bytes(1000) == content(files, id_)
    assert [] == faults

    storage.fault = lambda *_: Fault(403, "AccessDenied")
    with pytest.raises(BucketError, match="denies access"):
        content(files, id_)


class Endless(BaseHTTPRequestHandler):
    """A bucket that sends gigabytes, whatever part is asked for."""

    sent: ClassVar = list[int]()

    def do_HEAD(self) -> None:
        self._begin(200, 5_000_000)

    def do_GET(self) -> None:
        self._begin(206, 1 << 33)
        with suppress(OSError):
            while True:
                self.sent.append(self.wfile.write(bytes(1 << 20)))

    def _begin(self, status: int, size: int) -> None:
        self.send_response(status)
        part = self.headers.get("range", "").replace("=", " ")
        for name, value in {"content-length": size, "content-range": f"{part}/5000000", "etag": '"e"'}.items():
            self.send_header(name, str(value))
        self.send_header("last-modified", "Sun, 01 Nov 2026 08:00:00 GMT")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_no_more_of_an_endless_answer_is_read_than_requested() -> None:
    with HTTPServer(("127.0.0.1", 0), Endless) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with bucket(S3Server(port=server.server_port)).open(new_recording_id()) as audio:
            assert 5_000_000 == size_of(audio)
            audio.seek(4_000_000)
            assert bytes(10) == audio.read(10)
        server.shutdown()

    assert sum(Endless.sent) < 64 << 20


def test_a_login_page_instead_of_the_bucket_is_an_error(storage: S3Server) -> None:
    files, id_ = bucket(storage), new_recording_id()
    storage.fault = lambda *_: Fault(200, "Login")
    for ask in (
        lambda: files.put(id_, b"audio"),
        lambda: files.put(id_, bytes(LONG)),
        lambda: files.remove([id_]),
        lambda: content(files, id_),
        lambda: list(files.stored()),
        lambda: files.sweep(time.time()),
    ):
        with pytest.raises(BucketError) as failed:
            ask()
        assert "check NCCO_S3_ENDPOINT" in failed.value.cure


def test_an_endless_list_is_an_error(storage: S3Server) -> None:
    storage.objects |= {f"ncco/calls/{new_recording_id()}": Stored(b"audio", 0) for _ in range(70)}
    storage.is_endless = True
    with pytest.raises(BucketError, match="its list never ends"):
        bucket(storage).sweep(time.time())
    assert 70 == len(storage.objects)


def test_keys_are_reloaded_and_the_previous_ones_stay_while_they_cannot_be_read(
    storage: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {name: value for name, value in storage.settings.items() if "KEY" in name}
    for name, value in storage.settings.items() - secrets.items():
        monkeypatch.setenv(name, value)
    for name in secrets:
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
        (tmp_path / name).write_text("AKIAOLD\n")
    settings, id_ = load_settings(), new_recording_id()
    bucket = bucket_of(settings)
    assert bucket is not None
    files = RecordingBucket(bucket, partial(with_current_keys, settings.env_file), keys_s=0)
    with pytest.raises(BucketError, match="InvalidAccessKeyId") as refused:
        files.put(id_, b"audio")
    assert "correct AWS_ACCESS_KEY_ID" in refused.value.cure

    for name, value in secrets.items():
        (tmp_path / name).write_text(f"{value}\n")
    files.put(id_, b"audio")
    for name in secrets:
        (tmp_path / name).write_text("")
    assert b"audio" == content(files, id_)


def test_a_bucket_is_tested_with_a_real_upload(storage: S3Server) -> None:
    assert [] == list(bucket(storage).problems())
    assert {"PUT", "GET", "DELETE"} <= {method for method, _ in storage.requests}
    assert {} == storage.objects
    storage.is_public = True
    assert ["everybody can read"] == [each.message[:18] for each in bucket(storage).problems()]
    storage.fault = lambda method, key: Fault(403, "AccessDenied") if method == "GET" and not key else None
    assert ["AccessDenied"] == [each.message.rpartition(" ")[2] for each in bucket(storage).problems()]
    assert {} == storage.objects


def test_a_folder_without_space_for_uploads_is_named(storage: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc")  # which has no space
    (problem,) = bucket(storage).problems()
    assert (True, "/proc: No space left on device") == (problem.is_error, problem.message)
    assert "make room there" in problem.cure


def test_a_folder_that_others_can_reach_is_a_problem(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path / "new" / "recordings")
    found = [list(folder.problems())]
    folder.path.mkdir(mode=0o755, parents=True)
    found.append(list(folder.problems()))
    folder.path.chmod(0o700)
    found.append(list(folder.problems()))

    assert [0, 1, 0] == list(map(len, found))
    assert (False, f"chmod 700 {folder.path}") == (found[1][0].is_error, found[1][0].cure)


def test_a_folder_lists_recordings_only(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path / "recordings")
    assert [] == list(folder.stored())
    id_ = new_recording_id()
    folder.put(id_, b"audio")
    (folder.path / new_recording_id()).mkdir()
    (folder.path / "notes.txt").write_text("no recording")

    assert [id_] == [each.id for each in folder.stored()]
