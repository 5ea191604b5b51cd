"""How often functions of handlers run if the server is killed while they do: `kill -9`, again and again.

    .venv/bin/python -m benchmarks.function_kills [--kills 300] [--database sqlite|postgres] [--short]

As in `benchmarks.kills`, but the calls are handled by a handler in Python, which calls up to sixteen functions in a
call, and each fifth webhook comes twice at the same moment. Each function notes in a file when it begins and ends, so
that after each kill:

- no function has run again after its result was stored;
- no function has run twice without a kill in between;
- every acknowledged webhook gets the same bytes when it is sent again.

A function that was running when the server was killed may run again, when its webhook is sent again. This prints how
often that happened, also for functions that had just returned, before the result was stored. Exits with 1 if any of the
above fails, or if no kill came while a function was running.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.load.databases import fresh_database, kill_on_each
from tests.system.faults.function_kills import kill_while_functions_run

WEBHOOKS_PER_KILL: Final = 150


def main() -> int:
    """Kill servers repeatedly, look at what the functions did, and print the results."""
    return kill_on_each(__doc__, _killed, ("sqlite", "postgres"), kills=300, short=5)


def _killed(kind: str, kills: int, seed: int) -> int:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ncco-function-kills-") as name:
        folder = Path(name)
        url = fresh_database(kind, folder)
        ran = asyncio.run(kill_while_functions_run(folder, kills, kills * WEBHOOKS_PER_KILL, url=url, seed=seed))
    losses = ran.losses
    interrupted = ran.interrupted()
    returned = [run for run in interrupted if run in ran.ended]
    functions = len({found.function for found in ran.runs.values()})
    faults = ran.faults()
    print(
        f"{kind}: {losses.kills} kills, {losses.acknowledged} webhooks acknowledged, {time.monotonic() - begun:.0f} s"
    )
    print(f"{losses.unanswered} were not answered; {losses.replayed} were sent again", end="; ")
    print(f"{losses.unstored} answers said that they were not stored")
    print(f"{functions} functions were called, {len(ran.runs)} times")
    print(f"{len(interrupted)} runs were killed, {ran.repeated(interrupted)} of these functions ran again", end="; ")
    print(f"{len(returned)} had returned, but were not stored, {ran.repeated(returned)} of these ran again")
    took = ran.stored_after_ms()
    print(
        f"from a return to the next function: {median(took):.1f} ms, 99 % within {took[len(took) * 99 // 100]:.1f} ms"
    )
    print(
        "\n".join(f"FAULT: {fault}: {count}" for fault, count in faults.items())
        or "no function ran again after its result was stored"
    )
    return 1 if faults or not interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
