"""Whether a killed server has kept everything that it had acknowledged: `kill -9` under load, fifty times.

    .venv/bin/python -m benchmarks.kills [--kills 50] [--webhooks 100000] [--short]

Whole calls (menus, dials, whispers, checkpoints, recordings, hooks) arrive on 24 connections at once. At a random
moment, the process is killed and restarted on the same file. After each kill:

- each acknowledged webhook is there;
- each webhook that was written but not acknowledged gets the stored reply when it is sent again; so do 200 acknowledged
  ones of each round;
- no call, turn or hook is half written: the turns have no gaps, and each has the webhook that caused it; each call has
  as many turns as it has advanced; `PRAGMA integrity_check` finds nothing.

Exits with 1 if any of this fails, or if no kill came while a webhook was being handled. A kill is not a power cut: the
system still writes what it has received. tests/contract/store shows that the file is synced before each
acknowledgement.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.system.faults.killing import kill_again_and_again

KILLS: Final = 50
WEBHOOKS: Final = 100_000
SHORT: Final = (5, 3_000)


def main() -> int:
    """Kill the server repeatedly, check the file, and print the results."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--kills", type=int, default=KILLS)
    words.add_argument("--webhooks", type=int, default=WEBHOOKS, help="acknowledged ones, in all")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--short", action="store_true", help=f"{SHORT[0]} kills, {SHORT[1]:,} webhooks")
    given = words.parse_args()
    kills, webhooks = SHORT if given.short else (given.kills, given.webhooks)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ncco-kills-") as folder:
        losses = asyncio.run(kill_again_and_again(Path(folder), kills, webhooks, seed=given.seed))
    print(f"{losses.kills} kills, {losses.acknowledged} webhooks acknowledged, {time.monotonic() - begun:.0f} s")
    print(f"{losses.unanswered} were not answered, {losses.committed} of these were written", end="; ")
    print(f"{losses.replayed} were sent again")
    print(f"{losses.ends} calls have ended")
    faults = [f"FAULT: {fault}: {count}" for fault, count in losses.faults.items()]
    print("\n".join(faults) or "nothing is lost, nothing is half written, integrity_check is ok")
    return 1 if losses.faults or not 0 < losses.unanswered < losses.replayed else 0


if __name__ == "__main__":
    sys.exit(main())
