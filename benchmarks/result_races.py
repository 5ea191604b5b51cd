"""Whether results stay right when late facts race: 10,000 calls, each on two hosts at the same moment.

    .venv/bin/python -m benchmarks.result_races [--races 10000] [--short] [--seed 1]

An answered party, machines, a recording, the end (or its loss and a late end) and a call-back are written while
both hosts count rows. Each row must equal what follows from the facts in any order, and the sums the rows. On a
SQLite file, then on PostgreSQL. Exits with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter

from ncco_server.store import open_store
from tests.support.postgres_server import NoPostgres, running_server
from tests.system.faults.result_races import race

RACES = 10_000
SHORT = 300


def main() -> int:
    """Run the races and print the results."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--races", type=int, default=RACES)
    words.add_argument("--short", action="store_true", help=f"{SHORT} races")
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    races = SHORT if given.short else given.races
    with tempfile.TemporaryDirectory(prefix="ncco-races-") as folder:
        wrong = _raced("SQLite", f"sqlite:///{folder}/calls.db", races, given.seed)
    try:
        with running_server() as server:
            wrong |= _raced("PostgreSQL", server.url(server.new_database()), races, given.seed)
    except NoPostgres as missing:
        print(missing, file=sys.stderr)
        return 2
    return int(wrong)


def _raced(name: str, url: str, races: int, seed: int) -> bool:
    begun = time.monotonic()
    found = asyncio.run(_race(url, races, seed))
    raced = found.pop("races")
    print(f"{name}: {raced} races in {time.monotonic() - begun:.0f} s: {dict(+found) or 'rows and sums are right'}")
    return any(count and not what.startswith("note: ") for what, count in found.items())


async def _race(url: str, races: int, seed: int) -> Counter[str]:
    async with open_store(url) as one, open_store(url) as other:
        return await race((one, other), races, seed)


if __name__ == "__main__":
    sys.exit(main())
