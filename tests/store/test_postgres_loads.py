"""Calls that are asked for in the same moment: one alone is read at once, those who would wait are read together."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from app.store.postgres.loads import GROUP_LIMIT, Loads
from app.store.postgres.pool import Pool
from app.store.postgres.statements import SELECT_CALL, SELECT_CALLS

from app.errors import StoreUnavailable
from app.store.waiting import is_of_store


class SlowPool:
    """Answers nothing before it is told to; every call is there but those whose ids begin with `no`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._answers: list[asyncio.Future[None]] = []

    async def read(self, sql: str, wanted: Any) -> list[tuple[str, str]]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked.append((sql, wanted))
        self._answers.append(answer)
        await answer
        ids = [wanted] if isinstance(wanted, str) else wanted
        return [(id_, f"row of {id_}") for id_ in reversed(ids) if not id_.startswith("no")]

    async def answer(self, number: int, error: BaseException | None = None) -> None:
        """Let the statement with this number return, or raise."""
        if error is None:
            self._answers[number].set_result(None)
        else:
            self._answers[number].set_exception(error)
        await settled()


async def settled() -> None:
    for _moment in range(5):
        await asyncio.sleep(0)


async def asked(loads: Loads, *ids: str) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(loads.load(id_)) for id_ in ids]
    await settled()
    return tasks


@pytest.fixture
def pool() -> SlowPool:
    return SlowPool()


@pytest.fixture
def loads(pool: SlowPool) -> Loads:
    return Loads(cast(Pool, pool), 1)


async def test_one_that_comes_alone_is_read_at_once(pool: SlowPool, loads: Loads) -> None:
    for number, id_ in enumerate(("a", "no")):
        (task,) = await asked(loads, id_)
        await pool.answer(number)

    assert [(SELECT_CALL, "a"), (SELECT_CALL, "no")] == pool.asked
    assert task.result() is None


async def test_those_who_come_meanwhile_are_read_together_and_each_gets_its_own(pool: SlowPool, loads: Loads) -> None:
    tasks = await asked(loads, "first", "a", "no", "b", "a")
    await pool.answer(0)
    await pool.answer(1)

    assert [(SELECT_CALL, "first"), (SELECT_CALLS, ["a", "no", "b", "a"])] == pool.asked
    assert [("first", "row of first"), ("a", "row of a"), None, ("b", "row of b"), ("a", "row of a")] == [
        task.result() for task in tasks
    ]


async def test_nobody_is_answered_by_a_statement_that_was_sent_before_they_asked(pool: SlowPool, loads: Loads) -> None:
    first = await asked(loads, "a", "a")
    await pool.answer(0)
    late = await asked(loads, "a")
    await pool.answer(1)

    assert [True, True, False] == [task.done() for task in (*first, *late)]
    await pool.answer(2)
    assert ("a", "row of a") == late[0].result()
    assert 3 == len(pool.asked)


async def test_as_many_statements_as_there_are_connections_are_on_their_way(pool: SlowPool) -> None:
    loads = Loads(cast(Pool, pool), 2)
    tasks = await asked(loads, "a", "b", "c", "d")
    await pool.answer(1)

    assert [(SELECT_CALL, "a"), (SELECT_CALL, "b"), (SELECT_CALLS, ["c", "d"])] == pool.asked
    await pool.answer(0)
    await pool.answer(2)
    assert all(task.done() for task in tasks)


async def test_a_group_has_a_bound(pool: SlowPool, loads: Loads) -> None:
    tasks = await asked(loads, "first", *map(str, range(GROUP_LIMIT + 1)))
    for number in range(3):
        await pool.answer(number)

    assert [GROUP_LIMIT, 1] == [len(ids) for _, ids in pool.asked[1:]]
    assert all(task.done() for task in tasks)


async def test_a_store_that_is_away_is_told_to_all_of_a_group_and_to_no_later_one(pool: SlowPool, loads: Loads) -> None:
    tasks = await asked(loads, "first", "a", "b")
    await pool.answer(0, StoreUnavailable("away"))
    later = await asked(loads, "c")
    await pool.answer(1, StoreUnavailable("still away"))
    await pool.answer(2)

    assert ["away", "still away", "still away"] == [str(task.exception()) for task in tasks]
    assert tasks[1].exception() is not tasks[2].exception()
    assert ("c", "row of c") == later[0].result()


async def test_one_who_leaves_costs_the_others_nothing(pool: SlowPool, loads: Loads) -> None:
    tasks = await asked(loads, "first", "a", "b", "c")
    tasks[1].cancel()
    await settled()
    await pool.answer(0)
    tasks[2].cancel()
    await settled()
    await pool.answer(1)

    assert [(SELECT_CALL, "first"), (SELECT_CALLS, ["b", "c"])] == pool.asked
    assert [False, True, True, False] == [task.cancelled() for task in tasks]
    assert ("c", "row of c") == tasks[3].result()


async def test_one_who_leaves_says_that_it_waited_for_the_store(loads: Loads) -> None:
    _, waiting = await asked(loads, "first", "a")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await waiting

    assert is_of_store(caught.value)


async def test_a_fault_of_ours_leaves_nobody_waiting_and_the_lane_free(pool: SlowPool, loads: Loads) -> None:
    tasks = await asked(loads, "first", "a")
    await pool.answer(0)
    (group,) = loads._groups
    await pool.answer(1, RuntimeError("ours"))
    later = await asked(loads, "b")
    await pool.answer(2)

    assert isinstance(tasks[1].exception(), StoreUnavailable)
    assert isinstance(group.exception(), RuntimeError)
    assert ("b", "row of b") == later[0].result()


async def test_closing_waits_for_what_is_being_read(pool: SlowPool, loads: Loads) -> None:
    tasks = await asked(loads, "first", "a")
    await pool.answer(0)
    closing = asyncio.create_task(loads.close())
    await settled()
    is_waiting = not closing.done()
    await pool.answer(1)
    await closing

    assert is_waiting
    assert ("a", "row of a") == tasks[1].result()
