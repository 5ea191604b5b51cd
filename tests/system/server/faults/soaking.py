"""Calls for minutes, at half of the server's capacity and with all kinds of bad luck, to find what leaks."""

from __future__ import annotations

import asyncio
import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from tests.system.server.faults.office import Mood, Office
from tests.system.server.faults.phone import Luck, Phone, Tally
from tests.system.server.faults.served import Served, served
from tests.system.server.faults.wire import Wire
from tests.system.trial import Outcome, Trial

LUCK: Final = Luck(twice=0.05, lost=0.02, hang_up=0.05, break_off=0.02)
MOODS: Final[tuple[tuple[Mood, float], ...]] = (
    *(("good", 0.90), ("slow", 0.05), ("failing", 0.02)),
    *(("broken", 0.01), ("closing", 0.01), ("silent", 0.01)),
)
DEAD_EVERY_S: Final = 45.0
DEAD_S: Final = 4.0
LOCKED_EVERY_S: Final = 20.0
LOCKED_S: Final = 1.0
REST_S: Final = 8.0
"""Seconds of rest after the last call, until idle connections to the office are closed too."""
RESTS: Final = 4
"""How many more rests are allowed until connections are closed; a leak would remain."""
LEAST_KIB: Final = 12 * 1024
"""Memory growth that is always allowed, in KiB: database caches fill up."""
KIB_PER_HOUR: Final = 16 * 1024
MOST_MORE: Final = {"threads": 2, "files": 4, "tasks": 4}


@dataclass(frozen=True)
class Plan:
    """The duration, the number of simultaneous callers, and the webhooks per second (0: half of what is possible)."""

    seconds: float
    phones: int = 24
    rate: float = 0.0
    seed: int = 1
    warm_up_s: float = 6.0


@dataclass
class Findings:
    """The result of a soak.

    Attributes:
        memory: resident memory in KiB, with the seconds since the calls began.
        before, after: the process's resources at rest.
        open: sessions that are open though their end was acknowledged.
        grown_kib: memory growth over the last two thirds of the time, according to a linear trend.
    """

    tally: Tally
    capacity: float
    rate: float
    seconds: float = 0.0
    memory: list[tuple[float, int]] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    open: int = 0
    grown_kib: float = 0.0
    integrity: str = ""

    @property
    def holds_more(self) -> list[str]:
        """Resources that the process holds at rest but should have released, one sentence each."""
        return [
            f"{name}: {self.before[name]} before, {self.after[name]} after"
            for name, more in MOST_MORE.items()
            if self.after[name] > self.before[name] + more
        ]

    @property
    def leaks(self) -> list[str]:
        """Everything above its limit, one sentence each."""
        allowed = max(LEAST_KIB, KIB_PER_HOUR * self.seconds / 3600)
        found = [f"memory has grown by {self.grown_kib:.0f} KiB"] if self.grown_kib > allowed else []
        found += self.holds_more
        if self.open:
            found.append(f"{self.open} sessions are open whose end was acknowledged")
        if self.integrity != "ok":
            found.append(f"the database: {self.integrity}")
        return found + [f"{fault}: {count} times" for fault, count in self.tally.faults.items()]


class Pace:
    """Limits the number of webhooks per second; missed slots are not made up for."""

    def __init__(self, rate: float) -> None:
        self._gap_s = 1 / rate
        self._next = time.perf_counter()

    async def __call__(self) -> None:
        """Wait for the next slot."""
        now = time.perf_counter()
        self._next = max(self._next + self._gap_s, now - 0.05)
        if self._next > now:
            await asyncio.sleep(self._next - now)


class Fickle:
    """The mood of an office that is mostly fine, sometimes slow or wrong, and now and then away for seconds."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._moods, self._weights = zip(*MOODS, strict=True)
        self.is_well = True

    def __call__(self, _: str) -> Mood:
        if self.is_well:
            return "good"
        if time.monotonic() % DEAD_EVERY_S < DEAD_S:
            return "closing"
        mood: Mood = self._chance.choices(self._moods, self._weights)[0]
        return mood


async def soak(folder: Path, plan: Plan, say: Callable[[str], None] = lambda _: None) -> Findings:
    """Make calls as planned to a server with its database in `folder`; `say` gets progress reports."""
    chance = Random(plan.seed)  # noqa: S311 - the same luck in each run
    fickle = Fickle(chance)
    async with Office(fickle) as office:
        with served(folder, office=office.url) as server:
            capacity = await _capacity(server, plan)
            await asyncio.sleep(REST_S)
            found = Findings(Tally(), capacity, plan.rate or capacity / 2)
            found.before = _held(server)
            say(f"{capacity:.0f} webhooks a second are possible, {found.rate:.0f} are sent")
            fickle.is_well = False
            await _run(server, plan, found, say)
            fickle.is_well = True
            await asyncio.sleep(REST_S)
            found.after = _held(server)
            for _ in range(RESTS):  # failed hooks are retried meanwhile, on their own connections
                if not found.holds_more:
                    break
                await asyncio.sleep(REST_S)
                found.after = _held(server)
            assert 0 == server.stop(), server.printed
    _look_back(folder / "calls.db", found)
    return found


async def _capacity(server: Served, plan: Plan) -> float:
    """The number of webhooks per second that server and callers manage together."""
    tally, until = Tally(), time.perf_counter() + plan.warm_up_s
    begun = time.perf_counter()
    await asyncio.gather(*(_call(server, plan.seed + number, tally, until) for number in range(plan.phones)))
    return tally.webhooks / (time.perf_counter() - begun)


async def _call(server: Served, seed: int, tally: Tally, until: float, pace: Pace | None = None) -> None:
    wires = (Wire("127.0.0.1", server.port), Wire("127.0.0.1", server.port))
    chance = Random(seed)  # noqa: S311 - the same calls in each run
    phone = Phone(wires, chance, tally) if pace is None else Phone(wires, chance, tally, LUCK, pace)
    while time.perf_counter() < until:
        await phone.call()
    for wire in wires:
        wire.close()


async def _run(server: Served, plan: Plan, found: Findings, say: Callable[[str], None]) -> None:
    begun = time.perf_counter()
    until, pace = begun + plan.seconds, Pace(found.rate)
    others = [
        asyncio.create_task(_watch(server, found, say)),
        asyncio.create_task(_lock(server.database)),
    ]
    seeds = (plan.seed * 1_000_003 + number for number in range(plan.phones))
    try:
        await asyncio.gather(*(_call(server, seed, found.tally, until, pace) for seed in seeds))
    finally:
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    found.seconds = time.perf_counter() - begun


async def _watch(server: Served, found: Findings, say: Callable[[str], None]) -> None:
    begun = time.perf_counter()
    while True:
        await asyncio.sleep(1)
        now, held = time.perf_counter() - begun, _held(server)
        found.memory.append((now, held["rss_kib"]))
        if len(found.memory) % 60 == 0:
            say(
                f"{now / 60:5.1f} min {found.tally.calls:8} calls {found.tally.webhooks:9} webhooks"
                f" {held['rss_kib'] / 1024:7.1f} MiB {held['tasks']:4} tasks {held['files']:4} files"
                f" {held['threads']:3} threads, faults: {dict(found.tally.faults) or 'none'}"
            )


async def _lock(database: Path) -> None:
    """Lock the database for a second, again and again, as a badly made backup does."""
    while True:
        await asyncio.sleep(LOCKED_EVERY_S)
        await asyncio.to_thread(_hold, database)


def _hold(database: Path) -> None:
    with closing(sqlite3.connect(database, timeout=5, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_S)
        connection.execute("ROLLBACK")


def _held(server: Served) -> dict[str, int]:
    return {**server.held(), "tasks": server.tasks[-1] if server.tasks else 0}


def _look_back(database: Path, found: Findings) -> None:
    """Compute the memory trend, and check what the database has kept."""
    late = [point for point in found.memory if point[0] > found.seconds / 3]
    if len(late) > 2:
        slope = statistics.linear_regression([at for at, _ in late], [kib for _, kib in late]).slope
        found.grown_kib = slope * (late[-1][0] - late[0][0])
    with closing(sqlite3.connect(database)) as connection:
        found.integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
        still = {leg for (leg,) in connection.execute("SELECT leg FROM calls WHERE is_over = 0")}
    found.open = len(still & found.tally.ended)


async def soaked(trial: Trial) -> Outcome:
    """Run a server under faults, at half of what is possible: nothing leaks, and every caller hears something.

    Only the long form is conclusive.
    """
    found = await soak(trial.folder, Plan(trial.size, seed=trial.seed), partial(print, flush=True))
    tally, memory = found.tally, [kib for _, kib in found.memory]
    taken = statistics.quantiles(tally.seconds, n=1000)
    per_hour = found.grown_kib / 1024 / (found.seconds * 2 / 3) * 3600
    seen = [
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, SQLite",
        f"{found.seconds / 60:.1f} minutes, {tally.calls} calls, {tally.webhooks} webhooks, "
        f"{tally.webhooks / found.seconds:.0f} a second (possible: {found.capacity:.0f})",
        f"answers by status: {dict(sorted(tally.statuses.items()))}; 0: none; the fallback was asked "
        f"{tally.rescued} times, {tally.failsafes} heard the failsafe",
        f"ms: median {taken[499] * 1000:.1f}, 99 % {taken[989] * 1000:.1f}, 99.9 % {taken[998] * 1000:.0f}",
        f"memory: {memory[0] / 1024:.1f} MiB first, {max(memory) / 1024:.1f} most, {memory[-1] / 1024:.1f} last; "
        f"trend of the last two thirds {found.grown_kib / 1024:+.2f} MiB ({per_hour:+.1f} MiB an hour)",
        f"at rest before: {found.before}; after: {found.after}",
        f"open sessions whose end was acknowledged: {found.open}; integrity_check: {found.integrity}",
    ]
    return Outcome(seen, found.leaks)
