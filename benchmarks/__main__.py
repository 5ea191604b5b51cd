"""Every benchmark, one after another: `python -m benchmarks`, or `make bench`. Ends with 1 when one could not run."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

BENCHMARKS: Final = (
    "check_ncco",
    "check_flows",
    "signature",
    "store",
    "served",
    "mutants",
    "scenarios",
    "chaos",
    "prove",
)


def main() -> int:
    """Run each in a process of its own, so that none warms another's caches."""
    codes = {}
    for name in BENCHMARKS:
        print(f"== benchmarks.{name}", flush=True)
        codes[name] = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode  # noqa: S603 - our own modules
    failed = [name for name, code in codes.items() if code]
    print(f"== {'could not run: ' + ', '.join(failed) if failed else 'all have run'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
