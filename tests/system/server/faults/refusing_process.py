"""A process that places calls, or one that changes the table of numbers that must not be called, until it is killed.

python refusing_process.py caller URL LOG 0
python refusing_process.py writer URL LOG SHARE     SHARE: 0, 1 or 2, its part of the numbers

It writes what it does, and what has been committed, to LOG, with the monotonic clock of the machine. It ends when no
call is waiting. Like a placer, a caller looks for calls that are due. A writer changes the numbers that are next.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from ncco_server.errors import AlreadyOpen, Conflict, StoreUnavailable
from ncco_server.store import AttemptResult, Caused, PlacingLimits, RowChange, Store, milliseconds, open_store
from ncco_server.store.table_rows import forget_row
from ncco_server.table_rows import row_name
from tests.support.stored_rows import NOON_MS, new_call
from tests.system.server.faults.placed_calls import utc_now

TABLE: Final = "do_not_call"
FLOW: Final = "reminder"
WRITERS: Final = 3
AHEAD: Final = 40
"""Writers change one of so many calls that are due next."""
LIMITS: Final = PlacingLimits(per_minute=10**9, per_day=10**9)
LATER_MS: Final = 10**9


class Log:
    """Lines that survive a kill: each is one write to a file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, event: str, number: str) -> None:
        os.write(self._file, f"{event} {number} {time.monotonic_ns()}\n".encode())


async def place(store: Store, log: Log) -> None:
    """Begin an attempt of each waiting call, as a placer does with `unless`."""
    now = milliseconds(utc_now())
    while rows := await store.placed.due(now, 1, [FLOW]):
        row = rows[0]
        log.write("trying", row.number)
        refusing = [row_of(row.number)]
        begun = await store.placed.begin(row, "revision", now, now + LATER_MS, LIMITS, refusing=refusing)
        now = max(now, begun.look_at)
        if begun.attempt is not None:
            log.write("called", row.number)
        elif begun.refused_by:
            log.write("refused", row.number)
            await store.placed.end_waiting(row, AttemptResult("refused"), now)


@dataclass
class Writer:
    """Adds numbers that are about to be called, removes some again, and has some forgotten."""

    store: Store
    log: Log
    share: int
    chance: random.Random = field(default_factory=random.Random)
    legs: Iterator[int] = field(default_factory=count)

    async def work(self) -> None:
        """Change rows until no call is waiting."""
        now = milliseconds(utc_now()) + LATER_MS
        key = await self.store.tables.hash_key([TABLE], now)
        while rows := await self.store.placed.due(now, AHEAD, [FLOW]):
            own = [row.number for row in rows if int(row.number) % WRITERS == self.share]
            deed = self.chance.choice(("add", "add", "remove", "forget", "wait", "wait"))
            if deed == "wait" or not own:
                await asyncio.sleep(self.chance.uniform(0, 0.004))
                continue
            number = self.chance.choice(own)
            if deed == "forget":
                await self.store.database.write(partial(forget_row, row_of(number), key))
                self.log.write("forgotten", number)
            else:
                await self._change(number, is_removal=deed == "remove")

    async def _change(self, number: str, *, is_removal: bool) -> None:
        """As the API does, or as a call does."""
        saves = (RowChange(row_of(number), is_removal=is_removal),)
        self.log.write("removing" if is_removal else "adding", number)
        if self.chance.random() < 0.5:
            await self.store.open_call(*new_call(f"leg-{os.getpid()}-{next(self.legs)}"), Caused(saves=saves))
        else:
            await self.store.tables.change(saves, NOON_MS, "a test")
        self.log.write("removed" if is_removal else "added", number)


def row_of(number: str) -> str:
    return row_name(TABLE, [number])


async def main(kind: str, url: str, log: Log, share: int) -> None:
    """Work until no call is waiting. If the database is busy, start again."""
    while True:
        try:
            async with open_store(url) as store:
                await (place(store, log) if kind == "caller" else Writer(store, log, share).work())
                return
        except (StoreUnavailable, Conflict, AlreadyOpen):
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Log(Path(sys.argv[3])), int(sys.argv[4])))
