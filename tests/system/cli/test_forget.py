"""`ncco forget`: the numbers it accepts, what it prints, and that no trace is left, even beside a running server."""

from __future__ import annotations

import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from click.testing import Result

from ncco_server.store import RowChange, Store
from tests.support import loopback
from tests.support.command import ncco
from tests.support.postgres_stores import empty_database
from tests.support.server import running_server
from tests.support.stored_rows import in_store, new_call, revision_row, rows_of
from tests.support.waiting import happens
from tests.system.cli.projects import write_project

NUMBER = "447700900123"
FLOW = """flow: hello
default: true
start: hello
steps:
  hello:
    do: [{talk: "For sales, press 1."}]
    choices: {sales: {dtmf: 1, goto: end}}
    retry: {then: end}
"""


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "calls.db"
    monkeypatch.setenv("NCCO_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.chdir(tmp_path)
    return path


async def write_calls(store: Store) -> None:
    await store.open_call(*new_call("leg-1", state=b'{"from": "447700900123"}'))
    await store.open_call(*new_call("leg-2", state=b'{"from": "447700900999"}'))
    await store.save_revisions([revision_row(sources=b"connect: 447700900123")])


def bytes_of(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))


def test_every_call_of_a_number_is_deleted_and_counted(database: Path) -> None:
    in_store(database, write_calls)
    done = ncco("forget", "--number", "+44 7700 900-123")

    assert 0 == done.exit_code
    assert "+447700900123: 1 call, 1 turn, 1 webhook, 0 hooks, 0 recordings deleted\n" in done.output
    assert "1 call was still in progress" in done.output
    assert "1 revision of your flows contain it in their source text, so they are kept" in done.output
    assert 1 == bytes_of(database).count(NUMBER.encode())


def test_a_program_that_holds_the_log_is_reported(database: Path) -> None:
    in_store(database, write_calls)
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM calls").fetchone()
        busy = ncco("forget", "--number", NUMBER)
    done = ncco("forget", "--number", NUMBER)

    assert (1, 0) == (busy.exit_code, done.exit_code)
    assert "the file's log still contains deleted rows" in busy.output
    assert "fix: stop the programs that use it" in busy.output
    assert 1 == bytes_of(database).count(NUMBER.encode())


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("07700900123", "needed with its country code"),
        ("2025550123", "has no country code"),
        ("266696687", "stands for a withheld one"),
        ("447700900123,447700900124", "is not a phone number"),
    ],
)
def test_an_ambiguous_number_is_refused(database: Path, number: str, said: str) -> None:
    in_store(database, write_calls)
    done = ncco("forget", "--number", number)

    assert 2 == done.exit_code
    assert said in done.output
    assert "fix: " in done.output


def test_a_file_is_rewritten_while_calls_come_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write_project(tmp_path / "project", hello=FLOW)
    database = tmp_path / "ncco.db"
    monkeypatch.setenv("NCCO_DATABASE_URL", f"sqlite:///{database}")
    statuses: dict[str, int] = {}
    others: set[str] = set()
    is_over = threading.Event()

    def call(line: int) -> None:
        for number in count():
            if is_over.is_set():
                return
            leg, caller = f"{line}-{number}", NUMBER if number % 4 == 0 and len(done) == 0 else "447700900999"
            facts = {"to": "442079460000", "from": caller, "uuid": leg, "conversation_uuid": f"CON-{leg}"}
            statuses[leg] = loopback.post(f"http://{server.address}/webhooks/answer", json=facts).status_code
            if caller != NUMBER:
                others.add(leg)

    done: list[Result] = []
    with running_server(tmp_path, cwd=project) as server, ThreadPoolExecutor(4) as callers:
        server.wait_until_ready()
        calls = [callers.submit(call, line) for line in range(4)]
        try:
            assert happens(lambda: len(statuses) >= 40)
            done.append(ncco("forget", "--number", f"+{NUMBER}"))  # the calls that began meanwhile are still there
            until = len(statuses) + 40
            assert happens(lambda: len(statuses) >= until)
            done.append(ncco("forget", "--number", f"+{NUMBER}", "--rewrite"))
            until = len(statuses) + 40
            assert happens(lambda: len(statuses) >= until)
        finally:
            is_over.set()
        for each in calls:
            each.result()
        left = bytes_of(database)
        kept = {str(leg) for (leg,) in rows_of(database, "SELECT leg FROM webhooks")}

    assert [0, 0] == [each.exit_code for each in done], [each.output for each in done]
    assert {200} == {*statuses.values()}
    assert (0, others) == (left.count(NUMBER.encode()), kept)
    assert len(others) < len(statuses)


TABLES = """shared: true
tables:
  do_not_call: {key: {number: phone}, after_forget: keep_hash}
  customers: {key: {number: phone}, columns: {note: text}}
"""
ROWS = [
    RowChange(f'do_not_call["{NUMBER}"]'),
    RowChange(f'customers["{NUMBER}"]'),
    RowChange('customers["447700900999"]', {"note": f"a friend of {NUMBER}"}),
]


def test_rows_are_forgotten_by_their_declaration_and_a_hash_survives_a_restore(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{database}"
    in_store(url, lambda store: store.tables.change(ROWS, 1, "a test"))
    refused = ncco("forget", "--number", NUMBER)
    assert (2, True) == (refused.exit_code, "there is no flow folder at flows" in refused.output)

    project = write_project(database.parent / "project", hello=FLOW, shared=TABLES)
    counted = ncco("forget", "--number", NUMBER, "--flows", project, "--dry-run")
    assert "2 rows of tables, 1 text in other rows of tables would be deleted" in counted.output
    assert "1 hash would take the place of rows" in counted.output
    done = ncco("forget", "--number", NUMBER, "--flows", project)
    assert (0, True) == (done.exit_code, "1 hash takes the place of rows" in done.output)
    assert 0 == bytes_of(database).count(NUMBER.encode())

    assert 0 == ncco("backup", "backup.tar").exit_code
    restored = f"sqlite:///{database.parent}/restored.db"
    monkeypatch.setenv("NCCO_DATABASE_URL", restored)
    assert 0 == ncco("restore", "backup.tar").exit_code
    assert in_store(restored, lambda store: store.tables.get(f'do_not_call["{NUMBER}"]', 1)) is not None


def test_for_postgres_only_verified_deletion_is_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NCCO_DATABASE_URL", url := empty_database())
    in_store(url, lambda store: store.open_call(*new_call("leg-1", state=b'{"from": "447700900123"}')))
    counted = ncco("forget", "--number", NUMBER, "--dry-run")
    done = ncco("forget", "--number", NUMBER)
    again = ncco("forget", "--number", NUMBER, "--rewrite", "--format", "json")
    rewritten = ncco("forget", "--number", NUMBER, "--rewrite")

    assert [0, 0, 0] == [ran.exit_code for ran in (counted, done, again)]
    assert f"+{NUMBER}: no call contains it\n" == rewritten.output
    assert "1 call, 1 turn, 1 webhook, 0 hooks, 0 recordings deleted\n" in done.output
    assert "no row contains it anymore; PostgreSQL's files keep deleted rows until their space is reused" in done.output
    assert "no row contains it" not in counted.output
    assert (0, None) == (json.loads(again.output)["calls"], json.loads(again.output)["purged"])


@pytest.mark.parametrize("setting", ["30", ""])
def test_a_running_server_deletes_old_data(tmp_path: Path, setting: str) -> None:
    project = write_project(tmp_path / "project", hello=FLOW)
    database = tmp_path / "ncco.db"
    in_store(database, write_calls)  # the calls are from March 2026
    with running_server(tmp_path, cwd=project, env={"NCCO_RETENTION_DAYS": setting}) as server:
        assert happens(lambda: "old calls deleted" in server.printed)

    assert [] == rows_of(database, "SELECT id FROM calls UNION SELECT id FROM webhooks")
