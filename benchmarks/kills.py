"""Whether a server that is killed has kept what it had acknowledged: `kill -9` under load, fifty times.

    .venv/bin/python -m benchmarks.kills [--kills 50] [--webhooks 100000] [--short]

Whole calls (menus, dials, whispers, checkpoints, recordings, hooks) come in on 24 connections at once, and at a random
moment the process is killed and started again on the same file. Then, and on what is in the file:

- each webhook that was acknowledged is there;
- each that was not, but was written, gets the bytes that were written with it when it is sent again; so do 200 of each
  round that were acknowledged;
- no call, turn or hook is half written: turns without a gap, each with the webhook that caused it, each call with as
  many turns as it was moved; `PRAGMA integrity_check` finds nothing.

Ends with 1 when any of it is not so, or when no kill came while a webhook was in work. A kill is no power cut: what the
system has taken, it writes. That the file is synced before each acknowledgement is shown by tests/contract/store.
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
    """Kill, look, print."""
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
