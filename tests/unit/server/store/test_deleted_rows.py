"""The cost of deleting, and what remains in a SQLite file."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

from ncco_server.store import Caused, SqliteDatabase, Store
from ncco_server.store.database import Row
from ncco_server.store.forgetting import Numbers
from ncco_server.store.retention import sweep
from ncco_server.store.sql import Sql
from ncco_server.store.sqlite_file import run
from tests.support.cases import each_case
from tests.support.stored_rows import NOON_MS, NUMBER, hook_row, new_call, next_turn, webhook_row, write_calls

DAY_MS = 86_400_000


@each_case(
    "document",
    [
        b'{"from":"447700900123"}',
        b'{"from":"+447700900123"}',
        b'{"from":"00447700900123"}',
        b"from=447700900123&to=1",
        b"from=%2B447700900123",
        b"from=%20447700900123",
        b"447700%20900123",
        b"from=%34%34%37%37%30%30%39%30%30%31%32%33",
        b'{"from":"\\u0034\\u00347700900123"}',
        b'{"from":"sip:447700900123@pbx.example.com"}',
    ],
)
def test_a_number_is_found_in_any_notation(document: bytes) -> None:
    assert Numbers([NUMBER]).are_in(document)
    assert Numbers([NUMBER]).may_be_in(b'{"a":"5%"}|' + document + b'|{"b":"\\u00e9"}')


class CountingDatabase(SqliteDatabase):
    """Counts the rows that are read."""

    rows = 0

    async def read(self, sql: Sql, *values: object) -> list[Row]:
        found = await super().read(sql, *values)
        self.rows += len(found)
        return found


async def test_to_find_a_number_the_documents_of_many_calls_are_read_together(tmp_path: Path) -> None:
    database = CountingDatabase(tmp_path / "calls.db")
    told = list[str]()
    async with Store(database) as store:
        calls = [new_call(f"leg-{number}") for number in range(1_200)]
        strange = b'{"from":"447700900199","text":"\0\xff"}'
        calls[800] = (calls[800][0], calls[800][1], calls[800][2]._replace(body=strange))
        await asyncio.gather(*(store.open_call(*call) for call in calls))
        counted = await store.forget(["447700900199"], dry_run=True, tell=told.append)
        assert (1, True) == (counted.calls, database.rows < 600)
        assert ["0 % of the calls searched", "11 % of the calls searched"] == told[:2]
        assert 1 == (await store.forget(["447700900199"])).calls
        assert 0 == (await store.forget(["447700900199"])).calls


@each_case("document", [b"", b"1447700900123", b"4477009001234", b"44770090012"])
def test_another_number_does_not_match(document: bytes) -> None:
    assert not Numbers([NUMBER]).are_in(document)


def test_a_number_of_no_country_is_found_as_it_is() -> None:
    assert [True, False] == [Numbers(["999123456789"]).are_in(each) for each in (b"999123456789", b"no 1999123456789")]


async def steps_of_a_piece(path: Path, calls: int) -> int:
    """The work of SQLite, in thousands of its steps, to delete two of this many old calls."""
    store = Store(SqliteDatabase(path))
    await store.open()
    hooks = [hook_row(f"hook-{number}", session=f"{number}") for number in range(calls)]
    await asyncio.gather(*(store.record(webhook_row(""), Caused(hooks=[hook])) for hook in hooks))
    await asyncio.gather(*(store.open_call(*new_call(f"old-{number}")) for number in range(calls)))
    await store.close()
    connection, steps = sqlite3.connect(path), list[int]()
    connection.set_progress_handler(lambda: steps.append(1), 1_000)  # None continues
    run(connection, sweep(NOON_MS + 1, 2, NOON_MS + 1))
    connection.close()
    return len(steps)


async def test_a_batch_costs_the_same_however_much_is_too_old(tmp_path: Path) -> None:
    few, many = await steps_of_a_piece(tmp_path / "few.db", 100), await steps_of_a_piece(tmp_path / "many.db", 1_500)

    assert many <= few + 1


def bytes_of(path: Path) -> bytes:
    """The bytes of the file, its log and the log's index."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))


async def test_no_byte_of_the_number_is_left_in_the_file(path: Path, sqlite_store: Store) -> None:
    for number in range(100):
        await sqlite_store.open_call(*new_call(f"leg-{number}", state=b'{"from": "4477009001%02d"}' % number))
    for turn in (1, 2, 3):
        for number in range(100):
            session, row, webhook = next_turn(f"leg-{number}", turn)
            state = b'{"from": "4477009001%02d", "more": "%s"}' % (number, b"x" * 400 * turn)
            await sqlite_store.advance(session._replace(state=state), row, webhook)
    before = bytes_of(path).count(NUMBER.encode())
    gone = await sqlite_store.forget([NUMBER])

    assert before > 0
    assert (1, True) == (gone.calls, gone.purged)
    assert 0 == bytes_of(path).count(NUMBER.encode())
    assert 0 < bytes_of(path).count(b"447700900124")


async def test_rows_deleted_by_another_program_are_gone_once_the_file_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    store = Store(SqliteDatabase(path))
    await store.open()
    careless = sqlite3.connect(path, isolation_level=None)
    careless.execute("PRAGMA secure_delete = OFF")
    careless.execute("INSERT INTO probes VALUES (?)", (NUMBER.encode(),))
    careless.execute("DELETE FROM probes")
    careless.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    careless.close()
    await store.forget([NUMBER])
    kept = bytes_of(path).count(NUMBER.encode())
    gone = await store.forget([NUMBER], rewrite=True)
    await store.close()

    assert (1, True) == (kept, gone.purged)
    assert 0 == bytes_of(path).count(NUMBER.encode())


async def test_a_reader_that_holds_the_log_does_not_stop_a_deletion(path: Path, other: sqlite3.Connection) -> None:
    store = Store(SqliteDatabase(path, open_wait_ms=100))
    await store.open()
    await write_calls(store)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM calls").fetchone()
    gone = await store.forget([NUMBER])
    again = await store.forget([NUMBER], rewrite=True)
    other.execute("ROLLBACK")
    done = await store.forget([NUMBER])
    await store.close()

    assert (3, False, False, True) == (gone.calls, gone.purged, again.purged, done.purged)
    assert not re.search(rb"447700900123(?!4)", bytes_of(path))


async def test_swept_rows_are_gone_from_file_and_log_while_the_store_is_open(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await write_calls(store)
    before = bytes_of(path).count(NUMBER.encode())
    while await store.sweep(NOON_MS + DAY_MS, 20, NOON_MS + DAY_MS):
        pass
    await store.sweep_revisions(NOON_MS + DAY_MS, ())
    after = bytes_of(path).count(NUMBER.encode())
    await store.open_call(*new_call("next"))
    found = await store.load("next")
    await store.close()

    assert before > 5
    assert 0 == after
    assert found is not None


async def test_a_log_that_cannot_be_truncated_after_a_sweep_is_truncated_after_the_next(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await write_calls(store)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM calls").fetchall()
    while await store.sweep(NOON_MS + DAY_MS, 20, NOON_MS + DAY_MS):
        pass
    await store.sweep_revisions(NOON_MS + DAY_MS, ())
    held = bytes_of(path).count(NUMBER.encode())
    reader.close()
    await store.sweep_revisions(NOON_MS + DAY_MS, ())
    after = bytes_of(path).count(NUMBER.encode())
    await store.close()

    assert held > 0
    assert 0 == after
