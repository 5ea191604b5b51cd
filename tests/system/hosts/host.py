"""Hosts: `ncco serve` in separate processes, each with its own flow files, on one database."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.support.server import free_port
from tests.system.cli.running import RunningServer, running_server, wait_until_ready
from tests.system.hosts.release import write_release

KEY = "invented-key-of-both-hosts-for-tests-only"


@dataclass(slots=True)
class Host:
    """A host that is running or has ended.

    Attributes:
        folder: the folder of its project.
        server: its process.
        address: where it listens, `host:port`; stays the same after a restart.
    """

    folder: Path
    database: str
    server: RunningServer
    address: str
    _running: AbstractContextManager[RunningServer]

    def stop(self) -> int:
        """End the host as an orchestrator does. Returns its exit code."""
        return self.server.stop()

    def kill(self) -> None:
        """End the host abruptly, like a power cut."""
        self.server.stop(signal.SIGKILL)

    def start_again(self) -> None:
        """Start the host again at its address."""
        self.close()
        self._running = _started(self.folder, self.database, self.address.rpartition(":")[2])
        self.server = self._running.__enter__()
        wait_until_ready(self.address)

    def close(self) -> None:
        """End the process if it still runs."""
        self._running.__exit__(None, None, None)


def _started(folder: Path, database: str, port: str, *words: str) -> AbstractContextManager[RunningServer]:
    env = {
        "NCCO_DATABASE_URL": database,
        "NCCO_KEY": KEY,
        "NCCO_INSECURE": "1",
        "NCCO_PUBLIC_URL": "https://calls.example.com",
        "NCCO_LOG_LEVEL": "warning",
        "FLOW_OFFICE_URL": "http://127.0.0.1:9",
    }
    return running_server(folder, "--port", port, *words, cwd=folder, env=env)


def hosts(folder: Path, database: str, releases: tuple[int, ...], *words: str) -> AbstractContextManager[list[Host]]:
    """Run a host for each release, all on one database; `words` are options for `ncco serve`."""
    return hosts_of(folder, database, [partial(write_release, number=number) for number in releases], *words)


@contextmanager
def hosts_of(
    folder: Path, database: str, projects: Sequence[Callable[[Path], None]], *words: str
) -> Iterator[list[Host]]:
    """Run a host for each function that writes a project to a folder, all on one database."""
    made: list[Host] = []
    try:
        for place, write in enumerate(projects):
            home = folder / f"host-{place}"
            write(home)
            running = _started(home, database, str(free_port()), *words)
            server = running.__enter__()
            made.append(Host(home, database, server, server.address, running))
            wait_until_ready(server.address)
        yield made
    finally:
        for host in made:
            host.close()
