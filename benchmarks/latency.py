"""How long a caller waits for the first NCCO, at 200 and 1,000 new calls a second, with few and many stored calls.

    .venv/bin/python -m benchmarks.latency [--quick] [--seconds 30] [--stored 1000000] [--write]

Open loop: requests are sent at fixed times, whether or not earlier ones have been answered, and a latency starts at the
scheduled time. One worker on SQLite with full sync, with signatures checked and the usual checkpoints. The targets: a
p99 of 5 ms at 200 a second, and of 15 ms at 1,000.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.load import machine, page, requests, serving
from benchmarks.load.stored import fill

RATES: Final = {200: 5.0, 1000: 15.0}
"""Requests a second, and the target for the 99th percentile in milliseconds."""
PARTS: Final = (0.5, 0.9, 0.99, 0.999)


def main() -> int:
    """Print the table; with `--write`, also write it to docs/performance.md."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=int, default=30, help="for each rate")
    words.add_argument("--stored", type=int, default=1_000_000, help="calls in the larger file")
    words.add_argument("--quick", action="store_true", help="5 s, 20,000 stored calls")
    words.add_argument("--write", action="store_true", help="write the table to docs/performance.md")
    args = words.parse_args()
    if args.quick:
        args.seconds, args.stored = 5, 20_000
    rows = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        for stored in (0, args.stored):
            path = folder / f"{stored}.db"
            fill(f"sqlite:///{path}", stored)
            server = stack.enter_context(serving.ours(folder, f"stored-{stored}", f"sqlite:///{path}"))
            for rate, aim in RATES.items():
                rows.append(_row(server.port, rate, aim, stored, args.seconds))
                print("  ".join(rows[-1]), flush=True)
        about = machine.sentence(folder)
    print(about)
    if args.write:
        head = ["stored calls", "calls/s", *(f"{part * 100:g} %" for part in PARTS), "slowest", "target for 99 %"]
        how = f"open loop, {args.seconds} s for each row; milliseconds."
        page.write("latency", [f"{about}; {how}", "", *page.table(head, rows)])
    return 0


def _row(port: int, rate: int, aim: float, stored: int, seconds: int) -> list[str]:
    asyncio.run(_sent(port, rate, rate))
    found = asyncio.run(_sent(port, rate * seconds, rate))
    shares = [f"{1000 * found[min(len(found) - 1, int(len(found) * part))]:.1f}" for part in PARTS]
    return [f"{stored:,}", f"{rate:,}", *shares, f"{found[-1] * 1000:.1f}", f"{aim:g}"]


async def _sent(port: int, count: int, rate: int) -> list[float]:
    """Send `count` requests, `rate` a second; return the seconds from each planned time to its reply, sorted."""
    waiting = [requests.answer_request() for _ in range(count)]
    clock = asyncio.get_running_loop().time
    begin = clock() + 0.1
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def seconds(number: int) -> float:
        due = begin + number / rate
        await asyncio.sleep(due - clock())
        reader, writer = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
        writer.write(waiting[number])
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if length is None or not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"a reply is {head[:300]!r}")
        await reader.readexactly(int(length[1]))
        free.append((reader, writer))
        return clock() - due

    found = await asyncio.gather(*map(seconds, range(count)))
    for _, writer in free:
        writer.close()
    return sorted(found)


if __name__ == "__main__":
    sys.exit(main())
