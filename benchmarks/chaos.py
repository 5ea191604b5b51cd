"""Whether callers notice the bad luck of a network: every sample flow and example, seed by seed, calm and unlucky.

    .venv/bin/python -m benchmarks.chaos [--seeds 1000] [--only acme ...] [--seed 17]

A seed says what the caller and everybody who is called do, what look-ups answer, and what befalls each delivery: late,
slow, twice (also much later, or at the same moment), its reply lost, every reply lost so that the fallback is asked,
its signature missing at first, notifications out of order. What everybody hears must be what they hear when nothing
goes wrong.

Each seed is played on three networks: calm; slow, where replies come just as late and nothing else is wrong; unlucky.
Unlucky and slow must agree, to the hundredth of a second. Unlucky and calm must agree in what is heard and its order,
unless the slow one differs from the calm one too: there a flow looks at the clock, as a queue that gives up after three
minutes does, and nothing but time has made the difference. Those are counted by themselves. A seed that is noticed is
printed with the command that plays it again, and the run ends with 1.

The server is the real one in this process, with signed webhooks and a store in memory; time is virtual.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import Final

from tests.system.simulator.unlucky_lines import LINES
from tests.system.simulator.unlucky_seeds import compare

SEEDS: Final = 1000


def main() -> int:
    """Play, print, and say whether anybody noticed."""
    names = [line.name for line in LINES]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many of each line")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="only these lines")
    given = parser.parse_args()
    seeds = range(given.seeds) if given.seed is None else [given.seed]
    failed = 0
    for line in [line for line in LINES if line.name in given.only]:
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
