"""Hosts: `ncco serve` in separate processes, each with its own flow files, on one database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.support.fork_server import NCCO
from tests.support.server import Server, free_port, running_server
from tests.system.server.hosts.release import write_release

KEY = "invented-key-of-both-hosts-for-tests-only"
DEFAULTS = {
    "NCCO_KEY": KEY,
    "NCCO_INSECURE": "1",
    "NCCO_PUBLIC_URL": "https://calls.example.com",
    "NCCO_LOG_LEVEL": "warning",
    "FLOW_OFFICE_URL": "http://127.0.0.1:9",
}


@dataclass(slots=True)
class Host:
    """A host that is running or has ended.

    Attributes:
        folder: the folder of its project.
        server: its process.
        address: where it listens, `host:port`; stays the same after a restart.
        words: options of `ncco serve`.
        env: its settings other than those of all hosts, from the next start on.
        ncco: the program that it runs, from the next start on.
    """

    folder: Path
    database: str
    address: str
    words: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    ncco: str = NCCO
    server: Server = field(init=False)

    def start(self) -> None:
        """Start the host and wait until it is ready."""
        port = self.address.rpartition(":")[2]
        env = {**DEFAULTS, "NCCO_DATABASE_URL": self.database, **self.env}
        self.server = running_server(self.folder, "--port", port, *self.words, env=env, program=(self.ncco, "serve"))
        self.server.start()
        self.server.wait_until_ready()

    def stop(self) -> int:
        """End the host as an orchestrator does. Returns its exit code."""
        return self.server.stop()

    def kill(self) -> None:
        """End the host abruptly, like a power cut."""
        self.server.end()

    def start_again(self) -> None:
        """Start the host again at its address."""
        self.close()
        self.start()

    def close(self) -> None:
        """End the process if it still runs."""
        self.server.end()


def hosts(
    folder: Path,
    database: str,
    releases: tuple[int, ...],
    *words: str,
    env: Mapping[str, str] | None = None,
    ncco: str = NCCO,
) -> AbstractContextManager[list[Host]]:
    """Run a host for each release, all on one database; `words` are options for `ncco serve`."""
    projects = [partial(write_release, number=number) for number in releases]
    return hosts_of(folder, database, projects, *words, env=env, ncco=ncco)


@contextmanager
def hosts_of(
    folder: Path,
    database: str,
    projects: Sequence[Callable[[Path], None]],
    *words: str,
    env: Mapping[str, str] | None = None,
    ncco: str = NCCO,
) -> Iterator[list[Host]]:
    """Run a host for each function that writes a project to a folder, all on one database."""
    made: list[Host] = []
    try:
        for place, write in enumerate(projects):
            home = folder / f"host-{place}"
            write(home)
            host = Host(home, database, f"127.0.0.1:{free_port()}", words, env or {}, ncco)
            host.start()
            made.append(host)
        yield made
    finally:
        for host in made:
            host.close()
