"""How long `ncco forget` takes for a few calls among many, and how long the sweep takes to delete old calls.

    .venv/bin/python -m benchmarks.forgetting [--calls 300000] [--swept 100000] [--quick] [--write]

The calls have documents as large as those of the flow in benchmarks/flows; four of them came from the number that is
forgotten. The marks are 5 seconds of elapsed time for `ncco forget --dry-run`, with its start, and for `ncco forget`;
they hold on a machine that does nothing else, so processor time is printed beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.load import serving
from benchmarks.load.databases import compare
from benchmarks.load.stored import NOW_MS, fill
from ncco_server.service.retention import BATCH_SIZE, REST_FACTOR
from ncco_server.store import open_store

NUMBER: Final = "447700900199"
FORGOTTEN: Final = 4
MARK_S: Final = 5.0


def main() -> int:
    """Print the table; with `--write`, also write it to docs/performance.md."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--calls", type=int, default=300_000)
    words.add_argument("--swept", type=int, default=100_000)
    words.add_argument("--quick", action="store_true", help="a hundredth of the calls")
    words.add_argument("--write", action="store_true", help="write the table to docs/performance.md")
    args = words.parse_args()
    if args.quick:
        args.calls, args.swept = args.calls // 100, args.swept // 100

    def measure(folder: Path, url: str) -> Iterator[tuple[str, str]]:
        fill(url, args.calls, callers=[NUMBER] * FORGOTTEN)
        return _measure(folder, url, args.swept)

    heading = f"{args.calls:,} calls, {FORGOTTEN} of them from the number; seconds, and processor time."
    compare(measure, heading, "forgetting" if args.write else "")
    return 0


def _measure(folder: Path, url: str, swept: int) -> Iterator[tuple[str, str]]:
    _forget(folder, url, "--number", "+447700900198", "--dry-run")  # it writes bytecode
    for words in (("--dry-run",), ()):
        began, used = time.perf_counter(), _cpu_s()
        told = _forget(folder, url, "--number", f"+{NUMBER}", *words)
        seconds = time.perf_counter() - began
        if f"{FORGOTTEN} calls" not in told:
            raise RuntimeError(f"it finds others: {told}")
        slow = "" if seconds < MARK_S else f", above {MARK_S:.0f}"
        yield " ".join(("ncco forget", *words)), f"{seconds:.1f}{slow} ({_cpu_s() - used:.1f})"
    began, used = time.perf_counter(), time.process_time()
    deleted = asyncio.run(_sweep(url, swept))
    seconds = time.perf_counter() - began
    yield f"deletion of {deleted:,} old calls", f"{seconds:.1f} ({time.process_time() - used:.1f})"
    yield "the same as a server does it, with its rests", f"{seconds * (1 + REST_FACTOR):.0f}"


def _forget(folder: Path, url: str, *words: str) -> str:
    env = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "PYTHONPATH": str(serving.ROOT),
        "NCCO_DATABASE_URL": url,
        "NCCO_FLOWS": str(serving.ROOT / "benchmarks" / "flows"),
    }
    command = [sys.executable, "-c", "from ncco_server.desk.commands import main; main()", "forget", *words]
    return subprocess.run(command, env=env, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 - our own


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _sweep(url: str, most: int) -> int:
    deleted = 0
    async with open_store(url) as store:
        while deleted < most and (more := await store.sweep(NOW_MS + 1, BATCH_SIZE, now=NOW_MS + 2)):
            deleted += more
    return deleted


if __name__ == "__main__":
    sys.exit(main())
