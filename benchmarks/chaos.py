"""Whether callers notice network faults: plays every sample flow and example, seed by seed, with and without faults.

    .venv/bin/python -m benchmarks.chaos [--seeds 1000] [--only acme ...] [--seed 17]

A seed decides what the caller and everybody who is called do, what lookups answer, and what happens to each delivery:
it may be late, slow or duplicated (much later, or at the same moment), lose its reply, lose every reply so that Vonage
uses the fallback URL, or lack its signature at first; notifications may be out of order. Everybody must hear what they
would hear without faults.

Each seed is played on three networks: calm; slow, with the delays of the unlucky one but no other faults; and unlucky.
Unlucky and slow must agree to the hundredth of a second. Unlucky and calm must agree in what is heard and its order,
unless slow differs from calm, too: then the flow depends on the clock, like a queue that gives up after three minutes,
and the difference is only due to time. Those seeds are counted separately. For a seed whose faults were noticed, the
command that plays it again is printed, and the exit code is 1.

The server is the real one in this process, with signed webhooks and a store in memory; time is virtual.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import Final

from tests.system.studio.simulator.unlucky_lines import lines
from tests.system.studio.simulator.unlucky_seeds import compare

SEEDS: Final = 1000


def main() -> int:
    """Play all seeds and print the results; return 1 if anybody noticed a fault."""
    names = [line.name for line in lines()]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many of each line")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="only these lines")
    given = parser.parse_args()
    seeds = range(given.seeds) if given.seed is None else [given.seed]
    failed = 0
    for line in [line for line in lines() if line.name in given.only]:
        begun = time.perf_counter()
        found = asyncio.run(compare(line, seeds))
        failed += len(found.noticed)
        took = time.perf_counter() - begun
        counts = f"{len(found.noticed):4} noticed, {len(found.by_clock):4} by the clock"
        print(f"{line.name:20} {len(seeds):5} seeds, {counts}, {took:6.1f} s", flush=True)
        for noticed in found.noticed[:10]:
            print(noticed, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
