"""Recordings are fetched while their servers are killed again and again: none is lost, none is stored twice.

100 recordings go to a folder, fewer to a bucket that fails now and then.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import httpx
import pytest

from ncco_server.store import RecordingRow, Store, open_store
from tests.support import loopback
from tests.support.application_api import APPLICATION_ID
from tests.support.media_server import MP3, OGG, WAV, File, MediaServer, media_server, pem
from tests.support.postgres_stores import empty_database
from tests.support.s3_server import SECRET, S3Server, s3_server
from tests.support.s3_server import Fault as S3Fault
from tests.support.server import Server, running

FLOW: Final = "flow: line\ndefault: true\nstart: hi\nsteps:\n  hi:\n    do: [{talk: Hello.}]\n    goto: end\n"
RECORDINGS: Final = 100
IN_BUCKET: Final = 50
KILLS: Final = 4
EVERY_S: Final = 2.0
FETCHED_WITHIN_S: Final = 600.0
MOST_FAULTS: Final = 2
"""How often the bucket can fail for one object."""
HOSTILE: Final = ("../../../tmp/escaped", "..%2f..%2fescaped", "/etc/passwd", "a\0b", "CON", "x" * 5_000, "é\u202e")
"""Ids that would be dangerous as file names."""


def audio(number: int) -> bytes:
    """The audio of a recording, different for each number."""
    return (MP3, WAV, OGG)[number % 3] + hashlib.sha256(b"%d" % number).digest() * (number % 50)


def faults(foreign: MediaServer) -> Sequence[File]:
    """Failures that can come before the real file does."""
    return (
        File(dies=True),
        File(status=503),
        File(status=404),
        File(b"<html>error</html>", headers={"content-type": "text/html"}),
        File(status=302, headers={"location": f"{foreign.url}/stolen"}),
        File(pieces=20, every_s=0.2, dies=True),
        File(after_s=12.0),
    )


def uuid_of(number: int) -> str:
    return HOSTILE[number] if number < len(HOSTILE) else f"{number:08d}-0000-4000-8000-000000000000"


def announce(number: int, url: str, servers: Sequence[Server]) -> None:
    """Send a webhook as Vonage does, until a server acknowledges it; some are delivered twice."""
    body = {
        "recording_url": url,
        "recording_uuid": uuid_of(number),
        "conversation_uuid": f"CON-{number}",
        "start_time": "2026-03-04T09:15:40Z",
        "end_time": "2026-03-04T09:16:10Z",
        "size": 1,
        "timestamp": "2026-03-04T09:16:10.640Z",
    }
    left = 2 if number % 5 == 0 else 1
    while left:
        with suppress(httpx.TransportError):
            answer = loopback.post(f"{servers[number % len(servers)].url}/webhooks/event", json=body)
            left -= answer.status_code == 200
        if left:
            time.sleep(0.2)


class BucketFaults:
    """Faults for about every fourth request to the bucket; the other requests succeed.

    Each object gets only a few faults, since the waits between retries grow to minutes.
    """

    def __init__(self) -> None:
        self._chance = random.Random(7)  # noqa: S311 - no secret
        self._met = Counter[str]()

    def __call__(self, method: str, key: str) -> S3Fault | None:
        if self._met[key] == MOST_FAULTS or self._chance.random() > 0.25:
            return None
        self._met[key] += 1
        return self._chance.choice(
            (
                S3Fault(),
                S3Fault(503, "SlowDown"),
                S3Fault(403, "AccessDenied"),
                S3Fault(dies=True),
                S3Fault(0, after_s=3),
            )
        )


@pytest.fixture
def storage() -> Iterator[S3Server]:
    with s3_server() as server:
        server.fault = BucketFaults()
        yield server


@pytest.fixture(params=["sqlite", "postgres", "bucket"])
def servers(
    request: pytest.FixtureRequest, tmp_path: Path, media: MediaServer, storage: S3Server
) -> Iterator[list[Server]]:
    """One server on SQLite, or two on PostgreSQL with a shared folder or bucket for recordings."""
    database = f"sqlite:///{tmp_path}/calls.db" if request.param == "sqlite" else empty_database()
    settings = {
        "NCCO_DATABASE_URL": database,
        "NCCO_KEY": "k" * 32,
        "NCCO_RECORDINGS": str(tmp_path / "recordings"),
        "NCCO_MEDIA_URL": media.url,
        "VONAGE_APPLICATION_ID": APPLICATION_ID,
        "VONAGE_PRIVATE_KEY": pem(),
        **(storage.settings if request.param == "bucket" else {}),
    }
    with ExitStack() as stack:
        hosts = []
        for number in range(1 if request.param == "sqlite" else 2):
            home = tmp_path / f"host {number}"
            home.mkdir()
            hosts.append(stack.enter_context(running(home, {"flows/line.yaml": FLOW}, settings)))
        yield hosts


@pytest.fixture
def media() -> Iterator[MediaServer]:
    with media_server() as server:
        yield server


async def rows_of(store: Store) -> list[RecordingRow]:
    found: list[RecordingRow] = []
    while page := await store.recordings.list(500, found[-1].id if found else ""):
        found += page
    return found


async def fetched(url: str) -> list[RecordingRow]:
    """All recordings, once none is waiting. Failed ones are soon fetched again, as with `ncco recordings retry`."""
    store = open_store(url)
    await store.open()
    try:
        async with asyncio.timeout(FETCHED_WITHIN_S):
            while (await store.recordings.count()).waiting:
                await store.recordings.retry(int(time.time() * 1000))
                await asyncio.sleep(3)
        return await rows_of(store)
    finally:
        await store.close()


@pytest.mark.timeout(900)
def test_no_recording_is_lost_or_stored_twice_when_servers_are_killed(
    servers: list[Server], media: MediaServer, storage: S3Server, tmp_path: Path
) -> None:
    in_bucket = servers[0].settings["NCCO_RECORDINGS"].startswith("s3://")
    count = IN_BUCKET if in_bucket else RECORDINGS
    chosen = random.Random(7)  # noqa: S311 - which faults, the same each time
    with media_server() as foreign, ThreadPoolExecutor(8) as senders:
        for number in range(count):
            good = File(audio(number), pieces=chosen.choice((1, 1, 4)), every_s=0.05)
            first = [chosen.choice(faults(foreign))] if number % 4 == 0 else []
            media.put(f"/v1/files/{number}", *first, good)
        sent = [senders.submit(announce, number, f"{media.url}/v1/files/{number}", servers) for number in range(count)]
        for kill in range(KILLS):
            time.sleep(EVERY_S)
            server = servers[kill % len(servers)]
            server.end()
            server.start()
        for each in sent:
            each.result()
        rows = asyncio.run(fetched(servers[0].settings["NCCO_DATABASE_URL"]))
        stolen = foreign.requests

    assert ([], [], []) == (stolen, media.refused, storage.refused)
    assert count == len(rows) == len({row.uuid for row in rows})
    assert {"kept"} == {row.state for row in rows}
    folder = tmp_path / "recordings"
    files = storage.recordings if in_bucket else {file.name: file.read_bytes() for file in folder.iterdir()}
    assert {row.id for row in rows} == set(files)
    numbers = {row.id: int(row.conversation.removeprefix("CON-")) for row in rows}
    assert set(range(count)) == set(numbers.values())
    for row in rows:
        content = files[row.id]
        assert audio(numbers[row.id]) == content
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (row.sha256, row.size)
    lines = "".join(server.printed for server in servers)
    assert [] == [secret for secret in ("/v1/files/", "-0000-4000-8000-", "Bearer", "BEGIN", SECRET) if secret in lines]
