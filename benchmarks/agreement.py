"""Compare proofs with calls that are played: random small flows, walked by the simulator and the real server.

    .venv/bin/python -m benchmarks.agreement [--flows 300] [--seed 1]

The walk plays every call from its beginning and uses nothing of the prover. It stops at the first flow for which the
walk and the proof differ, and prints the flow.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter

from hypothesis import HealthCheck, Phase, given, seed, settings

from ncco_server.flow.loader import load
from tests.system.studio.verify.prove.agreement import agree
from tests.system.studio.verify.prove.played_flows import played_flows
from tests.system.studio.verify.prove.simulated_walk import Walk

ANYHOW = list(HealthCheck)
"""Suppresses all of Hypothesis's health checks, such as the one for slow examples."""


def main() -> int:
    """Print how many flows and calls agreed."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--flows", type=int, default=300)
    words.add_argument("--seed", type=int, default=1)
    args = words.parse_args()
    found = Counter[str]()
    started = time.perf_counter()
    _run(args.flows, args.seed, found)
    print(f"{found['flows']} flows, {found['calls']} calls played, {found['whole']} flows played whole, ", end="")
    print(f"{found['wrong']} with something wrong: no difference, {time.perf_counter() - started:.0f} s")
    return 0


def _run(count: int, number: int, found: Counter[str]) -> None:
    @seed(number)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=ANYHOW)
    @given(files=played_flows())
    def each(files: dict[str, str]) -> None:
        project = load(files)
        if project.has_errors:
            return
        heard = asyncio.run(Walk(project).walk())
        proof = agree(heard, project)
        found.update(flows=1, calls=heard.calls, whole=heard.is_whole, wrong=bool(proof.violations))

    each()


if __name__ == "__main__":
    sys.exit(main())
