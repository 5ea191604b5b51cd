"""Whether rows of tables stay right when calls on two servers and a program race: 10,000 times, on both databases.

    .venv/bin/python -m benchmarks.table_races [--races 10000] [--short]

In each race, two calls of a person, one at each server, and a request to the API want to add the same row, and change
one counter; each answer webhook is repeated. One of them must be first and be told so, and the sums must be exact. On a
SQLite file, then on PostgreSQL. Exits with 1 if anything is wrong.
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
from tests.system.faults.table_races import race

RACES: Final = 10_000
SHORT: Final = 300


def main() -> int:
    """Run the races and print the results."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--races", type=int, default=RACES)
    words.add_argument("--short", action="store_true", help=f"{SHORT} races")
    given = words.parse_args()
    races = SHORT if given.short else given.races
    with tempfile.TemporaryDirectory(prefix="ncco-races-") as folder:
        wrong = _raced("SQLite", Path(folder), races)
    try:
        with running_server() as server, tempfile.TemporaryDirectory(prefix="ncco-races-") as folder:
            wrong |= _raced("PostgreSQL", Path(folder), races, server.url(server.new_database()))
    except NoPostgres as missing:
        print(missing, file=sys.stderr)
        return 2
    return int(wrong)


def _raced(name: str, folder: Path, races: int, url: str = "") -> bool:
    begun = time.monotonic()
    found = asyncio.run(race(folder, races, url))
    print(f"{name}: {found.pop('races')} races in {time.monotonic() - begun:.0f} s: {dict(found)}", flush=True)
    return any(not what.startswith("note: ") for what in found)


if __name__ == "__main__":
    sys.exit(main())
