"""Whether a caller hears something whatever breaks: each place that waits or speaks to the outside, in every way.

    .venv/bin/python -m benchmarks.faults [--only TEXT] [--short]

Places are found in the source of app/service, app/store, app/vonage and app/web. Each is broken while a webhook is
answered that passes it: it raises what nobody foresees, fails as the system does, hangs, gives nothing or garbage, does
its work and fails then, is cancelled from within, or its task is given up. Each time

- the reply is an NCCO that can be played, a 503 that says what is wrong, or the empty reply of an event that steers
  nothing; within the deadline, which is short here;
- so is that of the fallback, while the place is still broken and once it is whole;
- a new call is answered as ever then, and hooks are still sent.

Prints what was not so, and ends with 1 then. `--short` breaks each place in two ways with one webhook each.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.faults.broken_server import report_of


def main() -> int:
    """Break, and print."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--only", default="", help="what the names of runs hold: a file, a webhook, a way")
    words.add_argument("--short", action="store_true")
    given = words.parse_args()
    begun = time.monotonic()
    report = report_of(2 if given.short else 0, given.only)
    reached, points = len(report["reached"]), len(report["points"])
    print(f"{points} places, {reached} of them passed by webhooks (tests/faults/unreached.yaml has the others)")
    print(f"{report['runs']} runs, {report['struck']} in which the broken place was passed,", end=" ")
    print(f"{time.monotonic() - begun:.0f} s")
    print("\n".join(f"FAULT: {problem}" for problem in report["problems"]) or "each time somebody heard something")
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
