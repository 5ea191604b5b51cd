"""How much a second worker helps: `python -m benchmarks.workers [--quick] [--rounds 5] [--seconds 3]`, about a minute.

Answer webhooks a second of `ncco serve --workers 2` on PostgreSQL, as a ratio to `--workers 1`; the servers take turns
in each round. Needs `wrk` (Debian package `wrk`). To be meaningful, it also needs a core for each worker, one for wrk
and one for PostgreSQL; otherwise they compete for cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import requests, serving, wrk
from benchmarks.load.serving import Server
from tests.support.postgres_server import NoPostgres, running_server

MOST_ANSWERS = 25_000
"""Requests prepared per second of a run: more than any server here answers."""


def main() -> int:
    """Print a line for each database."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--seconds", type=int, default=3)
    words.add_argument("--connections", type=int, default=64)
    words.add_argument("--quick", action="store_true", help="2 rounds of 1 s")
    args = words.parse_args()
    if args.quick:
        args.rounds, args.seconds = 2, 1
    if not wrk.is_installed():
        print("wrk is not installed; on Debian: apt-get install wrk", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {
            (name, workers): stack.enter_context(serving.ours(folder, f"{name}-{workers}", database, workers=workers))
            for name, urls in _databases(stack).items()
            for workers, database in enumerate(urls, 1)
        }
        rounds = [_round(servers, folder, args) for _ in range(args.rounds + 1)][1:]
    print(f"{os.cpu_count()} cores, {args.connections} connections, {args.rounds} rounds of {args.seconds} s")
    for name in dict.fromkeys(name for name, _ in servers):
        one, two = (statistics.median(row[name, workers].rate for row in rounds) for workers in (1, 2))
        ratios = [row[name, 2].rate / row[name, 1].rate for row in rounds]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:12} one worker {one:7,.0f} a second, two {two:7,.0f}: {spread} times")
    return 0


def _databases(stack: ExitStack) -> dict[str, list[str]]:
    """For each kind of database, the URLs of one database per server."""
    try:
        server = stack.enter_context(running_server(is_durable=True))
    except (NoPostgres, OSError, subprocess.SubprocessError) as why:
        print(f"postgresql is left out: {why}")
        return {}
    return {"postgresql": [server.url(server.new_database()) for _ in (1, 2)]}


def _round(
    servers: dict[tuple[str, int], Server], folder: Path, args: argparse.Namespace
) -> dict[tuple[str, int], wrk.Load]:
    """Run each server once, all with the same new requests."""
    answers, script = folder / "answers", folder / "answer.lua"
    length = requests.write_requests(answers, MOST_ANSWERS * args.seconds)
    script.write_text(wrk.ANSWERS.format(answers=answers, length=length))
    return {
        name: wrk.load(server, script, seconds=args.seconds, connections=args.connections)
        for name, server in servers.items()
    }


if __name__ == "__main__":
    sys.exit(main())
