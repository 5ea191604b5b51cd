"""Put 20,000 hostile keys and values into rows of tables: `python -m benchmarks.table_hostile [--short]`.

They are written by the API, the console's forms and files, and `ncco table`; calls speak them and send them in hooks.
No file may contain a formula, no page an element, no prompt a tag, and no statement may reach another table. Eight
canaries in a sensitive column may appear nowhere else. Exits with 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.system.security.table_hostile import write_rows

VALUES: Final = 20_000
SHORT: Final = 2_000


def main() -> int:
    """Write the rows and print the results."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--short", action="store_true", help=f"{SHORT:,} values instead of {VALUES:,}")
    words.add_argument("--seed", type=int, default=1, help="another seed makes other values")
    given = words.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ncco-table-hostile-") as folder:
        rows, stored = asyncio.run(write_rows(Path(folder), SHORT if given.short else VALUES, given.seed))
    print(f"{rows.nasty.made:,} values in {time.monotonic() - begun:.0f} s; {stored:,} rows stored")
    print(", ".join(f"{way}: {count:,}" for way, count in sorted(rows.replies.items())))
    print("\n".join(sorted(set(rows.faults))[:50]) or "nothing is injected, and no canary is shown")
    return 1 if rows.faults else 0


if __name__ == "__main__":
    sys.exit(main())
