"""What authors' code has left keeps neither the process of a stopped server nor the port of a killed one."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.support import loopback
from tests.support.server import free_port, running
from tests.support.webhooks import facts

HANDLER: Final = """
import asyncio
import atexit
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from ncco_server import Call, call_flow

never = threading.Event()
tasks = set()
pool = ThreadPoolExecutor()

class Held:
    def __del__(self, wait=time.sleep):
        wait(600)

async def stay() -> None:
    while True:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            pass

async def leave() -> None:
    LEAVE

@call_flow(default=True)
async def shop(call: Call) -> None:
    await call.run(leave)
    await call.talk("Hello.")
"""
LEFT: Final[Mapping[str, str]] = {
    "a thread": "threading.Thread(target=never.wait).start()",
    "an executor of its own": "pool.submit(never.wait)",
    "the executor of the event loop": "asyncio.get_running_loop().run_in_executor(None, never.wait)",
    "a task that swallows cancellation": "tasks.add(asyncio.create_task(stay()))",
    "a function at exit": "atexit.register(never.wait)",
    "a finaliser": "threading.held = Held()",
}


def test_the_process_of_a_stopped_server_ends(tmp_path: Path) -> None:
    heard, codes = {}, {}
    with ExitStack() as stack:
        servers = {}
        for number, (left, code) in enumerate(LEFT.items()):
            home = tmp_path / str(number)
            home.mkdir()
            files = {"flows/shop.py": HANDLER.replace("LEAVE", code)}
            servers[left] = stack.enter_context(running(home, files, {"NCCO_PYTHON_FLOWS": "shop.py"}))
        for left, server in servers.items():
            heard[left] = loopback.post(f"{server.url}/webhooks/answer", json=facts()).json()[0]["text"]
        for server in servers.values():
            server.send(signal.SIGTERM)
        for left, server in servers.items():
            codes[left] = server.process.wait(60)

    assert dict.fromkeys(LEFT, "Hello.") == heard
    assert {**dict.fromkeys(LEFT, 0), "a finaliser": 1} == codes


FORKING: Final = """
import os
import signal
from ncco_server import Call, call_flow

def fork() -> int:
    if (pid := os.fork()) == 0:
        os.close(1)
        os.close(2)
        signal.pause()
    return pid

@call_flow(default=True)
async def shop(call: Call) -> None:
    pid = await call.run(fork)
    await call.talk(f"{pid}")
"""


def test_the_child_of_a_killed_server_keeps_no_port(tmp_path: Path) -> None:
    settings = {"NCCO_PYTHON_FLOWS": "shop.py", "NCCO_METRICS_PORT": str(free_port())}
    with running(tmp_path, {"flows/shop.py": FORKING}, settings) as server:
        child = int(loopback.post(f"{server.url}/webhooks/answer", json=facts()).json()[0]["text"])
        try:
            server.end(signal.SIGKILL)
            server.start()
            assert server.is_ready()
        finally:
            os.kill(child, signal.SIGKILL)
