"""Run every benchmark, one after another: `python -m benchmarks`, or `make bench`. Exits with 1 if one could not run.

Those of the whole server write their tables to docs/performance.md. With `--quick` they don't: they run for only a few
seconds, and their figures mean little.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import Final

BENCHMARKS: Final = ("instructions", "loaded", "served", "latency", "prove", "pages", "frozen")
OF_THE_SERVER: Final = frozenset({"loaded", "served", "latency", "pages"})


def main() -> int:
    """Run each in a separate process, so that none warms another's caches."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--quick", action="store_true", help="the quick form of what measures the whole server")
    given = words.parse_args()
    codes = {}
    for name in BENCHMARKS:
        print(f"== benchmarks.{name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *_options(name, given)]
        begun = time.monotonic()
        codes[name] = subprocess.run(command, check=False).returncode  # noqa: S603 - our own modules
        print(f"== benchmarks.{name} took {time.monotonic() - begun:.0f} s", flush=True)
    failed = [name for name, code in codes.items() if code]
    print(f"== {'failed: ' + ', '.join(failed) if failed else 'all have run'}")
    return 1 if failed else 0


def _options(name: str, given: argparse.Namespace) -> list[str]:
    if name in OF_THE_SERVER:
        return ["--quick"] if given.quick else ["--write"]
    return []


if __name__ == "__main__":
    sys.exit(main())
