"""Acknowledged writes survive kill -9; several processes on one database lose nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ncco_server.store import Store, open_store
from tests.support.fork_server import PIPE, Forked
from tests.support.postgres_stores import ask, empty_database
from tests.support.stored_rows import new_call, next_turn, rows_of

DATABASES: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite:///{folder}/calls.db",
    "postgres": lambda folder: empty_database(),
}

PARTS = """
    SELECT id, version,
        (SELECT count(*) FROM turns WHERE call_key = calls.key),
        (SELECT count(*) FROM webhooks WHERE call_key = calls.key)
    FROM calls
"""


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return DATABASES[request.param](tmp_path)


def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    """The rows that another program reads."""
    return rows_of(Path(url.removeprefix("sqlite:///")), sql) if url.startswith("sqlite") else ask(sql)


def half_written(url: str) -> list[object]:
    """Calls with a missing turn or webhook, and webhooks without their call."""
    lacking: list[object] = [id_ for id_, *counts in rows(url, PARTS) if len(set(counts)) > 1]
    return lacking + rows(url, "SELECT session FROM webhooks WHERE call_key IS NULL")


def start(program: str, *arguments: object) -> Forked:
    command = [str(Path(__file__).with_name(f"{program}.py")), *map(str, arguments)]
    return Forked(command, stdout=PIPE, stderr=PIPE, text=True)


def kill_after(process: Forked, lines: int) -> list[str]:
    """Kill the process after it has acknowledged `lines` calls. Returns all acknowledged calls."""
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    rest, errors = process.communicate()
    assert "" == errors
    return [line.rstrip("\n") for line in [*seen, *rest.splitlines(keepends=True)] if line.endswith("\n")]


def finish(process: Forked) -> list[str]:
    written, errors = process.communicate(timeout=60)
    assert "" == errors
    return str(written).splitlines()


async def load_all(url: str, ids: list[str]) -> list[tuple[object, ...]]:
    store = open_store(url)
    await store.open()
    found: list[tuple[object, ...]] = [
        (await store.load(id_), await store.reply(id_, -1, -1, None), await store.reply(id_, 0, 0, "")) for id_ in ids
    ]
    await store.close()
    return found


def as_written(id_: str) -> tuple[object, ...]:
    """What `load_all` finds for a call that writing_process.py acknowledged."""
    return next_turn(id_, 1)[0], f"ncco {id_} 0".encode(), f"ncco {id_} 1".encode()


@pytest.mark.parametrize("lines", [1, 150])
def test_acknowledged_writes_survive_kill_9(url: str, lines: int) -> None:
    first = kill_after(start("writing_process", url, "first"), lines)
    second = kill_after(start("writing_process", url, "second"), lines)
    found = asyncio.run(load_all(url, first + second))

    assert lines <= len(first)
    assert [as_written(id_) for id_ in first + second] == found
    assert [] == half_written(url)


def test_two_processes_write_to_one_database(url: str) -> None:
    processes = [start("writing_process", url, name, 100) for name in ("first", "second")]
    written = [id_ for process in processes for id_ in finish(process)]
    found = asyncio.run(load_all(url, written))

    assert 200 == len(set(written))
    assert [as_written(id_) for id_ in written] == found
    assert [] == half_written(url)


def test_two_processes_that_advance_one_call_lose_no_turn(url: str) -> None:
    asyncio.run(write_one(open_store(url)))
    processes = [start("racing_process", url, "leg-1", 40) for _ in range(2)]
    for process in processes:
        finish(process)

    assert [("leg-1", 81, 81, 81)] == rows(url, PARTS)
    assert [(number,) for number in range(81)] == rows(url, "SELECT number FROM turns ORDER BY number")


async def write_one(store: Store) -> None:
    await store.open()
    await store.open_call(*new_call("leg-1"))
    await store.close()


async def test_no_task_waits_forever_if_others_are_cancelled(url: str) -> None:
    chance = random.Random(5)  # noqa: S311 - the same moments in each run
    store = open_store(url)
    await store.open()

    async def write(number: int) -> str:
        await asyncio.sleep(chance.random() * 0.2)
        await store.open_call(*new_call(f"leg-{number}"))
        return f"leg-{number}"

    async def write_impatiently(number: int) -> str | None:
        try:
            return await asyncio.wait_for(write(number), 0.3 * chance.random())
        except TimeoutError:
            return None

    patient = [write(number) for number in range(300)]
    impatient = [write_impatiently(number) for number in range(300, 600)]
    acknowledged = {*await asyncio.wait_for(asyncio.gather(*patient, *impatient), timeout=30)} - {None}
    await store.close()

    assert 300 <= len(acknowledged) < 600
    assert set() == acknowledged - {id_ for id_, *_ in rows(url, PARTS)}
    assert [] == half_written(url)
