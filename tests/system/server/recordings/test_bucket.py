"""Recordings in a bucket, on a real server: stored, mailed, played, backed up and removed, even if the bucket fails."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from ncco_server.service.recording_files import new_recording_id
from ncco_server.store import RecordingRow
from tests.support.application_api import APPLICATION_ID
from tests.support.command import ncco
from tests.support.media_server import MP3, MediaServer, media_server, pem
from tests.support.s3_server import BUCKET, SECRET, Fault, S3Server, Stored, s3_server
from tests.support.server import Server, running
from tests.support.smtp_server import Mailbox, serving
from tests.support.stored_rows import in_store
from tests.support.waiting import happens
from tests.support.webhooks import callback, facts, send
from tests.system.studio.console.server import link_of

CALLER: Final = "447700900123"
FLOW: Final = """\
flow: line
default: true
start: message
hooks:
  message_mail:
    mail: {to: "{{ env.OFFICE_MAIL }}", subject: A message, text: It is attached., attach: recording}
steps:
  message:
    do:
      - talk: "Please leave a message."
      - record: {endOnSilence: 4, beepStart: true}
    events: {record: message_mail}
    goto: end
"""
DENIED: Final = Fault(403, "AccessDenied")


@pytest.fixture
def storage() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def media() -> Iterator[MediaServer]:
    with media_server() as server:
        yield server


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(tmp_path: Path, storage: S3Server, media: MediaServer, mailbox: Mailbox) -> Iterator[Server]:
    with serving(mailbox) as port:
        settings = {
            **storage.settings,
            "NCCO_SMTP_URL": f"smtp://localhost:{port}",
            "NCCO_MAIL_FROM": "phone@example.com",
            "NCCO_MEDIA_URL": media.url,
            "NCCO_RETENTION_DAYS": "30",
            "NCCO_CONSOLE": "1",
            "NCCO_CONSOLE_PORT": "0",
            "FLOW_OFFICE_MAIL": "office@example.com",
            "VONAGE_APPLICATION_ID": APPLICATION_ID,
            "VONAGE_PRIVATE_KEY": pem(),
        }
        with running(tmp_path, {"flows/line.yaml": FLOW}, settings, "--dev") as started:
            yield started


def answer(server: Server, leg: str) -> list[dict[str, Any]]:
    return send(server.url, "/webhooks/answer", **{**facts(leg), "from": CALLER})


def leave_message(server: Server, leg: str, url: str) -> None:
    recorded = callback(answer(server, leg), "record")
    body = {"recording_url": url, "recording_uuid": f"uuid-{leg}", "conversation_uuid": f"CON-{leg}", "size": len(MP3)}
    send(server.url, recorded, **body)


def recordings(server: Server) -> list[dict[str, Any]]:
    shown = ncco("recordings", "list", "--format", "json", cwd=server.home, env=server.settings)
    return list(json.loads(shown.stdout)["recordings"])


@contextmanager
def console(server: Server) -> Iterator[httpx.Client]:
    link = link_of(server)
    client = httpx.Client(base_url=httpx.URL(link).copy_with(path="/", query=None), follow_redirects=True, timeout=60)
    with client:
        client.get(link).raise_for_status()
        yield client


def keep_old(server: Server, storage: S3Server) -> str:
    """Store a recording that is older than the retention period. Returns its id."""
    at = time.time() - 40 * 86_400
    row = RecordingRow(new_recording_id(), "uuid-old", "record", round(at * 1000), state="kept", has_file=1)
    storage.objects[f"ncco/calls/{row.id}"] = Stored(MP3, at)
    in_store(server.settings["NCCO_DATABASE_URL"], lambda store: store.recordings.add(row))
    return row.id


@pytest.mark.timeout(600)
def test_a_message_survives_failures_of_the_bucket(
    server: Server, storage: S3Server, media: MediaServer, mailbox: Mailbox
) -> None:
    storage.fault = lambda method, _: DENIED if method == "PUT" else None
    leave_message(server, "leg-1", media.put("/v1/files/1"))
    (row,) = happens(lambda: [row for row in recordings(server) if row["problem"]])
    assert ("waiting", "the bucket answers AccessDenied") == (row["state"], row["problem"])
    assert "allow this user to put, get and delete objects" in row["fix"]
    storage.fault = lambda *_: None
    assert 0 == ncco("recordings", "retry", cwd=server.home, env=server.settings).exit_code
    assert happens(lambda: "kept" == recordings(server)[0]["state"])
    assert {row["id"]: MP3} == storage.recordings

    assert happens(lambda: mailbox.taken)
    [(_, mail)] = mailbox.taken
    assert [MP3] == [part.get_content() for part in mail.iter_attachments()]

    with console(server) as page:
        address = f"/messages/{row['id']}/audio"
        assert not [text for text in (storage.url, BUCKET, "X-Amz") if text in page.get("/messages").text]
        parts = {given: page.get(address, headers={"range": given}) for given in ("bytes=100-199", "bytes=-50", "")}
        assert [MP3[100:200], MP3[-50:], MP3] == [part.content for part in parts.values()]
        assert [206, 206, 200] == [part.status_code for part in parts.values()]
        assert f"bytes 100-199/{len(MP3)}" == parts["bytes=100-199"].headers["content-range"]
        assert 416 == page.get(address, headers={"range": f"bytes={len(MP3)}-"}).status_code
        storage.fault = lambda *_: DENIED
        assert 503 == page.get(address).status_code
        lost = storage.objects.pop(f"ncco/calls/{row['id']}")
        storage.fault = lambda *_: None
        assert 410 == page.get(address).status_code
        storage.objects[f"ncco/calls/{row['id']}"] = lost

        asked = len(storage.requests)
        storage.is_held = True
        with ThreadPoolExecutor(30) as listeners:
            playing = [listeners.submit(page.get, address) for _ in range(30)]
            assert happens(lambda: len(storage.requests) > asked)
            for number in range(20):
                answer(server, f"leg-{number + 10}")
            assert not any(each.done() for each in playing)
            storage.is_held = False
            assert {200} == {each.result().status_code for each in playing}
    assert server.wait_for(f"message heard.*{row['id']}|{row['id']}.*message heard")
    assert not [line for line in server.lines if SECRET in line]

    storage.fault = lambda *_: DENIED  # before the old recording exists, since the server deletes that one by itself
    old = keep_old(server, storage)
    forgotten = ncco("forget", "--number", f"+{CALLER}", cwd=server.home, env=server.settings)
    assert 1 == forgotten.exit_code
    assert "the audio has not been removed yet: the bucket answers AccessDenied" in forgotten.stderr
    assert {row["id"], old} == set(storage.recordings)
    storage.fault = lambda *_: None
    server.end()
    server.start()  # its jobs run at its start, otherwise each minute
    assert happens(lambda: {} == storage.recordings, 120)
    assert [] == [each for each in recordings(server) if each["id"] == row["id"]]


def test_a_backup_holds_the_bucket_and_is_restored_into_another(
    server: Server, storage: S3Server, media: MediaServer, tmp_path: Path
) -> None:
    for number in range(3):
        leave_message(server, f"leg-{number}", media.put(f"/v1/files/{number}"))
    assert happens(lambda: ["kept"] * 3 == [row["state"] for row in recordings(server)])
    kept = dict(storage.recordings)
    archive = str(tmp_path / "ncco.tar.gz")
    assert 0 == ncco("backup", archive, cwd=server.home, env=server.settings).exit_code
    server.end()

    storage.objects["ncco/calls/" + "f" * 32] = Stored(b"later", time.time())
    storage.objects.pop(f"ncco/calls/{sorted(kept)[0]}")
    restored = ncco("restore", "--replace", archive, cwd=server.home, env=server.settings)
    assert (0, {**kept, "f" * 32: b"later"}) == (restored.exit_code, storage.recordings), restored.stderr
    assert "1 recording was added" in restored.stdout

    elsewhere = {**server.settings, "NCCO_RECORDINGS": str(tmp_path / "folder")}
    assert 0 == ncco("restore", "--replace", archive, cwd=server.home, env=elsewhere).exit_code
    assert kept == {file.name: file.read_bytes() for file in (tmp_path / "folder").iterdir()}
    storage.fault = lambda method, _: DENIED if method == "GET" else None
    failed = ncco("backup", f"{archive}2", cwd=server.home, env=server.settings)
    assert (2, True) == (failed.exit_code, "AccessDenied" in failed.stderr)
    server.start()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, f"recordings are kept in s3://{BUCKET}/ncco/calls"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "the bucket answers SignatureDoesNotMatch"),
        ({"NCCO_S3_ENDPOINT": "http://127.0.0.1:9"}, "the bucket does not answer as expected: HTTP error"),
    ],
)
def test_doctor_tests_the_bucket(tmp_path: Path, storage: S3Server, changes: dict[str, str], said: str) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "line.yaml").write_text(FLOW, encoding="utf-8")
    given = {"VONAGE_APPLICATION_ID": APPLICATION_ID, "VONAGE_PRIVATE_KEY": pem(), "NCCO_INSECURE": "1"}
    shown = ncco("doctor", "--format", "json", cwd=tmp_path, env={**given, **storage.settings, **changes})
    [found] = [each for each in json.loads(shown.stdout)["checks"] if each["check"] == "recordings"]

    assert ("error" if changes else "ok", True) == (found["status"], said in found["message"]), found
    assert bool(changes) == bool(found["fix"])
    assert {} == storage.objects
