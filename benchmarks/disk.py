"""How much disk space and processor time a call takes: `python -m benchmarks.disk`, half a minute.

A call is what an answer webhook writes (session, turn, webhook); a further turn is what an input webhook writes. 64 are
written at once, with documents of the sizes in benchmarks/store.py. Bytes are those of the tables with their indexes,
of PostgreSQL's log (WAL), and of SQLite's file after its log has been written back. Processor time is that of all
PostgreSQL processes and of this one, for the writing alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import uvloop

from benchmarks.load.machine import processor
from benchmarks.load.serving import cpu_us
from benchmarks.store import SESSION, TURN, WEBHOOK, new_call
from ncco_server.store import SessionRow, Store, open_store
from tests.support.postgres_server import NoPostgres, Server, running_server

AT_ONCE: Final = 64
_SIZES: Final = "SELECT sum(pg_total_relation_size(name)) FROM unnest('{calls,turns,webhooks}'::regclass[]) AS name"
_LOG: Final = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"

Write = Callable[[SessionRow], Awaitable[None]]


@dataclass(slots=True)
class Taken:
    """The cost per write: bytes, and microseconds of processor time."""

    on_disk: float
    log: float
    there: float
    here: float


def opening(store: Store) -> Write:
    """Return a function that writes a new call with its first turn."""

    async def write(session: SessionRow) -> None:
        _, turn, webhook = new_call()
        await store.open_call(session, turn._replace(session=session.id), webhook._replace(session=session.id))

    return write


def advancing(store: Store) -> Write:
    """Return a function that writes the second turn of a call."""

    async def write(session: SessionRow) -> None:
        turn = TURN._replace(session=session.id, number=1, cause_turn=0, cause_wait=0)
        await store.advance(session._replace(version=2), turn, WEBHOOK._replace(session=session.id, kind="input"))

    return write


async def write_all(write: Write, sessions: list[SessionRow]) -> None:
    """Write for each session, `AT_ONCE` at a time."""
    left = iter(sessions)

    async def run() -> None:
        for session in left:
            await write(session)

    await asyncio.gather(*(run() for _ in range(AT_ONCE)))


def new_sessions(count: int) -> list[SessionRow]:
    """New sessions, each with its own ID."""
    ids = (new_call()[0].id for _ in range(count))
    return [SESSION._replace(id=id_, leg=id_, created_at=place) for place, id_ in enumerate(ids)]


async def on_sqlite(path: Path, sessions: list[SessionRow]) -> list[Taken]:
    """The cost of a new call, and of a further turn, on SQLite."""
    found = []
    for kind in (opening, advancing):
        store = open_store(f"sqlite:///{path}")
        await store.open()
        before, begun = _bytes(path), time.process_time()
        await write_all(kind(store), sessions)
        here = time.process_time() - begun
        await store.close()
        found.append(_each(len(sessions), _bytes(path) - before, 0, 0, here))
    return found


async def on_postgres(server: Server, url: str, sessions: list[SessionRow]) -> list[Taken]:
    """The cost of a new call, and of a further turn, on PostgreSQL."""
    store = open_store(url)
    await store.open()
    looking = await asyncpg.connect(url)
    pid = int((server.home / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])
    found = []
    for kind in (opening, advancing):
        size, log = await looking.fetchval(_SIZES), await looking.fetchval(_LOG)
        there, begun = cpu_us(pid) / 1e6, time.process_time()
        await write_all(kind(store), sessions)
        here, there = time.process_time() - begun, cpu_us(pid) / 1e6 - there
        size, log = await looking.fetchval(_SIZES) - size, await looking.fetchval(_LOG) - log
        found.append(_each(len(sessions), float(size), float(log), there, here))
    await looking.close()
    await store.close()
    return found


def _bytes(path: Path) -> int:
    return path.stat().st_size


def _each(count: int, on_disk: float, log: float, there: float, here: float) -> Taken:
    return Taken(on_disk / count, log / count, there * 1e6 / count, here * 1e6 / count)


def _show(name: str, found: list[Taken]) -> None:
    for what, taken in zip(("a new call", "a further turn"), found, strict=True):
        log, there = (f"{taken.log / 1000:8.1f} kB", f"{taken.there:8.0f} µs") if taken.log else (" " * 11, " " * 11)
        print(f"{name:12}{what:16}{taken.on_disk / 1000:8.1f} kB{log}{there}{taken.here:8.0f} µs")


@contextmanager
def _postgres() -> Iterator[tuple[Server, str] | None]:
    try:
        with running_server(is_durable=True) as server:
            yield server, server.url(server.new_database())
    except NoPostgres as why:
        print(f"postgresql is left out: {why}")
        yield None


def main() -> None:
    """Measure, and print the figures."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--calls", type=int, default=20_000)
    count = words.parse_args().calls
    documents = sum(len(part) for part in (SESSION.state, TURN.ncco, TURN.trace, TURN.inputs, WEBHOOK.body))
    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {count:,} calls, {AT_ONCE} at once,")
    print(f"{documents / 1000:.1f} kB of documents in a new call")
    print(f"{'':28}{'on disk':>11}{'log':>11}{'postgresql':>11}{'here':>11}")
    with tempfile.TemporaryDirectory() as folder, _postgres() as found:
        _show("sqlite", uvloop.run(on_sqlite(Path(folder) / "calls.db", new_sessions(count))))
        if found is not None:
            _show("postgresql", uvloop.run(on_postgres(*found, new_sessions(count))))


if __name__ == "__main__":
    main()
