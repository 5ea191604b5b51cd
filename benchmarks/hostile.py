"""Play a hundred thousand hostile values through every sample: `python -m benchmarks.hostile`.

The values are in every field of whole calls: from, to, SIP headers, custom data, speech, keys, and lookup answers. Each
reply must be a valid NCCO, without a number, host, tag or action that its flow does not have; and no lookup may go to
any other host. Prints how many values each sample has received. Exits with 1 if a value has caused any of this.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import Final

from tests.system.security.hostile import PROJECTS, open_sample, play_call

COUNT: Final = 100_000
SHORT: Final = 5_000


async def play(count: int, seed: int) -> list[str]:
    """Play calls to each sample until it has received its share of the values; return the faults."""
    faults, seen = [], 0
    for folder in PROJECTS:
        sample, number = await open_sample(folder, seed), 0
        while sample.nasty.made < count / len(PROJECTS):
            await play_call(sample, number)
            number += 1
        seen += sample.nasty.made
        faults += [f"{folder.name}: {fault}" for fault in sorted(set(sample.faults))]
        print(
            f"{folder.name:12} {sample.nasty.made:7,} values in {number:5,} calls, {sample.replies:6,} NCCOs,"
            f" {sample.asked:6,} look-ups: {len(sample.faults)} faults"
        )
    print(f"{seen:,} values: {len(faults)} faults")
    return faults


def main() -> int:
    """Play all values and print the faults."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--short", action="store_true", help=f"{SHORT:,} values instead of {COUNT:,}")
    words.add_argument("--seed", type=int, default=1, help="another seed makes other values")
    given = words.parse_args()
    started = time.perf_counter()
    faults = asyncio.run(play(SHORT if given.short else COUNT, given.seed))
    print(f"in {time.perf_counter() - started:.0f} s")
    for fault in faults[:50]:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
