"""This version continues the calls in a database and a backup of the earlier version; README.md describes them."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ncco_server.service.call_results import add_up, total
from ncco_server.store import open_store
from tests.support import loopback
from tests.support.fork_server import NCCO, run
from tests.support.postgres_server import shared_server
from tests.support.postgres_stores import empty_database
from tests.support.stored_rows import run_in
from tests.support.waiting import happens
from tests.system.server.databases.make import DIALLED, FAILED, FIRST, OVER, SECOND, TERMS, Caller
from tests.system.server.databases.serving import HERE, KEY, server_of, serving, settings

VERSION = "0.3"
DELIVERED_WITHIN_S = 30.0
AS_IF_NEW = (
    "UPDATE calls SET created_at = {now}, updated_at = {now}",  # old calls would be ended, or deleted
    "UPDATE hooks SET created_at = {now}, url = replace(url, '127.0.0.1:9', '{receiver}')",
    "UPDATE hooks SET due_at = 0 WHERE due_at IS NOT NULL",
)


class Receiver(BaseHTTPRequestHandler):
    """Accepts hooks and records their paths and calls."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.taken.append((self.path, body["data"]["call"] if "data" in body else body["call"]))  # type: ignore[attr-defined]  # added by this test
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.taken = []  # type: ignore[attr-defined]  # added by this test
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def copy_sqlite(home: Path, statements: list[str]) -> str:
    (home / "ncco.db").write_bytes(gzip.decompress((HERE / f"sqlite-{VERSION}" / "ncco.db.gz").read_bytes()))
    shutil.copy(HERE / f"sqlite-{VERSION}" / "ncco.db-key", home)
    run_in(home / "ncco.db", *statements)
    return f"sqlite:///{home}/ncco.db"


def copy_postgres(_: Path, statements: list[str]) -> str:
    return in_postgres(
        gzip.decompress((HERE / f"postgres-{VERSION}" / "ncco.sql.gz").read_bytes()).decode(), *statements
    )


def in_postgres(*statements: str) -> str:
    empty_database()  # starts the server, or skips the test
    server = shared_server()
    database = server.new_database()
    for statement in statements:
        server.run(statement, database)
    return server.url(database)


def restore(home: Path, url: str, made_in: str, key: str = "") -> None:
    """Restore the backup of the earlier version with this one."""
    env = settings(home, url, key)
    run([NCCO, "restore", str(HERE / made_in / "backup.tar.gz")], env=env, cwd=home, check=True, capture_output=True)


def restore_sqlite(home: Path, statements: list[str]) -> str:
    url = f"sqlite:///{home}/ncco.db"
    restore(home, url, f"sqlite-{VERSION}")
    run_in(home / "ncco.db", *statements)
    return url


def move_to_postgres(home: Path, statements: list[str]) -> str:
    """SQLite's backup has its key, which PostgreSQL needs as a setting."""
    url = in_postgres()
    restore(home, url, f"sqlite-{VERSION}", MOVED_KEY)
    for statement in statements:
        shared_server().run(statement, urlsplit(url).path.lstrip("/"))
    return url


MOVED_KEY = (HERE / f"sqlite-{VERSION}" / "ncco.db-key").read_text("utf-8").strip()
KINDS: dict[str, tuple[str, str, Callable[[Path, list[str]], str]]] = {
    "sqlite": (f"sqlite-{VERSION}", "", copy_sqlite),
    "postgres": (f"postgres-{VERSION}", KEY, copy_postgres),
    "sqlite backup": (f"sqlite-{VERSION}", "", restore_sqlite),
    "sqlite backup in postgres": (f"sqlite-{VERSION}", MOVED_KEY, move_to_postgres),
}
"""The folder, the key that the server needs, and what makes the database."""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, tmp_path: Path, receiver: HTTPServer) -> str:
    place = f"127.0.0.1:{receiver.server_port}"
    statements = [each.format(now=int(time.time() * 1000), receiver=place) for each in AS_IF_NEW]
    return KINDS[kind][2](tmp_path, statements)


def webhooks(kind: str, part: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((HERE / KINDS[kind][0] / "webhooks.json").read_text("utf-8"))[part]
    return found


def sent(address: str, webhook: dict[str, Any]) -> dict[str, Any]:
    """Send a webhook again. Returns it with the current reply."""
    reply = loopback.post(f"http://{address}{webhook['path']}", json=webhook["json"])
    return {**webhook, "status": reply.status_code, "reply": reply.text}


RESULTS = {
    FIRST: ("missed", 3),
    SECOND: ("missed", 3),
    DIALLED: ("missed", 3),
    FAILED: ("served", 2),
    TERMS: ("served", 2),
    OVER: ("message", 1),
}
"""The result of each call, and how many calls have it: three rang and reached nobody, two chose to hear the terms."""


async def results_in(url: str) -> dict[str, tuple[str, int]]:
    """The result of each call, with the number of calls that the sums count for it."""
    async with open_store(url) as store:
        await add_up(store)
        async with store.records() as records:
            found = await records.results_between(0, 1 << 40)
            counted = total(await records.result_sums(0, 1 << 50))
    return {row.id: (row.result, counted[row.result]) for row in found}


def test_calls_of_an_earlier_version_continue_and_have_results(
    kind: str, url: str, tmp_path: Path, receiver: HTTPServer
) -> None:
    """Repeated webhooks get the same bytes, open waits get the earlier version's replies, and hooks are sent.

    One call had ended, the others end on this version: in the sums, and as if it had answered them.
    """
    with serving(tmp_path, url, key=KINDS[kind][1]) as address:
        again = [sent(address, webhook) for webhook in webhooks(kind, "before")]
        further = [sent(address, webhook) for webhook in webhooks(kind, "after")]
        happens(lambda: len(receiver.taken) >= 2, DELIVERED_WITHIN_S)  # type: ignore[attr-defined]  # added by this test
        told = {path for path, _ in receiver.taken}  # type: ignore[attr-defined]  # added by this test
        for leg in (FIRST, SECOND, DIALLED, FAILED, TERMS):
            Caller(address, {}).hang_up(leg)

    assert webhooks(kind, "before") == again
    assert webhooks(kind, "after") == further
    assert {"/routed", "/saved"} == told
    assert RESULTS == asyncio.run(results_in(url))


def ncco(tmp_path: Path, url: str, *words: str, code: int = 0) -> Any:
    """Run a command and parse its JSON output."""
    env = settings(tmp_path, url)
    done = run([NCCO, *words, "--format", "json"], env=env, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert code == done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"], indirect=True)
def test_records_of_an_earlier_version_can_be_read_before_the_server_starts(url: str, tmp_path: Path) -> None:
    calls = ncco(tmp_path, url, "calls")["calls"]
    ended = ncco(tmp_path, url, "calls", next(call["id"] for call in calls if call["state"] == "ended"))
    status = ncco(tmp_path, url, "db", "status", code=1)

    assert ["ended", *["open"] * 5] == sorted(call["state"] for call in calls)
    assert ["answer", "input-dtmf", "record", "event-completed"] == [webhook["kind"] for webhook in ended["timeline"]]
    assert ["saved"] == [hook["hook"] for hook in ended["hooks"]]
    assert ["0016", "0017"] == status["missing"]


def test_the_env_file_of_an_earlier_version_starts_the_server_without_a_warning(tmp_path: Path) -> None:
    with server_of(HERE / f"dot-env-{VERSION}", tmp_path) as server:
        pass

    assert "warning" not in server.printed
