"""Processes, signals and the order of things."""

from __future__ import annotations

from typing import Any

import pytest

from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.scheduler import Process, Routine, Scheduler, Signal, first_of, pause
from ncco_studio.simulator.servers import Request, Response

REQUEST = Request("GET", "https://calls.example.com/", {})


async def answer(_: Request) -> Response:
    return Response(200, seconds=1.5)


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(VirtualClock(), answer)


async def run(scheduler: Scheduler, until_ms: int | None = None) -> None:
    await scheduler.advance(lambda: False, until_ms)


async def test_time_passes_only_while_a_process_waits(scheduler: Scheduler) -> None:
    log: list[tuple[str, int]] = []

    def routine(name: str, seconds: float) -> Routine[None]:
        yield from pause(seconds)
        log.append((name, scheduler.clock.ms))

    for name, seconds in (("c", 2), ("a", 1), ("b", 1), ("z", 7200)):
        scheduler.spawn(routine(name, seconds))
    await run(scheduler)

    assert [("a", 1000), ("b", 1000), ("c", 2000), ("z", 7_200_000)] == log


async def test_a_request_takes_the_time_of_its_response(scheduler: Scheduler) -> None:
    def routine() -> Routine[int]:
        response: Response = yield REQUEST
        return response.status

    process = scheduler.spawn(routine())
    await run(scheduler)

    assert (200, 1500, True) == (process.result, scheduler.clock.ms, process.is_over)


async def test_the_first_signal_wins_and_a_later_time_out_is_forgotten(scheduler: Scheduler) -> None:
    one, two = Signal(), Signal()
    found: list[Any] = []

    def waiting() -> Routine[None]:
        found.append((yield from first_of(one, two, within=5)))
        found.append((yield from first_of(one, within=1)))
        found.append((yield from first_of(two, within=10)))

    def firing() -> Routine[None]:
        yield from pause(2)
        one.fire()
        one.fire()

    scheduler.spawn(waiting())
    scheduler.spawn(firing())
    await run(scheduler)

    assert [one, one, None] == found
    assert 12_000 == scheduler.clock.ms


async def test_a_cancelled_process_runs_its_finally_and_nothing_else(scheduler: Scheduler) -> None:
    log: list[str] = []

    def routine() -> Routine[None]:
        try:
            yield from pause(5)
            log.append("never")
        finally:
            log.append("finally")

    process = scheduler.spawn(routine())
    await run(scheduler, 1000)
    process.cancel()
    process.cancel()
    await run(scheduler)

    assert (["finally"], True, None, 1000) == (log, process.is_over, process.result, scheduler.clock.ms)


async def test_a_process_that_cancels_itself_ends_at_its_next_wait(scheduler: Scheduler) -> None:
    log: list[str] = []
    processes: list[Process[None]] = []

    def routine() -> Routine[None]:
        processes[0].cancel()
        log.append("before")
        yield from pause(1)
        log.append("never")

    processes.append(scheduler.spawn(routine()))
    await run(scheduler)

    assert (["before"], True) == (log, processes[0].is_over)


async def test_a_process_that_is_cancelled_before_its_first_step_never_begins(scheduler: Scheduler) -> None:
    log: list[str] = []

    def routine() -> Routine[None]:
        log.append("never")
        yield from pause(1)

    scheduler.spawn(routine()).cancel()
    await run(scheduler)

    assert [] == log


async def test_a_stop_takes_effect_after_all_events_of_that_moment(scheduler: Scheduler) -> None:
    log: list[int] = []

    def routine(number: int) -> Routine[None]:
        yield from pause(1)
        log.append(number)

    for number in range(3):
        scheduler.spawn(routine(number))
    await scheduler.advance(lambda: bool(log))

    assert [0, 1, 2] == log


@pytest.mark.parametrize(("until_ms", "latest_ms", "now_ms"), [(500, None, 500), (None, 500, 0), (3000, None, 3000)])
async def test_until_moves_the_clock_and_latest_only_limits_it(
    scheduler: Scheduler, until_ms: int | None, latest_ms: int | None, now_ms: int
) -> None:
    scheduler.spawn(pause(1))

    await scheduler.advance(lambda: False, until_ms, latest_ms)

    assert now_ms == scheduler.clock.ms
