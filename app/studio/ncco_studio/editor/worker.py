"""Runs work on texts in one subprocess, which is killed if it takes too long or too much memory.

By default the subprocess does not get the server's environment, so it has no settings and no secrets. It exits when
its standard input is closed.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import ncco_server
from ncco_server.errors import AppError
from ncco_server.garbage import collect_rarely

MOST_WAITING: Final = 16
"""Per person; more requests are refused."""
MEMORY_BYTES: Final = 1 << 30
SECONDS: Final = 10.0
"""About twice the processor time that the largest project takes."""
BUSY: Final = 6
"""Multiplies the time limit if other processes keep the processors busy."""
START_SECONDS: Final = 60
"""For starting the subprocess on a busy machine."""

Answer: TypeAlias = Callable[[Any], Awaitable[Any]]
"""Answers what a function in the subprocess asks; both are JSON."""
Reason: TypeAlias = Literal["time", "memory", "killed", "busy", "failed"]

_CURES: Final[Mapping[Reason, str]] = {
    "time": "It took longer than {seconds:g} seconds and was stopped. Shorten the text, or split it.",
    "memory": "It took too much memory and was stopped. Shorten the text, or split it.",
    "killed": "Something outside the server ended or prevented it; perhaps this machine is low on memory. Try again.",
    "busy": "Too many checks are running at the moment. Try again in a few seconds.",
    "failed": "It could not be done. Please report this message, and include the server's log.",
}


class WorkNotDone(AppError):
    """Work was stopped or refused, or failed. The next request gets a working subprocess."""

    def __init__(self, reason: Reason, seconds: float = 0) -> None:
        super().__init__(_CURES[reason].format(seconds=seconds))
        self.reason = reason


class Worker:
    """One subprocess, started by the first request. It handles one task at a time: people take turns.

    Args:
        seconds: processor time of a task, unless its request sets another limit.
        module: imported when the subprocess starts, which does not count as time of a task.
        env: its environment.
    """

    def __init__(
        self,
        *,
        seconds: float = SECONDS,
        module: ModuleType = ncco_server,
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._seconds = seconds
        self._module = module.__name__
        self._env = env
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._waiting: Counter[str] = Counter()
        self._own_turns: dict[str, asyncio.Lock] = {}

    async def run(
        self,
        function: Callable[..., Any],
        values: Mapping[str, Any],
        *,
        owner: str = "",
        seconds: float | None = None,
        may_repeat: bool = False,
        answer: Answer | None = None,
    ) -> Any:
        """Run a function whose values and result are JSON. Raises WorkNotDone.

        `function` must never come from a request. Each `owner` gets its turn. `seconds` limits processor time. With
        `may_repeat`, the function is called once more if something outside kills the subprocess. With `answer`, its
        first argument is a function that blocks until this process has answered.
        """
        if self._waiting[owner] >= MOST_WAITING:
            raise WorkNotDone("busy")
        self._waiting[owner] += 1
        try:
            async with self._own_turns.setdefault(owner, asyncio.Lock()), self._turn:
                limit = self._seconds if seconds is None else seconds
                try:
                    return await self._ask(function, values, limit, answer)
                except WorkNotDone as error:
                    if error.reason != "killed" or not may_repeat:
                        raise
                return await self._ask(function, values, limit, answer)
        finally:
            self._waiting[owner] -= 1
            if not self._waiting[owner]:
                del self._waiting[owner], self._own_turns[owner]

    async def _ask(
        self, function: Callable[..., Any], values: Mapping[str, Any], seconds: float, answer: Answer | None
    ) -> Any:
        request = {
            "module": function.__module__,
            "name": function.__name__,
            "values": values,
            "seconds": seconds,
            "may_ask": answer is not None,
        }
        is_done = False
        try:
            process = await self._started()
            await _send(process, request)
            reply = await asyncio.wait_for(_receive(process), seconds * BUSY)
            while answer is not None and "asked" in reply:
                await _send(process, {"answer": await answer(reply["asked"])})
                reply = await asyncio.wait_for(_receive(process), seconds * BUSY)
            is_done = "value" in reply
        except TimeoutError as error:  # the processors are busy: SIGPROF stops long texts
            raise WorkNotDone("busy", seconds) from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkNotDone(await self._why_it_ended(), seconds) from error
        finally:
            if not is_done:  # or the next request would get this reply
                await self.close()
        if not is_done:
            raise WorkNotDone(reply["failed"])
        return reply["value"]

    async def _started(self) -> Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        command = (sys.executable, "-P", "-m", __name__, self._module)
        paths = os.pathsep.join(filter(None, sys.path))
        env = {**self._env, "PYTHONPATH": paths, "PYTHONUTF8": "1"}
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, env=env, limit=MEMORY_BYTES
            )
        except OSError as error:  # the machine has no process, memory or descriptor left
            raise WorkNotDone("killed") from error
        await asyncio.wait_for(_receive(self._process), START_SECONDS)
        return self._process

    async def _why_it_ended(self) -> Reason:
        code = await self._process.wait() if self._process is not None else 0
        ends: Mapping[int, Reason] = {
            signal.SIGPROF: "time", signal.SIGALRM: "busy", signal.SIGKILL: "killed", signal.SIGTERM: "killed",
        }  # fmt: skip
        return ends.get(-code, "memory")

    async def close(self) -> None:
        """The next request starts another subprocess."""
        process = self._process
        self._process = None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()  # not communicate(), because a request may still be reading


async def _send(process: Process, message: Mapping[str, Any]) -> None:
    assert process.stdin is not None  # noqa: S101 - it was started with a pipe
    process.stdin.write(_line(message))
    await process.stdin.drain()


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


async def _receive(process: Process) -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    return dict(json.loads(await process.stdout.readuntil()))


def _serve(module: str) -> None:
    # uvloop leaves descriptors open, such as the console's port
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # stray output must not be mistaken for a reply
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the server, which ends this process
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    collect_rarely()
    import_module(module)
    gc.freeze()
    _write(replies, {})

    def ask(asked: Any) -> Any:
        _write(replies, {"asked": asked})
        return json.loads(requests.readline())["answer"]

    for request in requests:
        _write(replies, _reply(json.loads(request), ask))


def _reply(request: Mapping[str, Any], ask: Callable[[Any], Any]) -> dict[str, Any]:
    signal.setitimer(signal.ITIMER_PROF, request["seconds"])
    signal.alarm(int(request["seconds"] * BUSY) + 5)  # for when the server was killed
    try:
        function: Callable[..., Any] = getattr(import_module(request["module"]), request["name"])
        reply = {"value": function(*(ask,) * request["may_ask"], **request["values"])}
    except MemoryError:
        reply = {"failed": "memory"}
    except Exception:  # noqa: BLE001 - the server must hear of it
        sys.excepthook(*sys.exc_info())
        reply = {"failed": "failed"}
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.alarm(0)
    return reply


def _write(replies: BinaryIO, message: Mapping[str, Any]) -> None:
    replies.write(_line(message))
    replies.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])
