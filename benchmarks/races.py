"""Whether two simultaneous deliveries of a webhook count as one: 10,000 pairs, each sent to two servers.

    .venv/bin/python -m benchmarks.races [--pairs 10000] [--short]

Each webhook of a call (answer, input, notify, event, record) is sent to two processes at the same moment. They share a
SQLite file, and then a PostgreSQL database. Both must send the same reply; the call must have one turn for each pair
that moves it on; a wrong key must count as one attempt; each hook must be sent once. Exits with 1 if any of this fails.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.support.postgres_server import NoPostgres, running_server
from tests.system.faults.racing import Database, in_postgres, race

PAIRS: Final = 10_000
SHORT: Final = 900


def main() -> int:
    """Run the races and print the results."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--pairs", type=int, default=PAIRS)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--short", action="store_true", help=f"{SHORT} pairs")
    given = words.parse_args()
    pairs = SHORT if given.short else given.pairs
    has_failed = _raced("SQLite", None, pairs, given.seed)
    try:
        with running_server() as server:
            has_failed |= _raced("PostgreSQL", in_postgres(server), pairs, given.seed)
    except NoPostgres as missing:
        print(missing, file=sys.stderr)
        return 2
    return 1 if has_failed else 0


def _raced(name: str, database: Database | None, pairs: int, seed: int) -> bool:
    """Run the races on a database and print the results; return whether anything was wrong."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ncco-races-") as folder:
        races = asyncio.run(race(Path(folder), pairs, database=database, seed=seed))
    print(f"{name}: {sum(races.pairs.values())} pairs in {time.monotonic() - begun:.0f} s: {dict(races.pairs)}")
    print(f"{name}: {races.hooks} hooks were to be told")
    faults = [f"FAULT: {fault}: {count}" for fault, count in races.faults.items()]
    print("\n".join(faults) or f"{name}: the same bytes each time, one turn, one try, one hook", flush=True)
    return bool(races.faults) or not races.hooks


if __name__ == "__main__":
    sys.exit(main())
