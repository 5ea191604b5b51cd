"""Whether a caller hears something whatever breaks: each place that waits or speaks to the outside, in every way.

    .venv/bin/python -m benchmarks.faults [--only TEXT] [--on sqlite|postgres] [--short]

Places are found in the source of app/service, app/store, app/vonage and app/web. All are broken on SQLite, those of
app/store/postgres on a PostgreSQL server that is started for it. Each is broken while a webhook is
answered that passes it: it raises what nobody foresees, fails as the system does, hangs, gives nothing or garbage, does
its work and fails then, is cancelled from within, or its task is given up. Each time

- the reply is an NCCO that can be played, a 503 that says what is wrong, or the empty reply of an event that steers
  nothing; within the deadline, which is short here;
- so is that of the fallback, while the place is still broken and once it is whole;
- a new call is answered as ever then, and hooks are still sent.

Prints what was not so, and the places that no webhook passes and that tests/faults/unreached.yaml has no reason for;
ends with 1 then. `--short` breaks each place in two ways with one webhook each.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from tests.faults.broken_server import report_of
from tests.faults.explained import unexplained
from tests.store.postgres_server import NoPostgres, running_server


def main() -> int:
    """Break, and print."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--only", default="", help="what the names of runs hold: a file, a webhook, a way")
    words.add_argument("--on", choices=("sqlite", "postgres"), help="one store alone")
    words.add_argument("--short", action="store_true")
    given = words.parse_args()
    stores = [given.on] if given.on else ["sqlite", "postgres"]
    try:
        reports = [_played(store, 2 if given.short else 0, given.only) for store in stores]
    except NoPostgres as missing:
        print(missing, file=sys.stderr)
        return 2
    points, reached = reports[0]["points"], {name for report in reports for name in report["reached"]}
    forgotten = [] if given.on else unexplained(points, reached)
    print(f"{len(points)} places, {len(reached)} of them passed by webhooks,", end=" ")
    print(f"{len(points) - len(reached)} not: tests/faults/unreached.yaml says why")
    print("\n".join(f"FAULT: no webhook passes {name}" for name in forgotten))
    return 1 if forgotten or any(report["problems"] for report in reports) else 0


def _played(store: str, ways: int, only: str) -> dict[str, Any]:
    """Break every place of a store, and print what came of it."""
    begun = time.monotonic()
    if store == "sqlite":
        report = report_of(ways, only=only)
    else:
        with running_server() as server:
            report = report_of(ways, server.url("postgres"), only)
    print(f"{store}: {report['runs']} runs, {report['struck']} in which the broken place was passed,", end=" ")
    print(f"{time.monotonic() - begun:.0f} s", flush=True)
    told = "\n".join(f"FAULT: {problem}" for problem in report["problems"])
    print(told or f"{store}: each time somebody heard something", flush=True)
    return report


if __name__ == "__main__":
    sys.exit(main())
