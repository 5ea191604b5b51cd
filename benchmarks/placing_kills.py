"""Whether nobody is called twice, or forgotten, if servers are killed while they place calls.

    .venv/bin/python -m benchmarks.placing_kills [--kills 200] [--database sqlite|postgres|hosts] [--short]

`kill -9` hits a server right after it has committed an attempt, right after Vonage has accepted its request, when
somebody picks up, or at a random moment; then the server is restarted. With `hosts`, two servers share a PostgreSQL
database, and the other one continues. Vonage is a virtual one in this process. Then:

- no number has rung twice;
- every call is over;
- a call that was never requested is `unknown`. So is a call that rang and ended while no server was running.

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

from tests.support import postgres_server
from tests.system.faults.placing_kills import kill_while_placing

KILLS: Final = 200
SHORT: Final = 3
DATABASES: Final = ("sqlite", "postgres", "hosts")


def main() -> int:
    """Kill servers repeatedly, check the calls, and print the results."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--kills", type=int, default=KILLS)
    words.add_argument("--database", choices=DATABASES, help="only this one")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--short", action="store_true", help=f"{SHORT} kills, SQLite")
    given = words.parse_args()
    databases = (given.database,) if given.database else DATABASES[:1] if given.short else DATABASES
    return max(_killed(kind, SHORT if given.short else given.kills, given.seed) for kind in databases)


def _killed(kind: str, kills: int, seed: int) -> int:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ncco-placing-kills-") as folder:
        url = f"sqlite:///{folder}/calls.db"
        if kind != "sqlite":
            postgres_server.empty()
            url = postgres_server.shared_server().url(postgres_server.shared_database())
        hosts = 2 if kind == "hosts" else 1
        found = asyncio.run(kill_while_placing(Path(folder), url, kills, hosts=hosts, seed=seed))
    moments = ", ".join(f"{moment} {number}" for moment, number in sorted(found.moments.items()))
    outcomes = ", ".join(f"{outcome}: {number}" for outcome, number in sorted(found.outcomes.items()))
    print(f"{kind}: {kills} kills ({moments}), {len(found.rows)} calls, {time.monotonic() - begun:.0f} s")
    print(f"{outcomes}; {found.unsent} never requested, {found.unheard} unheard", end="; ")
    print(f"most calls of a number: {max(found.rung.values())}")
    print("\n".join(f"FAULT: {fault}" for fault in found.faults) or "each was called at most once, none is forgotten")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
