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
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from tests.faults.broken_server import report_of
from tests.faults.explained import unexplained
from tests.store.postgres_server import NoPostgres, running_server

AT_ONCE: Final = 4
"""Processes that play at once: what they do is mostly to wait for what hangs."""
PARTS: Final = 17
"""A prime number: each part has runs of each way."""


def main() -> int:
    """Break, and print."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--only", default="", help="what the names of runs hold: a file, a webhook, a way")
    words.add_argument("--on", choices=("sqlite", "postgres"), help="one store alone")
    words.add_argument("--short", action="store_true")
    given = words.parse_args()
    try:
        reports = [_played(store, given) for store in ([given.on] if given.on else ["sqlite", "postgres"])]
    except NoPostgres as missing:
        print(missing, file=sys.stderr)
        return 2
    points, reached = reports[0].points, {name for report in reports for name in report.reached}
    forgotten = [] if given.on else unexplained(points, reached)
    print(f"{len(points)} places, {len(reached)} of them passed by webhooks,", end=" ")
    print(f"{len(points) - len(reached)} not: tests/faults/unreached.yaml says why")
    print("\n".join(f"FAULT: no webhook passes {name}" for name in forgotten))
    return 1 if forgotten or any(report.has_problems for report in reports) else 0


class Found(NamedTuple):
    """What came of one store: every place there is, and those that webhooks have passed."""

    points: list[str]
    reached: set[str]
    has_problems: bool


def _played(store: str, given: argparse.Namespace) -> Found:
    """Break every place of a store, and print what came of it."""
    ways, parts = (2, AT_ONCE) if given.short else (0, PARTS)
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as several:
        server = "" if store == "sqlite" else stack.enter_context(running_server()).url("postgres")
        names = [f"{number}/{parts}" for number in range(1, parts + 1)]
        return _told(store, [several.submit(report_of, ways, server, given.only, name) for name in names])


def _told(store: str, playing: Sequence[Future[dict[str, Any]]]) -> Found:
    """Print what comes of each part, and of all."""
    begun, runs, struck, problems = time.monotonic(), 0, 0, 0
    reached: set[str] = set()
    points: list[str] = []
    for played in as_completed(playing):
        try:
            report = played.result()
        except AssertionError as error:
            problems += 1
            print(f"FAULT: {store}: a part could not be played: {error}", flush=True)
            continue
        points, reached = report["points"], reached | report["reached"].keys()
        runs, struck = runs + report["runs"], struck + report["struck"]
        problems += len(report["problems"])
        print("".join(f"FAULT: {store}: {problem}\n" for problem in report["problems"]), end="", flush=True)
        print(f"{store}: {runs} runs so far, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print(f"{store}: {runs} runs, {struck} in which the broken place was passed,", end=" ")
    print(f"{time.monotonic() - begun:.0f} s; {problems} faults", flush=True)
    return Found(points, reached, problems > 0)


if __name__ == "__main__":
    sys.exit(main())
