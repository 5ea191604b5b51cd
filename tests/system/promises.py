"""Whether the server keeps its promises when it is killed, raced, attacked or used for long.

    .venv/bin/python -m tests.system.promises [NAME ..] [--long] [--size N] [--seed N] [--database KIND]

Runs each of RUNS, or those that are named, on its databases one after another. That is `make chaos`, which takes two
minutes; `make chaos LONG=1` takes hours. Exits with 1 if a promise was broken, with 2 if there is no PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.support.postgres_server import NoPostgres
from tests.system.server.faults.agent_races import agents_killed, agents_raced
from tests.system.server.faults.function_kills import functions_killed
from tests.system.server.faults.killing import killed
from tests.system.server.faults.placing_kills import placing_killed
from tests.system.server.faults.placing_races import placing_raced
from tests.system.server.faults.racing import raced
from tests.system.server.faults.refusing import refused
from tests.system.server.faults.result_races import results_raced
from tests.system.server.faults.soaking import soaked
from tests.system.server.faults.table_kills import tables_killed
from tests.system.server.faults.table_races import tables_raced
from tests.system.server.hosts.playing import released_and_restarted
from tests.system.server.security.hostile import samples_attacked
from tests.system.trial import Outcome, Trial

MOST_FAULTS: Final = 50
"""How many of them are printed."""
BOTH: Final = ("sqlite", "postgres")
HOSTS: Final = (*BOTH, "hosts")


class Run(NamedTuple):
    """A promise.

    Attributes:
        play: tries to break it.
        of: what `short` and `long` count, the sizes of the two forms.
        databases: the kinds of databases of the long form; the short one uses the first `few`.
    """

    play: Callable[[Trial], Coroutine[Any, Any, Outcome]]
    of: str
    short: int
    long: int
    databases: Sequence[str] = ("sqlite",)
    few: int = 1


RUNS: Final = {
    "kills": Run(killed, "kills", 5, 50),
    "function_kills": Run(functions_killed, "kills", 5, 300, BOTH),
    "races": Run(raced, "pairs", 900, 10_000, BOTH, few=2),
    "result_races": Run(results_raced, "races", 300, 10_000, BOTH, few=2),
    "table_kills": Run(tables_killed, "kills", 5, 200, BOTH),
    "table_races": Run(tables_raced, "races", 300, 10_000, BOTH, few=2),
    "agent_races": Run(agents_raced, "races of each kind", 40, 2_000, BOTH, few=2),
    "agent_kills": Run(agents_killed, "kills", 3, 50, HOSTS),
    "soak": Run(soaked, "seconds", 20, 1_800),
    "hosts": Run(released_and_restarted, "calls", 100, 1_000, ("postgres",)),
    "hostile": Run(samples_attacked, "values", 5_000, 100_000),
    "placing_kills": Run(placing_killed, "kills", 3, 200, HOSTS),
    "placing_races": Run(placing_raced, "races", 100, 5_000, BOTH, few=2),
    "refused": Run(refused, "kills", 5, 60, HOSTS),
}


def main(words: Sequence[str]) -> int:
    """Run what is named. Several runs get a process each, so that none warms another's caches."""
    sizes = "; ".join(f"{name}: {run.short:,} {run.of}, long {run.long:,}" for name, run in RUNS.items())
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], epilog=sizes)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(RUNS)}; by default, all")
    parser.add_argument("--long", action="store_true", help="the long form of each, on all its databases")
    parser.add_argument("--size", type=int, help="how many kills, races, ...: see below")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=HOSTS, help="only this one")
    given = parser.parse_args(words)
    if unknown := [name for name in given.names if name not in RUNS]:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(RUNS)}")
    if len(given.names) == 1:
        return _run(given.names[0], given)
    options = [word for word in words if word not in given.names]
    command = [sys.executable, "-m", "tests.system.promises"]
    codes = {name: subprocess.run([*command, name, *options], check=False).returncode for name in given.names or RUNS}
    failed = [name for name, code in codes.items() if code]
    print(f"== {'failed: ' + ', '.join(failed) if failed else 'all promises were kept'}")
    return max(codes.values())


def _run(name: str, given: argparse.Namespace) -> int:
    run, code = RUNS[name], 0
    print(f"== {name}: {(run.play.__doc__ or '').splitlines()[0]}", flush=True)
    chosen = (given.database,) if given.database else run.databases if given.long else run.databases[: run.few]
    for database in chosen:
        begun = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix=f"ncco-{name}-") as folder:
                size = given.size or (run.long if given.long else run.short)
                found = asyncio.run(run.play(Trial(Path(folder), database, size, given.seed, given.long)))
        except NoPostgres as missing:
            print(missing, file=sys.stderr)
            return 2
        faults = [f"FAULT: {fault}" for fault in found.faults]
        lines = [*found.seen, *(faults[:MOST_FAULTS] or ["kept"])]
        print("\n".join(f"{database}: {line}" for line in lines), flush=True)
        print(f"== {name} on {database} took {time.monotonic() - begun:.0f} s", flush=True)
        code = code or int(bool(faults))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
