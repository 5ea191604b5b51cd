"""What reading the calls of one moment together saves on PostgreSQL: `python -m benchmarks.loads`, half a minute.

An input webhook reads its call and writes its next turn. Each is done by so many tasks at once, once with a statement
for each read and once as the store does it; both take turns, and a ratio is taken within its round. The processor time
is that of this process: uvloop, asyncpg and the store.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop
from app.store.postgres.store import session_row

from app.store import SessionRow
from app.store.address import read_address
from app.store.postgres import PostgresStore, statements
from benchmarks.store import TURN, WEBHOOK, new_call
from tests.store.postgres_server import NoPostgres, running_server

ROUNDS: Final = 6
CALLS: Final = 640
TASKS: Final = (1, 4, 16, 64)

Work = Callable[[str], Awaitable[object]]


class ByOne(PostgresStore):
    """Reads each call with a statement of its own."""

    async def load(self, session: str) -> SessionRow | None:
        """The call, or None."""
        rows = await self._read(statements.SELECT_CALL, session)
        return session_row(rows[0]) if rows else None


async def microseconds(work: Work, ids: list[str], tasks: int) -> tuple[float, float]:
    """Processor time and wall time of one piece of work."""
    left = iter(ids)

    async def run() -> None:
        for id_ in left:
            await work(id_)

    processor, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(run() for _ in range(tasks)))
    each = 1e6 / len(ids)
    return (time.process_time() - processor) * each, (time.perf_counter() - wall) * each


def reading(store: PostgresStore) -> Work:
    """What reads a call."""
    return store.load


def advancing(store: PostgresStore) -> Work:
    """What reads a call and writes its next turn."""

    async def advance(id_: str) -> None:
        row = await store.load(id_)
        assert row is not None  # noqa: S101 - it was opened
        turn = TURN._replace(session=id_, number=row.version, cause_turn=row.version, cause_wait=0)
        await store.advance(row._replace(version=row.version + 1), turn, WEBHOOK._replace(session=id_))

    return advance


async def measure(url: str) -> None:
    """Print the table."""
    stores = (ByOne(read_address(url)), PostgresStore(read_address(url)))
    for store in stores:
        await store.open()
    calls = [new_call() for _ in range(CALLS)]
    await asyncio.gather(*(stores[1].open_call(*call) for call in calls))
    ids = [call[0].id for call in calls]
    print(f"{'':18}{'tasks':>6}{'processor us':>16}{'together':>10}{'ratio':>7}{'wall us':>10}", end="")
    print(f"{'together':>10}{'ratio':>7}")
    for name, work in (("read", reading), ("read and write", advancing)):
        for tasks in TASKS:
            await _compare(name, [work(store) for store in stores], ids, tasks)
    for store in stores:
        await store.close()


async def _compare(name: str, works: list[Work], ids: list[str], tasks: int) -> None:
    rounds = []
    for _ in range(ROUNDS + 1):
        rounds.append([await microseconds(work, ids, tasks) for work in works])
    columns = f"{name:18}{tasks:6}"
    for kind, width in ((0, 16), (1, 10)):
        one, together = ([round_[place][kind] for round_ in rounds[1:]] for place in (0, 1))
        ratio = statistics.median(after / before for before, after in zip(one, together, strict=True))
        columns += f"{statistics.median(one):{width}.0f}{statistics.median(together):10.0f}{ratio:7.2f}"
    print(columns)


def main() -> None:
    """Measure on a PostgreSQL server that is started for it."""
    try:
        with running_server() as server:
            uvloop.run(measure(server.url(server.new_database())))
    except NoPostgres as why:
        print(f"left out: {why}")


if __name__ == "__main__":
    main()
