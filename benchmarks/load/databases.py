"""The databases of the benchmarks that kill servers, and the command line that names them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support import postgres_server


def kill_on_each(
    doc: str, killed: Callable[[str, int, int], int], databases: Sequence[str], *, kills: int, short: int
) -> int:
    """Read the command line, and call `killed` with each database that it names, the number of kills and the seed.

    Returns the highest exit code. With `--short` there are `short` kills, on the first database.
    """
    words = argparse.ArgumentParser(description=doc.partition("\n")[0])
    words.add_argument("--kills", type=int, default=kills, help="on each database")
    words.add_argument("--database", choices=databases, help="only this one")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--short", action="store_true", help=f"{short} kills, on {databases[0]}")
    given = words.parse_args()
    chosen = (given.database,) if given.database else databases[:1] if given.short else databases
    return max(killed(kind, short if given.short else given.kills, given.seed) for kind in chosen)


def fresh_database(kind: str, folder: Path) -> str:
    """The URL of a SQLite file in `folder`, or of a PostgreSQL database without rows."""
    if kind == "sqlite":
        return f"sqlite:///{folder}/calls.db"
    postgres_server.empty()
    return postgres_server.shared_server().url(postgres_server.shared_database())
