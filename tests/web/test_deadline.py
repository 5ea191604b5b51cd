"""A limit on the time that a webhook may take."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from app.web.deadline import Deadlines


async def test_work_in_time_is_left_alone() -> None:
    with Deadlines(1).begin():
        await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert 0 == _cancelling()


async def test_work_that_takes_longer_ends_in_a_timeout_and_the_task_goes_on() -> None:
    with pytest.raises(TimeoutError), Deadlines(0.01).begin():
        await asyncio.sleep(60)
    await asyncio.sleep(0)

    assert 0 == _cancelling()


async def test_a_cancelling_from_outside_is_no_timeout() -> None:
    async def work() -> None:
        with Deadlines(60).begin():
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelling_that_was_over_before_it_began_is_none_of_its_own() -> None:
    async def work() -> int:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        with suppress(TimeoutError), Deadlines(0.01).begin():
            await asyncio.sleep(60)
        return _cancelling()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()

    assert 1 == await task


async def test_a_cancelling_from_outside_after_the_time_is_no_timeout() -> None:
    async def work() -> None:
        with Deadlines(0).begin():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                asyncio.current_task().cancel()  # type: ignore[union-attr]  # it runs in a task
                raise

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work())


async def test_a_fault_within_stays_that_fault() -> None:
    with pytest.raises(KeyError), Deadlines(1).begin():
        raise KeyError


async def test_a_fault_after_the_time_stays_that_fault() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise KeyError from None

    with pytest.raises(KeyError), Deadlines(0.01).begin():
        await stubborn()


async def test_work_that_ends_in_the_very_moment_is_not_cancelled_later() -> None:
    with Deadlines(0.01).begin():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            done = True
    await asyncio.sleep(0)

    assert (True, 0) == (done, _cancelling())


def test_it_needs_a_task() -> None:
    async def run() -> None:
        asyncio.get_running_loop().call_soon(_enter, faults)
        await asyncio.sleep(0.01)

    faults: list[BaseException] = []
    asyncio.run(run())

    assert ["a deadline is for work in a task"] == [str(fault) for fault in faults]


def _enter(faults: list[BaseException]) -> None:
    try:
        Deadlines(1).begin().__enter__()
    except RuntimeError as fault:
        faults.append(fault)


def _cancelling() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()
