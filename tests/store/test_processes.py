from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from app.store import SqliteDatabase, Store
from tests.store.stored_rows import new_call, next_turn, rows_of, session_row

HERE = Path(__file__).parent

HALF_WRITTEN = """
    SELECT id FROM calls
    WHERE version <> (SELECT count(*) FROM turns WHERE call_key = calls.key)
       OR version <> (SELECT count(*) FROM webhooks WHERE call_key = calls.key)
    UNION ALL
    SELECT session FROM webhooks WHERE call_key IS NULL
    UNION ALL
    SELECT ncco FROM turns WHERE call_key NOT IN (SELECT key FROM calls)
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / program), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen[str], lines: int) -> list[str]:
    """Kill -9 once it has acknowledged `lines` calls; returns all that it has acknowledged."""
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    rest, errors = process.communicate()
    assert "" == errors
    return [line.rstrip("\n") for line in [*seen, *rest.splitlines(keepends=True)] if line.endswith("\n")]


def finish(process: subprocess.Popen[str]) -> list[str]:
    written, errors = process.communicate(timeout=60)
    assert "" == errors
    return written.splitlines()


async def load_all(path: Path, ids: list[str]) -> list[tuple[object, ...]]:
    store = Store(SqliteDatabase(path))
    await store.open()
    found = [await load_one(store, id_) for id_ in ids]
    await store.close()
    return found


async def load_one(store: Store, id_: str) -> tuple[object, ...]:
    return await store.load(id_), await store.reply(id_, -1, -1, None), await store.reply(id_, 0, 0, "")


def as_written(id_: str) -> tuple[object, ...]:
    """What `load_all` finds of a call that writing_process.py has acknowledged."""
    return next_turn(id_, 1)[0], f"ncco {id_} 0".encode(), f"ncco {id_} 1".encode()


@pytest.mark.parametrize("lines", [1, 37, 300])
def test_what_was_acknowledged_is_there_after_kill_9(path: Path, lines: int) -> None:
    first = kill_after(start("writing_process.py", path, "first"), lines)
    second = kill_after(start("writing_process.py", path, "second"), lines)
    found = asyncio.run(load_all(path, first + second))

    assert lines <= len(first)
    assert [as_written(id_) for id_ in first + second] == found
    assert [] == rows_of(path, HALF_WRITTEN.replace("version <>", "version >"))
    assert [("ok",)] == rows_of(path, "PRAGMA integrity_check")


def test_two_processes_write_to_one_file(path: Path) -> None:
    processes = [start("writing_process.py", path, name, 150) for name in ("first", "second")]
    written = [id_ for process in processes for id_ in finish(process)]
    found = asyncio.run(load_all(path, written))

    assert 300 == len(set(written))
    assert [as_written(id_) for id_ in written] == found
    assert [] == rows_of(path, HALF_WRITTEN)


def test_two_processes_that_move_one_call_lose_no_turn(path: Path) -> None:
    asyncio.run(write_one(path))
    processes = [start("racing_process.py", path, "leg-1", 60) for _ in range(2)]
    for process in processes:
        finish(process)

    assert [(121,)] == rows_of(path, "SELECT version FROM calls")
    assert [(number,) for number in range(121)] == rows_of(path, "SELECT number FROM turns ORDER BY number")
    assert [] == rows_of(path, HALF_WRITTEN)


async def write_one(path: Path) -> None:
    store = Store(SqliteDatabase(path))
    await store.open()
    await store.open_call(*new_call("leg-1"))
    await store.close()


async def test_write_of_another_process_is_read_at_once(path: Path) -> None:
    one, two = Store(SqliteDatabase(path)), Store(SqliteDatabase(path))
    await one.open()
    await two.open()
    await one.open_call(*new_call("leg-1"))

    assert session_row("leg-1") == await two.load("leg-1")

    await two.advance(*next_turn("leg-1", 1))

    assert next_turn("leg-1", 1)[0] == await one.load("leg-1")

    await one.close()
    await two.close()
