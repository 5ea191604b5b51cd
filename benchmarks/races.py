"""Whether two deliveries at the same moment are one: 10,000 pairs, of which two servers on one file take one each.

    .venv/bin/python -m benchmarks.races [--pairs 10000] [--short]

Each webhook of a call (answer, input, notify, event, record) is sent twice at once, to two processes that share a
SQLite file. Both must get the same bytes; the call must have one turn for each pair that steers; a wrong key counts as
one try; each hook is told once. Ends with 1 when any of it is not so. Two hosts on PostgreSQL: tests/hosts.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.faults.racing import race

PAIRS: Final = 10_000
SHORT: Final = 900


def main() -> int:
    """Race, and print."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--pairs", type=int, default=PAIRS)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--short", action="store_true", help=f"{SHORT} pairs")
    given = words.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ncco-races-") as folder:
        races = asyncio.run(race(Path(folder), SHORT if given.short else given.pairs, seed=given.seed))
    print(f"{sum(races.pairs.values())} pairs in {time.monotonic() - begun:.0f} s: {dict(races.pairs)}")
    print(f"{races.hooks} hooks were to be told")
    faults = [f"FAULT: {fault}: {count}" for fault, count in races.faults.items()]
    print("\n".join(faults) or "the same bytes each time, one turn, one try, one hook")
    return 1 if races.faults else 0


if __name__ == "__main__":
    sys.exit(main())
