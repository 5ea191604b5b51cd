from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import time

import pytest

from ncco_server.service.threads import Threads
from tests.support.cases import each_case


def stop() -> None:
    raise StopIteration


def leave() -> None:
    sys.exit(1)


def fail() -> None:
    raise ValueError("no")


async def test_a_function_runs_in_a_thread_of_its_own() -> None:
    thread = await Threads(1).run("a", threading.current_thread)

    assert thread is not threading.main_thread()
    assert thread.daemon


@each_case(
    ("function", "error", "text"),
    [(fail, ValueError, "no"), (stop, RuntimeError, "Stop"), (leave, RuntimeError, "Exit")],
)
async def test_an_exception_of_the_function_is_raised(function: object, error: type[Exception], text: str) -> None:
    assert callable(function)

    with pytest.raises(error, match=text):
        await Threads(1).run("a", function)


async def test_the_number_of_simultaneous_runs_per_key_is_limited() -> None:
    threads, running, most = Threads(2), [0], [0]

    def work() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.02)
        running[0] -= 1

    await asyncio.gather(*(threads.run("a", work) for _ in range(6)))

    assert 2 == most[0]


async def test_a_hanging_function_blocks_only_its_own_key() -> None:
    threads, release = Threads(1), threading.Event()
    hanging = asyncio.create_task(threads.run("a", lambda: release.wait(60)))
    await asyncio.sleep(0.02)
    waiting = asyncio.create_task(threads.run("a", lambda: "after"))

    assert "other" == await threads.run("b", lambda: "other")
    assert not waiting.done()
    hanging.cancel()
    release.set()
    assert "after" == await waiting


async def test_a_function_that_waits_or_is_late_does_not_keep_others_from_beginning() -> None:
    threads, begun, release = Threads(4, leaves_half=True), threading.Event(), threading.Event()

    def compute() -> None:
        begun.set()
        while not release.is_set():
            pass

    waiting = asyncio.create_task(threads.run("a", lambda: release.wait(60)))
    assert 1 == await threads.run("b", lambda: 1)
    late = asyncio.create_task(threads.run("c", compute))
    while not begun.is_set():  # noqa: ASYNC110 - another thread sets it
        await asyncio.sleep(0.001)
    late.cancel()
    assert 2 == await threads.run("d", lambda: 2)
    release.set()
    await waiting


async def test_a_function_that_runs_though_nobody_waits_is_counted() -> None:
    threads, begun, release = Threads(1), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        release.wait(60)

    task = asyncio.create_task(threads.run("a", work))
    while not begun.is_set():  # noqa: ASYNC110 - another thread sets it
        await asyncio.sleep(0.001)
    assert 0 == threads.late
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 1 == threads.late
    release.set()
    await threads.run("a", lambda: None)
    assert 0 == threads.late


def test_a_thread_that_ends_after_its_loop_prints_nothing() -> None:
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(60)
        ended.set()

    async def start() -> None:
        task = asyncio.create_task(Threads(1).run("a", work))
        await asyncio.sleep(0.02)
        task.cancel()

    asyncio.run(start())
    release.set()

    assert ended.wait(30)


async def test_a_failed_thread_start_frees_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads(1)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            await threads.run("a", lambda: 1)

    assert 1 == await threads.run("a", lambda: 1)


async def nothing() -> None:
    """Return at once."""


async def test_a_coroutine_returned_at_the_moment_of_a_cancellation_is_closed() -> None:
    loop, coroutine = asyncio.get_running_loop(), nothing()

    def cancel_later(thread: threading.Thread) -> None:
        thread.join()
        loop.call_soon(task.cancel)

    def work() -> object:
        loop.call_soon_threadsafe(cancel_later, threading.current_thread())
        return coroutine

    task = asyncio.create_task(Threads(each=1).run("key", work))
    with pytest.raises(asyncio.CancelledError):
        await task

    assert inspect.CORO_CLOSED == inspect.getcoroutinestate(coroutine)
