"""What a durable call costs: `python benchmarks/store.py [FOLDER]`, about a minute and 1.5 GB in FOLDER.

Each figure is the median of several rounds, and compared variants take turns. A call is what an answer webhook writes:
session, turn and webhook of the sizes below, in one acknowledged transaction.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from benchmarks.load.machine import fsync_ms, processor
from benchmarks.load.stored import fill
from ncco_server.store import SessionRow, Store, TurnRow, WebhookRow, open_store
from ncco_server.store.calls import SELECT_CALL

ROUNDS = 5
CALLS = 1_920
READS = 2_000
TASKS = (1, 16, 64)
SMALL, LARGE = 10_000, 200_000

SESSION = SessionRow("", "", "CON-4f3e8a3e-5e4f-44b2", "acme", "c" * 64, 1, b"s" * 900, False, 1, 1)
TURN = TurnRow("", 0, b"n" * 700, b"t" * 1_200, b"i" * 600, "w" * 32, -1, -1, "", 1)
WEBHOOK = WebhookRow("w" * 32, "answer", "", -1, -1, "", "", "CON-4f3e8a3e-5e4f-44b2", "POST", b"b" * 500, 1)


def new_call() -> tuple[SessionRow, TurnRow, WebhookRow]:
    """A new call with its own ID."""
    id_ = uuid4().hex
    return SESSION._replace(id=id_, leg=id_), TURN._replace(session=id_), WEBHOOK._replace(session=id_, leg=id_)


async def calls_per_second(store: Store, tasks: int, count: int = CALLS) -> float:
    """Open `count` calls in `tasks` tasks; each task opens its next call after the previous one is stored."""
    calls = iter([new_call() for _ in range(count)])

    async def work() -> None:
        for call in calls:
            await store.open_call(*call)

    before = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(tasks)))
    return count / (time.perf_counter() - before)


async def measure_commits(folder: Path) -> None:
    """Commits per second by number of tasks, with and without a disk."""
    urls = {"sqlite": f"sqlite:///{folder}/commits.db", "memory": "memory://"}
    stores = {name: open_store(url) for name, url in urls.items()}
    rates: dict[tuple[str, int], list[float]] = {}
    for store in stores.values():
        await store.open()
    for _ in range(ROUNDS):
        for name, store in stores.items():
            for tasks in TASKS:
                rates.setdefault((name, tasks), []).append(await calls_per_second(store, tasks))
    for store in stores.values():
        await store.close()
    for (name, tasks), found in rates.items():
        print(f"{name}, {tasks:2} tasks: {statistics.median(found):10,.0f} acknowledged calls a second")


async def measure_reads(folder: Path) -> None:
    """Compare a read in the event loop's thread with the same read in another thread."""
    store, path = open_store(f"sqlite:///{folder}/reads.db"), folder / "reads.db"
    await store.open()
    session, turn, webhook = new_call()
    await store.open_call(session, turn, webhook)
    connection = sqlite3.connect(path, check_same_thread=False)
    direct, hopped = [], []

    def read() -> list[object]:
        return connection.execute(SELECT_CALL.sqlite, (session.id,)).fetchall()

    for _ in range(READS):
        before = time.perf_counter()
        await store.load(session.id)
        between = time.perf_counter()
        await asyncio.to_thread(read)
        direct.append(between - before)
        hopped.append(time.perf_counter() - between)
    connection.close()
    await store.close()
    print(f"read of a call: {statistics.median(direct) * 1e6:.0f} µs, in another thread", end=" ")
    print(f"{statistics.median(hopped) * 1e6:.0f} µs")


async def measure_growth(folder: Path) -> None:
    """Compare the cost of a call in a small and a large file, in turns."""
    paths = {count: folder / f"{count}.db" for count in (SMALL, LARGE)}
    stores = {count: open_store(f"sqlite:///{path}") for count, path in paths.items()}
    rates: dict[int, list[float]] = {count: [] for count in stores}
    for count, store in stores.items():
        await asyncio.to_thread(fill, f"sqlite:///{paths[count]}", count)
        await store.open()
    for _ in range(ROUNDS):
        for count, store in stores.items():
            rates[count].append(await calls_per_second(store, 64))
    for store in stores.values():
        await store.close()
    small, large = (statistics.median(rates[count]) for count in stores)
    print(f"{SMALL:,} stored calls: {small:,.0f} a second; {LARGE:,}: {large:,.0f}; cost {small / large:.2f} times")


def main() -> None:
    """Measure, and print the figures."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        print(f"{platform.platform()}, {os.cpu_count()} cores, {processor()}")
        print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f}")
        print(f"fsync of 4 KiB: {fsync_ms(folder):.2f} ms")
        asyncio.run(measure_commits(folder))
        asyncio.run(measure_reads(folder))
        asyncio.run(measure_growth(folder))
        print(f"fsync of 4 KiB: {fsync_ms(folder):.2f} ms")


if __name__ == "__main__":
    main()
