"""This version continues the calls in databases of earlier versions. README.md says how they were made."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ncco_server.service.call_results import total
from ncco_server.service.result_rows import ResultRows
from ncco_server.store import milliseconds, open_store
from tests.support import loopback
from tests.support.fork_server import NCCO, run
from tests.support.postgres_server import shared_server
from tests.support.postgres_stores import empty_database
from tests.support.stored_rows import run_in
from tests.system.cli import running
from tests.system.cli.running import wait_until_ready
from tests.system.databases.make import DIALLED, FAILED, FIRST, OVER, SECOND, TERMS, Caller
from tests.system.databases.serving import HERE, serving, settings

DELIVERED_WITHIN_S = 30.0
AS_IF_NEW = (
    "UPDATE calls SET created_at = {now}",  # old calls would be ended
    "UPDATE hooks SET url = replace(url, '127.0.0.1:9', '{receiver}'), due_at = 0 WHERE due_at IS NOT NULL",
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


def copy_sqlite(home: Path, statements: list[str], version: str = "0.1") -> str:
    for file in ("ncco.db", "ncco.db-key"):
        shutil.copy(HERE / f"sqlite-{version}" / file, home)
    run_in(home / "ncco.db", *statements)
    return f"sqlite:///{home}/ncco.db"


def copy_postgres(home: Path, statements: list[str], version: str) -> str:
    empty_database()  # starts the server, or skips the test
    server = shared_server()
    database = server.new_database()
    server.run((HERE / f"postgres-{version}" / "ncco.sql").read_text("utf-8"), database)
    for statement in statements:
        server.run(statement, database)
    return server.url(database)


COPIES: dict[str, Callable[[Path, list[str], str], str]] = {"sqlite": copy_sqlite, "postgres": copy_postgres}
ADDITIONS = [f"{number:04}" for number in range(1, 17)]
MISSING = {"0.1": ADDITIONS, "0.2": ADDITIONS, "0.3a": ADDITIONS[5:]}
"""The schema additions that each version's database lacks."""


@pytest.fixture(params=[f"{database}-{version}" for version in MISSING for database in COPIES])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, tmp_path: Path, receiver: HTTPServer) -> str:
    place = f"127.0.0.1:{receiver.server_port}"
    statements = [each.format(now=int(time.time() * 1000), receiver=place) for each in AS_IF_NEW]
    database, version = kind.split("-")
    return COPIES[database](tmp_path, statements, version)


def webhooks(kind: str, part: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((HERE / kind / "webhooks.json").read_text("utf-8"))[part]
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
    rows = ResultRows(store := open_store(url))
    async with store:
        while await rows.complete(milliseconds(datetime.now(UTC)) + 60_000):
            pass
        await rows.count()
        async with store.records() as records:
            found = await records.results_between(0, 1 << 40)
            counted = total(await records.result_sums(0, 1 << 50))
    return {row.id: (row.result, counted[row.result]) for row in found}


async def test_calls_of_an_earlier_version_have_results(kind: str, url: str, tmp_path: Path) -> None:
    """One had ended, the others end on this version: in the sums, and as if it had answered them."""
    with serving(tmp_path, url, "second") as address:
        for webhook in webhooks(kind, "after"):
            sent(address, webhook)
        for leg in (FIRST, SECOND, DIALLED, FAILED, TERMS):
            Caller(address, {}).hang_up(leg)

    assert RESULTS == await results_in(url)


def test_calls_of_an_earlier_version_continue(kind: str, url: str, tmp_path: Path, receiver: HTTPServer) -> None:
    """Repeated webhooks get the same bytes, open waits get the earlier version's replies, and hooks are sent."""
    with serving(tmp_path, url, "second") as address:
        again = [sent(address, webhook) for webhook in webhooks(kind, "before")]
        further = [sent(address, webhook) for webhook in webhooks(kind, "after")]
        until = time.monotonic() + DELIVERED_WITHIN_S
        while len(receiver.taken) < 2 and time.monotonic() < until:  # type: ignore[attr-defined]  # added by this test
            time.sleep(0.05)

    assert webhooks(kind, "before") == again
    assert webhooks(kind, "after") == further
    assert {"/routed", "/saved"} == {path for path, _ in receiver.taken}  # type: ignore[attr-defined]  # added by this test


@pytest.mark.parametrize(("setting", "said", "kept"), [("", "never deleted", 6), ("0", "", 6), ("1", "old calls", 0)])
def test_an_earlier_database_keeps_its_calls_unless_configured_otherwise(
    tmp_path: Path, setting: str, said: str, kept: int
) -> None:
    """The server warns that it keeps old calls, unless the setting is given."""
    url = copy_sqlite(tmp_path, ["UPDATE calls SET created_at = 1, updated_at = 1", "DELETE FROM hooks"])
    env = settings(tmp_path, url, "second") | {"NCCO_RETENTION_DAYS": setting}
    with running.running_server(tmp_path, "--port", "0", cwd=tmp_path, env=env) as server:
        wait_until_ready(server.address)
        until = time.monotonic() + DELIVERED_WITHIN_S
        while said not in server.printed and time.monotonic() < until:
            time.sleep(0.05)
        server.stop()

    assert said in server.printed
    assert (said == "never deleted") is ("calls are never deleted" in server.printed)
    with closing(sqlite3.connect(tmp_path / "ncco.db")) as connection:
        assert [(kept,)] == connection.execute("SELECT count(*) FROM calls").fetchall()


def ncco(tmp_path: Path, url: str, *words: str, code: int = 0) -> Any:
    """Run a command and parse its JSON output."""
    command = [NCCO, *words, "--format", "json"]
    env = settings(tmp_path, url, "second")
    done = run(command, env=env, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert code == done.returncode, done.stderr
    return json.loads(done.stdout)


def test_records_of_an_earlier_version_can_be_read(kind: str, url: str, tmp_path: Path) -> None:
    calls = ncco(tmp_path, url, "calls")["calls"]
    ended = ncco(tmp_path, url, "calls", next(call["id"] for call in calls if call["state"] == "ended"))

    assert ["ended", *["open"] * 5] == sorted(call["state"] for call in calls)
    assert ["answer", "input-dtmf", "record", "event-completed"] == [webhook["kind"] for webhook in ended["timeline"]]
    assert ["saved"] == [hook["hook"] for hook in ended["hooks"]]
    status = ncco(tmp_path, url, "db", "status", code=1)
    assert ([], MISSING[kind.partition("-")[2]]) == (status["missing"], status["additions"])
