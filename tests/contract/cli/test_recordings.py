"""`ncco recordings` and `ncco forget` on a database and a folder with recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ncco_server.store import RecordingRow, Store
from tests.support.command import json_of, ncco
from tests.support.media_server import MP3
from tests.support.stored_rows import in_store

KEPT, WAITING, FAILED = "1" * 32, "2" * 32, "3" * 32
NUMBER = "447700900123"


def row(id_: str, **changes: Any) -> RecordingRow:
    found = RecordingRow(
        id_,
        f"uuid {id_}",
        "record",
        1_772_625_600_000,
        session="leg-1",
        flow="line",
        step="message",
        from_number=NUMBER,
        to_number="442079460000",
        url="https://api.nexmo.com/v1/files/secret",
        duration_ms=34_000,
    )
    return found._replace(**changes)


ROWS = (
    row(KEPT, state="kept", size=len(MP3), content_type="audio/mpeg", transcript="Please call me.", has_file=1),
    row(WAITING, due_at=1, from_number="447700900999", problem="status 503", cure="nothing yet"),
    row(FAILED, state="failed", problem="status 401", cure="check the key", created_at=1_772_625_500_000),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    async def write(store: Store) -> None:
        for each in ROWS:
            await store.recordings.add(each)

    in_store(tmp_path / "ncco.db", write)
    (tmp_path / "ncco.db-recordings").mkdir()
    (tmp_path / "ncco.db-recordings" / KEPT).write_bytes(MP3)
    return tmp_path


def stored(home: Path, id_: str) -> RecordingRow:
    found = in_store(home / "ncco.db", lambda store: store.recordings.get(id_))
    assert found is not None
    return found


def asked(home: Path, *words: str) -> Result:
    return ncco("recordings", *words, cwd=home)


def test_recordings_are_listed_with_their_problem_and_without_their_url(home: Path) -> None:
    listed, documents = asked(home), json_of(asked(home, "list", "--format", "json"))

    assert 1 == listed.exit_code
    assert "3 new, 1 waiting, 1 failed" in listed.stdout
    assert "failed: status 401\n    fix: check the key" in listed.stdout
    assert "0:34" in listed.stdout or "34 s" in listed.stdout
    assert "secret" not in listed.stdout + json.dumps(documents)
    assert [WAITING, KEPT, FAILED] == [each["id"] for each in documents["recordings"]]
    assert [WAITING] == [
        each["id"] for each in json_of(asked(home, "list", "--number", "900999", "--format", "json"))["recordings"]
    ]


def test_a_recording_is_written_only_to_a_new_file(home: Path) -> None:
    assert 0 == asked(home, "get", KEPT).exit_code
    assert MP3 == (home / f"{KEPT}.mp3").read_bytes()
    (home / "mine").write_text("mine")
    refused = asked(home, "get", KEPT, "mine")

    assert (2, "mine") == (refused.exit_code, (home / "mine").read_text())
    assert "mine: File exists" in refused.output


@pytest.mark.parametrize(
    ("id_", "said"),
    [(FAILED, "status 401"), (WAITING, "status 503"), ("../ncco.db", "there is no recording"), ("", "no")],
)
def test_a_missing_recording_is_not_written(home: Path, id_: str, said: str) -> None:
    refused = asked(home, "get", id_, "out")

    assert 1 == refused.exit_code
    assert said in refused.output
    assert not (home / "out").exists()


def test_a_failed_recording_is_fetched_again_on_request(home: Path) -> None:
    assert 0 == asked(home, "retry").exit_code
    found = stored(home, FAILED)

    assert ("waiting", 0) == (found.state, found.tries)
    assert 1 == asked(home, "retry", KEPT).exit_code


def test_a_recording_whose_file_is_lost_is_fetched_again(home: Path) -> None:
    assert 0 == asked(home, "retry", "--lost").exit_code
    kept = stored(home, KEPT)
    (home / "ncco.db-recordings" / KEPT).unlink()

    got = asked(home, "get", KEPT)
    again = asked(home, "retry", "--lost")
    found = stored(home, KEPT)

    assert ("kept", "waiting", 0) == (kept.state, found.state, found.tries)
    assert (1, 0) == (got.exit_code, again.exit_code)
    assert "retry --lost" in got.output
    assert "1 recording is fetched again" in again.stdout


def test_a_deleted_recording_leaves_no_file_and_no_text(home: Path) -> None:
    assert 0 == asked(home, "delete", KEPT).exit_code
    assert [] == list((home / "ncco.db-recordings").iterdir())
    found = stored(home, KEPT)

    assert ("deleted", "", "") == (found.state, found.transcript, found.from_number)
    assert 1 == asked(home, "delete", KEPT).exit_code
    assert 1 == asked(home, "get", KEPT).exit_code


def test_recordings_of_a_forgotten_number_are_deleted_with_their_files(home: Path) -> None:
    forgotten = json_of(ncco("forget", "--number", f"+{NUMBER}", "--format", "json", cwd=home))

    assert (2, True) == (forgotten["recordings"], forgotten["purged"])
    assert [] == list((home / "ncco.db-recordings").iterdir())
    assert [WAITING] == [each["id"] for each in json_of(asked(home, "list", "--format", "json"))["recordings"]]
    assert NUMBER.encode() not in b"".join(file.read_bytes() for file in home.glob("ncco.db*") if file.is_file())
