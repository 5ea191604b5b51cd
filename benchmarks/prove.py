"""How many seconds of processor time and how much memory proofs take.

.venv/bin/python -m benchmarks.prove [--runs 3]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ncco_server.flow.files import read_project
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow
from ncco_studio.verify.prove import Proof, prove

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
FOLDERS: Final = {"flows": "reception", "benchmarks/flows": "frontdesk"}
"""A flow of each of these folders."""


def main() -> int:
    """Print a line for each flow."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--runs", type=int, default=3)
    args = words.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for folder, name in FOLDERS.items():
        times, proof = _measure(_in_folder(Path(folder), name), args.runs)
        space = proof.space
        print(
            f"{folder}: median {statistics.median(times):.2f} s of processor, {proof.verdict.status}, ",
            end="",
        )
        print(f"{len(space.states):,} states, {len(space.transitions):,} edges, {space.nccos:,} NCCOs, ", end="")
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most so far")
    return 0


def _measure(flow: Flow, runs: int) -> tuple[list[float], Proof]:
    times = []
    for _ in range(runs):
        started = time.process_time()
        proof = prove(flow, NOW)
        times.append(time.process_time() - started)
    return times, proof


def _in_folder(folder: Path, name: str) -> Flow:
    texts, _ = read_project(folder, folder.with_name("templates"))
    return load(texts).flows[name]


if __name__ == "__main__":
    sys.exit(main())
