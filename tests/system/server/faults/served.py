"""The server as `ncco serve` runs it, in its own process, which reports every second how many tasks it has."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

from ncco_server.settings import load_settings
from ncco_server.web.server import serve
from tests.support.server import Server

ROOT: Final = Path(__file__).resolve().parents[4]
PROJECT: Final = Path(__file__).with_name("project")


class Served(Server):
    """The server's process, whose SQLite file is `database` unless its settings name another one."""

    @property
    def database(self) -> Path:
        return self.home / "calls.db"

    @property
    def tasks(self) -> list[int]:
        """The number of tasks in its event loop, once per second."""
        return [int(line.split()[1]) for line in self.lines if line.startswith("tasks ")]

    def held(self) -> dict[str, int]:
        """The process's current resources: memory in KiB, threads and open files."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        files = len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        return {"rss_kib": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]), "files": files}


def served(folder: Path, *, office: str = "http://127.0.0.1:9", **variables: str) -> Served:
    """A server with the flows in `project` and its database in `folder`."""
    settings = {
        "PYTHONPATH": str(ROOT),
        "NCCO_LOG_LEVEL": "error",
        "NCCO_PYTHON_LOOKUPS": "faults_weather",
        "NCCO_FLOWS": str(PROJECT / "flows"),
        "NCCO_TEMPLATES": str(PROJECT / "templates"),
        "NCCO_DIAL_ALLOW": "44",
        "FLOW_OFFICE": office,
    }
    return Served(folder, settings | variables, program=[__file__])


def _tell(words: str) -> None:
    os.write(1, f"{words}\n".encode())


def _tell_tasks() -> None:
    """Report the number of tasks in this process's event loop every second, forever."""
    while True:
        time.sleep(1)
        loop = _main_loop()
        if loop is not None:
            try:
                _tell(f"tasks {len(asyncio.all_tasks(loop))}")
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
    serve(load_settings(None), ready=lambda host, port: _tell(f"listens on http://{host}:{port}"))
