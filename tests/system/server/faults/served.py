"""The server as `ncco serve` runs it, in its own process, which reports every second how many tasks it has."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ncco_server.settings import load_settings
from ncco_server.web.server import serve
from tests.support.fork_server import PIPE, Forked
from tests.support.waiting import happens

ROOT: Final = Path(__file__).resolve().parents[4]
PROJECT: Final = Path(__file__).with_name("project")
STARTS_WITHIN_S: Final = 60.0


@dataclass(slots=True)
class Served:
    """The server's process.

    Attributes:
        port: the port that it listens on.
        database: its SQLite file.
        tasks: the number of tasks in its event loop, once per second.
    """

    process: Forked
    database: Path
    port: int = 0
    tasks: list[int] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the process to end. Returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def held(self) -> dict[str, int]:
        """The process's current resources: memory in KiB, threads and open files."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        files = len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        return {"rss_kib": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]), "files": files}


@contextmanager
def served(folder: Path, *, office: str = "http://127.0.0.1:9", port: int = 0, **variables: str) -> Iterator[Served]:
    """Run a server with the flows in `project` and its database in `folder`; kill it at the end."""
    database = folder / "calls.db"
    given = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "NCCO_PORT": str(port),
        "NCCO_LOG": "json",
        "NCCO_LOG_LEVEL": "error",
        "NCCO_INSECURE": "1",
        "NCCO_PYTHON_LOOKUPS": "faults_weather",
        "NCCO_PUBLIC_URL": "https://calls.example.com",
        "NCCO_FLOWS": str(PROJECT / "flows"),
        "NCCO_TEMPLATES": str(PROJECT / "templates"),
        "NCCO_DATABASE_URL": f"sqlite:///{database}",
        "NCCO_RELOAD": "0",
        "NCCO_DIAL_ALLOW": "44",
        "FLOW_OFFICE": office,
    }
    kept = {name: os.environ[name] for name in ("COVERAGE_PROCESS_START", "COVERAGE_FILE") if name in os.environ}
    with (folder / "log").open("a") as log:
        process = Forked([__file__], cwd=folder, env=given | kept | variables, stdout=PIPE, stderr=log, text=True)
    running = Served(process, database)
    reader = threading.Thread(target=_read, args=(running,), daemon=True)
    reader.start()
    try:
        _wait_until_up(running, folder)
        yield running
    finally:
        process.kill()
        process.wait()
        reader.join()


def _read(running: Served) -> None:
    assert running.process.stdout is not None
    with running.process.stdout as told:
        for line in told:
            name, _, number = line.strip().partition(" ")
            if name == "port":
                running.port = int(number)
            elif name == "tasks":
                running.tasks.append(int(number))


def _wait_until_up(running: Served, folder: Path) -> None:
    happens(lambda: running.port or running.process.poll() is not None, STARTS_WITHIN_S)
    assert running.port, (folder / "log").read_text()


def _tell(word: str, number: int) -> None:
    os.write(1, f"{word} {number}\n".encode())


def _tell_tasks() -> None:
    """Report the number of tasks in this process's event loop every second, forever."""
    while True:
        time.sleep(1)
        loop = _main_loop()
        if loop is not None:
            try:
                _tell("tasks", len(asyncio.all_tasks(loop)))
            except RuntimeError:  # the set changed while it was being counted
                continue


def _main_loop() -> asyncio.AbstractEventLoop | None:
    """The main thread's event loop, found in the thread's stack frames."""
    frames = sys._current_frames()  # noqa: SLF001 - documented, in spite of its name
    frame = frames.get(threading.main_thread().ident or 0)
    while frame is not None:
        for value in frame.f_locals.values():
            if isinstance(value, asyncio.Runner):
                return value.get_loop()
        frame = frame.f_back
    return None


if __name__ == "__main__":
    threading.Thread(target=_tell_tasks, daemon=True).start()
    serve(load_settings(None), ready=lambda _, port: _tell("port", port))
