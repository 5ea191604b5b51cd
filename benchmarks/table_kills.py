"""Whether every change of a table's row is written once if the server is killed: `kill -9`, again and again.

    .venv/bin/python -m benchmarks.table_kills [--kills 200] [--database sqlite|postgres] [--short]

As in `benchmarks.kills`, but each turn increases two counters and wants to be the first to add a row, each end of a
call increases a counter, and each fifth webhook comes twice at the same moment. After each kill, all rows are compared
with what the calls have stored about their own changes. Exits with 1 if a row is wrong, or if no kill came while a
webhook was being handled.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.load.databases import fresh_database, kill_on_each
from tests.system.faults.table_kills import kill_while_calls_save

WEBHOOKS_PER_KILL: Final = 150


def main() -> int:
    """Kill servers repeatedly, compare the rows, and print the results."""
    return kill_on_each(__doc__, _killed, ("sqlite", "postgres"), kills=200, short=5)


def _killed(kind: str, kills: int, seed: int) -> int:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ncco-table-kills-") as name:
        folder = Path(name)
        url = fresh_database(kind, folder)
        saved = asyncio.run(kill_while_calls_save(folder, kills, kills * WEBHOOKS_PER_KILL, url=url, seed=seed))
    losses = saved.losses
    print(
        f"{kind}: {losses.kills} kills, {losses.acknowledged} webhooks acknowledged, {time.monotonic() - begun:.0f} s"
    )
    print(f"{losses.unanswered} were not answered, {losses.committed} of these were written", end="; ")
    print(f"{losses.replayed} were sent again")
    print(f"{saved.visits} visits, of which {saved.firsts} were the first of their moment; {saved.ends} ends")
    print("\n".join(f"FAULT: {fault}: {count}" for fault, count in saved.faults.items()) or "each was written once")
    return 1 if saved.faults or not losses.unanswered else 0


if __name__ == "__main__":
    sys.exit(main())
