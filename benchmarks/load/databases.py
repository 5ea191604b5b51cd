"""Measures the same on SQLite and on PostgreSQL, side by side in a table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import machine, page
from tests.support.postgres_server import NoPostgres, running_server

Measure = Callable[[Path, str], Iterable[tuple[str, str]]]
"""Yields the names and figures for an empty folder and the URL of an empty database."""


def compare(measure: Measure, heading: str, written_as: str = "") -> None:
    """Print the table, and write it to docs/performance.md under the name `written_as`, if it is not ""."""
    found = {database: dict(measure(folder, url)) for database, folder, url in _databases()}
    rows = [[name, *(each[name] for each in found.values())] for name in next(iter(found.values()))]
    about = machine.sentence(Path(tempfile.gettempdir()))
    lines = [f"{about}; {heading}", "", *page.table(["", *found], rows)]
    print("\n".join(lines))
    if written_as:
        page.write(written_as, lines)


def _databases() -> Iterator[tuple[str, Path, str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield "sqlite", Path(folder), f"sqlite:///{folder}/calls.db"
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        try:
            server = stack.enter_context(running_server(is_durable=True))
        except NoPostgres as why:
            print(f"postgresql is left out: {why}")
            return
        yield "postgresql", Path(folder), server.url(server.new_database())
