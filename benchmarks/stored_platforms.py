"""Plays calls on platforms that differ from the assumptions, over an unreliable network, and reads what is stored.

    python -m benchmarks.stored_platforms
    python -m benchmarks.stored_platforms --calls 5000 --seed 1

Prints how many seeded differences `ncco platform-check --stored` would find, miss and invent.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import replace

from ncco_server.simulator.assumptions import DEFAULTS, assumptions
from ncco_server.verify.platform_check.stored import VISIBLE
from tests.support.recorded_platforms import seen_on

PLATFORMS = 10


async def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--calls", type=int, default=5000)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--short", action="store_true", help="1,200 calls")
    given = words.parse_args()
    given.calls = 1200 if given.short else given.calls
    luck = random.Random(given.seed)  # noqa: S311 - reproducible, not secret
    verdicts: Counter[str] = Counter()
    began = time.perf_counter()
    for number in range(PLATFORMS):
        names = luck.sample(VISIBLE, 1 + number % 5)
        values = {
            name: [each for each in assumptions()[name].choices if each != getattr(DEFAULTS, name)] for name in names
        }
        differing = {name: luck.choice(others) for name, others in values.items()}
        platform = replace(DEFAULTS, **differing)
        seen = await seen_on(platform, given.calls // PLATFORMS, given.seed + number)
        for name in VISIBLE:
            is_right = seen.get(name) == getattr(platform, name)
            verdict = ("found" if name in differing else "confirmed") if is_right else "invented"
            verdict = "missed" if seen.get(name) is None else verdict
            verdicts[verdict] += 1
            if verdict in ("missed", "invented"):
                sys.stdout.write(f"platform {number}: {name} {verdict}\n")
    sys.stdout.write(
        f"{given.calls} calls on {PLATFORMS} platforms: {verdicts['found']} differences found, {verdicts['missed']} "
        f"missed, {verdicts['invented']} invented; {verdicts['confirmed']} assumptions confirmed "
        f"({time.perf_counter() - began:.0f} s)\n"
    )
    return 1 if verdicts["missed"] or verdicts["invented"] else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
