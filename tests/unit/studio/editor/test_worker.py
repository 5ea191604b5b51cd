"""The subprocess for unsaved texts: limits, order, and the next request after a failure."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from ncco_studio.editor.worker import MOST_WAITING, Worker, WorkNotDone
from tests.unit.studio.editor import worker_tasks as tasks


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    made = Worker(module=tasks)
    yield made
    await made.close()


async def reason_of(worker: Worker, task: Callable[..., object], *, limit_s: float = 60, **values: object) -> str:
    with pytest.raises(WorkNotDone) as caught:
        await worker.run(task, values, seconds=limit_s)
    return caught.value.reason


async def test_after_a_stopped_or_failed_request_the_next_one_works(worker: Worker) -> None:
    assert await reason_of(worker, tasks.spin, limit_s=0.5) in ("time", "busy")  # busy: others have the processors
    assert "busy" == await reason_of(worker, tasks.sleep, limit_s=0.1, seconds=600)
    assert "memory" == await reason_of(worker, tasks.allocate, size=8 << 30)
    assert "failed" == await reason_of(worker, tasks.fail)
    assert "memory" == await reason_of(worker, tasks.die)

    assert 42 == await worker.run(tasks.double, {"number": 21})


async def test_a_function_may_ask_this_process(worker: Worker) -> None:
    async def double(asked: dict[str, int]) -> int:
        return 2 * asked["number"]

    assert 84 == await worker.run(tasks.ask_twice, {"first": 21}, answer=double)
    assert 42 == await worker.run(tasks.double, {"number": 21})


async def test_time_without_the_processor_does_not_count(worker: Worker) -> None:
    await worker.run(tasks.double, {"number": 1})

    assert await worker.run(tasks.sleep, {"seconds": 0.8}, seconds=0.5) is None


async def test_the_subprocess_sees_no_setting_and_no_secret(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VONAGE_SIGNATURE_SECRET", "canary")
    monkeypatch.setenv("FLOW_CRM_TOKEN", "canary")

    assert {"PYTHONPATH", "PYTHONUTF8"} >= {*await worker.run(tasks.environment, {})} - {"LC_CTYPE"}


async def test_a_killed_subprocess_is_replaced_once_if_the_work_may_be_repeated(worker: Worker, tmp_path: Path) -> None:
    once, twice, phone = (str(tmp_path / name) for name in ("once", "twice", "phone"))
    assert "done" == await worker.run(tasks.be_killed, {"begun": once, "times": 1}, may_repeat=True)
    with pytest.raises(WorkNotDone, match="outside"):
        await worker.run(tasks.be_killed, {"begun": twice, "times": 2}, may_repeat=True)
    assert "killed" == await reason_of(worker, tasks.be_killed, begun=phone, times=1)
    assert "begun\n" == await asyncio.to_thread(Path(phone).read_text)


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


async def test_a_machine_without_descriptors_is_no_fault_of_the_text(worker: Worker) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files(), before[1]))
    try:
        assert "killed" == await reason_of(worker, tasks.pid)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert await worker.run(tasks.pid, {})


def test_the_subprocess_does_not_inherit_the_port_of_the_console() -> None:
    async def of_worker() -> list[int]:
        worker = Worker()
        try:
            return list(await worker.run(tasks.open_files, {}))
        finally:
            await worker.close()

    with socket.create_server(("127.0.0.1", 0)) as bound:
        bound.set_inheritable(True)  # as in a process started by multiprocessing
        assert os.fstat(bound.fileno()).st_ino not in uvloop.run(of_worker())


async def test_printed_output_is_not_taken_for_the_reply(worker: Worker) -> None:
    assert "heard" == await worker.run(tasks.chatter, {})


async def test_requests_over_the_limit_are_refused_at_once(worker: Worker) -> None:
    running = [asyncio.create_task(worker.run(tasks.double, {"number": 1})) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)

    assert "busy" == await reason_of(worker, tasks.double, number=1)
    assert 4 == await worker.run(tasks.double, {"number": 2}, owner="somebody else")
    assert [2] * MOST_WAITING == await asyncio.gather(*running)


async def test_a_cancelled_request_leaves_no_reply_for_the_next(worker: Worker) -> None:
    assert 2 == await worker.run(tasks.double, {"number": 1})
    cancelled = asyncio.create_task(worker.run(tasks.sleep, {"seconds": 0.3}))
    await asyncio.sleep(0.1)
    cancelled.cancel()

    assert 6 == await worker.run(tasks.double, {"number": 3})
