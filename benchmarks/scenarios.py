"""How many scenarios run per second: those of the sample flows, again and again, on one core.

.venv/bin/python -m benchmarks.scenarios [--scenarios 1000] [--runs 3]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import time
from itertools import cycle, islice
from pathlib import Path

from ncco_server.flow.loader import load_files
from ncco_studio.verify.scenarios.files import files_of, read_files
from ncco_studio.verify.scenarios.runner import fitted, play
from ncco_studio.verify.scenarios.stage import LocalStage


def main() -> int:
    """Print how long all scenarios take, including loading and startup; return 1 if one fails."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--scenarios", type=int, default=1000)
    words.add_argument("--runs", type=int, default=3)
    args = words.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    files = files_of(Path())
    runs = [_measure(files, args.scenarios) for _ in range(args.runs)]
    seconds, on_core = [wall for wall, _ in runs], [core for _, core in runs]
    median = statistics.median(seconds)
    print(f"{args.scenarios} scenarios: median {median:.2f} s ({min(seconds):.2f} to {max(seconds):.2f} s)", end="")
    print(f", {statistics.median(on_core):.2f} s of one core, {1000 * median / args.scenarios:.2f} ms for one")
    return 0


def _measure(files: tuple[Path, ...], count: int) -> tuple[float, float]:
    """Elapsed seconds, and seconds of processor time."""
    began, worked = time.perf_counter(), time.process_time()
    differing = asyncio.run(_play(files, count))
    if differing:
        raise RuntimeError(f"{differing} of them differ")
    return time.perf_counter() - began, time.process_time() - worked


async def _play(files: tuple[Path, ...], count: int) -> int:
    stage = LocalStage(load_files(Path("flows"), Path("templates"), {}))
    scenarios, _ = fitted(stage, read_files(files))
    return sum([not (await play(stage, scenario)).holds for scenario in islice(cycle(scenarios), count)])


if __name__ == "__main__":
    sys.exit(main())
