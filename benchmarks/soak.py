"""Whether a server that runs for long under faults leaks: memory, tasks, threads, files, sessions.

    .venv/bin/python -m benchmarks.soak [--minutes 30] [--rate WEBHOOKS_A_SECOND] [--short]

Calls of every kind (menus, dials, whispers, checkpoints, recordings, hooks) are made to a real server on SQLite in a
separate process. Their rate is half of what server and callers can reach together, which is measured first. Random
faults: deliveries come twice at the same moment, events are lost, callers hang up in the middle, connections break, the
server of lookups and hooks is slow, wrong, silent or down for seconds, another process locks the database for a second.

Prints what resources the process holds. Exits with 1 if it holds more than allowed (`Findings.leaks`), if a caller
heard nothing, if a reply could not be played, or if a call is open although its end was acknowledged. `--short` takes
20 seconds; only the long form is conclusive.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.system.faults.soaking import Findings, Plan, soak

MINUTES: Final = 30.0
SHORT_S: Final = 20.0


def main() -> int:
    """Run the server, print the findings, and return 1 if anything leaks."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--minutes", type=float, default=MINUTES)
    words.add_argument("--rate", type=float, default=0.0, help="webhooks a second; 0: half of what is possible")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--short", action="store_true", help=f"{SHORT_S:.0f} seconds")
    given = words.parse_args()
    seconds = SHORT_S if given.short else given.minutes * 60
    with tempfile.TemporaryDirectory(prefix="ncco-soak-") as folder:
        plan = Plan(seconds, rate=given.rate, seed=given.seed)
        found = asyncio.run(soak(Path(folder), plan, lambda line: print(line, flush=True)))
    _print(found)
    return 1 if found.leaks else 0


def _print(found: Findings) -> None:
    tally, memory = found.tally, [kib for _, kib in found.memory]
    taken = statistics.quantiles(tally.seconds, n=1000)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, SQLite")
    print(f"{found.seconds / 60:.1f} minutes, {tally.calls} calls, {tally.webhooks} webhooks,", end=" ")
    print(f"{tally.webhooks / found.seconds:.0f} a second (possible: {found.capacity:.0f})")
    print(f"answers by status: {dict(sorted(tally.statuses.items()))}; 0: none; the fallback was asked", end=" ")
    print(f"{tally.rescued} times, {tally.failsafes} heard the failsafe")
    print(f"ms: median {taken[499] * 1000:.1f}, 99 % {taken[989] * 1000:.1f}, 99.9 % {taken[998] * 1000:.0f}")
    print(
        f"memory: {memory[0] / 1024:.1f} MiB first, {max(memory) / 1024:.1f} most, {memory[-1] / 1024:.1f} last;",
        end=" ",
    )
    per_hour = found.grown_kib / 1024 / (found.seconds * 2 / 3) * 3600
    print(f"trend of the last two thirds {found.grown_kib / 1024:+.2f} MiB ({per_hour:+.1f} MiB an hour)")
    print(f"at rest before: {found.before}\nat rest after:  {found.after}")
    print(f"open sessions whose end was acknowledged: {found.open}; integrity_check: {found.integrity}")
    print("\n".join(f"LEAK: {leak}" for leak in found.leaks) or "no leak")


if __name__ == "__main__":
    sys.exit(main())
