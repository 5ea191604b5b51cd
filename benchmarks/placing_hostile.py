"""Put 50,000 hostile values into the fields of requested calls: `python -m benchmarks.placing_hostile [--short]`.

The values are in the API's bodies, queries and headers, the console's form, CSV files, and what hooks place. No call to
a number outside `NCCO_DIAL_ALLOW` or to a premium-rate number may be stored, and no request may cause a server error.
Exits with 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.system.security.placing_hostile import Requests, open_requests

VALUES: Final = 50_000
SHORT: Final = 2_000
ROUND: Final = 50
"""The number of requests between two CSV files."""


async def ask(folder: Path, values: int, seed: int) -> tuple[Requests, int]:
    """Send requests until this many values have been used, and return the number of stored calls."""
    async with open_requests(folder, seed) as requests:
        while requests.nasty.made < values:
            for _ in range(ROUND):
                await requests.ask_api()
                await requests.ask_console()
                await requests.ask_hook()
            await requests.ask_command()
        return requests, await requests.judge_calls()


def main() -> int:
    """Send the requests and print the results."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--short", action="store_true", help=f"{SHORT:,} values instead of {VALUES:,}")
    words.add_argument("--seed", type=int, default=1, help="another seed makes other values")
    given = words.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ncco-placing-hostile-") as folder:
        requests, stored = asyncio.run(ask(Path(folder), SHORT if given.short else VALUES, given.seed))
    print(f"{requests.nasty.made:,} values in {time.monotonic() - begun:.0f} s; {stored:,} calls stored")
    print(", ".join(f"{door}: {count:,}" for door, count in sorted(requests.replies.items())))
    print("\n".join(sorted(set(requests.faults))[:50]) or "no other number is called, and nothing breaks")
    return 1 if requests.faults else 0


if __name__ == "__main__":
    sys.exit(main())
