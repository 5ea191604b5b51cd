"""Whether nobody is called twice, or forgotten, if servers are killed while they place calls.

    .venv/bin/python -m benchmarks.placing_kills [--kills 200] [--database sqlite|postgres|hosts] [--short]

`kill -9` hits a server right after it has committed an attempt, right after Vonage has accepted its request, when
somebody picks up, or at a random moment; then the server is restarted. With `hosts`, two servers share a PostgreSQL
database, and the other one continues. Vonage is a virtual one in this process. Then:

- no number has rung twice, and none that was in the table under `unless`;
- every call is over;
- a call that was never requested is `unknown`. So is a call that rang and ended while no server was running.

Exits with 1 if any of this fails.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.load.databases import fresh_database, kill_on_each
from tests.system.faults.placing_kills import kill_while_placing


def main() -> int:
    """Kill servers repeatedly, check the calls, and print the results."""
    return kill_on_each(__doc__, _killed, ("sqlite", "postgres", "hosts"), kills=200, short=3)


def _killed(kind: str, kills: int, seed: int) -> int:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ncco-placing-kills-") as name:
        folder = Path(name)
        hosts = 2 if kind == "hosts" else 1
        found = asyncio.run(kill_while_placing(folder, fresh_database(kind, folder), kills, hosts=hosts, seed=seed))
    moments = ", ".join(f"{moment} {number}" for moment, number in sorted(found.moments.items()))
    outcomes = ", ".join(f"{outcome}: {number}" for outcome, number in sorted(found.outcomes.items()))
    print(f"{kind}: {kills} kills ({moments}), {len(found.rows)} calls, {time.monotonic() - begun:.0f} s")
    print(f"{outcomes}; {found.unsent} never requested, {found.unheard} unheard", end="; ")
    print(f"most calls of a number: {max(found.rung.values())}")
    print("\n".join(f"FAULT: {fault}" for fault in found.faults) or "each was called at most once, none is forgotten")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
