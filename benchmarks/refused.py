"""Whether nobody is called who had been added to a table under `unless` before the attempt's transaction began.

    .venv/bin/python -m benchmarks.refused [--calls 20000] [--kills 60] [--database sqlite|postgres|hosts] [--short]

A process begins the attempts of 20,000 placed calls, as the placer does, while three others change the table: they add
numbers that are called next, as the API does or in the turn of a call, remove some again, and have some forgotten, so
that a hash takes their place. `kill -9` hits one of the processes again and again. With `hosts`, two processes place
calls, and share a PostgreSQL database. Each process notes when it begins a change or an attempt, and when it has been
committed. Then:

- no number was called that had been in the table from before its attempt until after it;
- no number was refused that had never been added;
- every call was either called or refused.

Exits with 1 if any of this fails.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.load.databases import fresh_database
from tests.system.faults.refusing import refuse_while_killing

KINDS: Final = ("sqlite", "postgres", "hosts")


def main() -> int:
    """Place the calls on each database, and print the results."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--calls", type=int, default=20_000)
    words.add_argument("--kills", type=int, default=60)
    words.add_argument("--database", choices=KINDS, help="only this one")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--short", action="store_true", help="500 calls and 5 kills, on SQLite")
    given = words.parse_args()
    if given.short:
        return _placed("sqlite", 500, 5, given.seed)
    kinds = (given.database,) if given.database else KINDS
    return max([_placed(kind, given.calls, given.kills, given.seed) for kind in kinds])


def _placed(kind: str, calls: int, kills: int, seed: int) -> int:
    begun = time.monotonic()
    callers = 2 if kind == "hosts" else 1
    with tempfile.TemporaryDirectory(prefix="ncco-refused-") as name:
        folder = Path(name)
        url = fresh_database(kind, folder)
        found = asyncio.run(refuse_while_killing(folder, url, calls, kills, callers=callers, seed=seed))
    outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(found.outcomes.items()))
    changes = ", ".join(f"{number:,} {change}" for change, number in sorted(found.changes.items()) if number)
    print(f"{kind}: {calls:,} calls, {found.kills} kills, {time.monotonic() - begun:.0f} s: {outcomes}")
    print(f"rows: {changes}; {found.close:,} were added in the 10 ms before they were refused", end="; ")
    print(
        "\n".join(f"FAULT: {fault}" for fault in found.faults[:20]) or "nobody was called who had been added",
        flush=True,
    )
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
