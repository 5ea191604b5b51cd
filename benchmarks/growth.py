"""What a call costs when many are already stored, and how the server's memory grows while it takes a million calls.

    .venv/bin/python -m benchmarks.growth [--quick] [--stored 1000000] [--served 1000000] [--rounds 5] [--write]

Two servers take turns, one with a file of 10,000 stored calls, one with a million; both files are written by the store
itself. The target: a call costs the second server at most 1.5 times as much. Then the first one takes a million calls.
Memory is the process's private memory. Needs `wrk`; the files take about 6 GB.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.load import machine, page, requests, serving, wrk
from benchmarks.load.serving import Server, memory_mb
from benchmarks.load.stored import fill

SMALL: Final = 10_000
PER_SECOND: Final = 20_000


def main() -> int:
    """Print the figures; with `--write`, also write them to docs/performance.md."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--stored", type=int, default=1_000_000)
    words.add_argument("--served", type=int, default=1_000_000)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--quick", action="store_true", help="100,000 stored, 50,000 served, 2 rounds")
    words.add_argument("--write", action="store_true", help="write the figures to docs/performance.md")
    args = words.parse_args()
    if args.quick:
        args.stored, args.served, args.rounds = 100_000, 50_000, 2
    if not wrk.is_installed():
        print("wrk is not installed; on Debian: apt-get install wrk", file=sys.stderr)
        return 2
    lines = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = [_server(stack, folder, SMALL), _server(stack, folder, args.stored)]
        before = [memory_mb(server.pid) for server in servers]
        lines += _growth(servers, before, folder, args)
        lines += _memory(servers[0], before[0], folder, args)
        about = machine.sentence(folder)
    print(about)
    if args.write:
        page.write("growth", [f"{about}.", "", *(f"- {line}" for line in lines)])
    return 0


def _server(stack: ExitStack, folder: Path, stored: int) -> Server:
    path, began = folder / f"{stored}.db", time.perf_counter()
    fill(f"sqlite:///{path}", stored)
    seconds = time.perf_counter() - began
    print(f"{stored:,} calls stored in {seconds:.0f} s, {path.stat().st_size / 1e6:,.0f} MB", flush=True)
    return stack.enter_context(serving.ours(folder, f"stored-{stored}", f"sqlite:///{path}"))


def _growth(servers: list[Server], before: list[float], folder: Path, args: argparse.Namespace) -> list[str]:
    """The cost of a call on the larger file, relative to the smaller one."""
    rounds = [[_load(server, folder, 2) for server in servers] for _ in range(args.rounds + 1)][1:]
    times = [small.rate / large.rate for small, large in rounds]
    costs = [large.cpu_us / small.cpu_us for small, large in rounds]
    memory = [memory_mb(server.pid) for server in servers]
    lines = [
        f"With {args.stored:,} stored calls instead of {SMALL:,}, a call takes {_spread(times)} times as long and uses "
        f"{_spread(costs)} times as much processor time (target: at most 1.5).",
        f"After starting, the server uses {before[0]:.0f} MB of private memory with {SMALL:,} stored calls and "
        f"{before[1]:.0f} MB with {args.stored:,}; after this load, {memory[0]:.0f} and {memory[1]:.0f} MB.",
    ]
    print("\n".join(lines), flush=True)
    return lines


def _memory(server: Server, before: float, folder: Path, args: argparse.Namespace) -> list[str]:
    """How much memory the server uses while it opens calls that never end."""
    taken, least = 0, memory_mb(server.pid)
    while taken < args.served:
        taken += _load(server, folder, 5).requests
    most = memory_mb(server.pid)
    line = (
        f"One server then opens {taken:,} calls that never end. It uses {least:.0f} MB before and {most:.0f} MB after."
    )
    print(line, flush=True)
    return [line]


def _load(server: Server, folder: Path, seconds: int) -> wrk.Load:
    answers = folder / "answers"
    length = requests.write_requests(answers, PER_SECOND * seconds)
    script = folder / "answer.lua"
    script.write_text(wrk.ANSWERS.format(answers=answers, length=length))
    return wrk.load(server, script, seconds=seconds, connections=64)


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    sys.exit(main())
