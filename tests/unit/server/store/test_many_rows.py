"""The work of changing many rows of tables together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from ncco_server.store import RowChange, SqliteDatabase, Store
from ncco_server.store.database import Database, Work
from ncco_server.store.sql import Sql
from ncco_server.store.table_rows import CHANGED_SIZE, TableRows, write_together
from tests.support.cases import each_case
from tests.support.postgres_stores import make_postgres

SYNCHRONOUS: Final = Sql("SHOW synchronous_commit", sqlite="PRAGMA synchronous")


def statements(changes: list[RowChange]) -> int:
    """How many are sent to write the rows to an empty table."""
    work = write_together(changes, 0, "a test")
    next(work)
    sent = 1
    try:
        while True:
            work.send([])
            sent += 1
    except StopIteration:
        return sent


@each_case("is_removal", [False, True])
def test_a_batch_takes_as_many_statements_as_a_row(*, is_removal: bool) -> None:
    names = [f'people["{447_000_000_000 + number}"]' for number in range(CHANGED_SIZE)]
    changes = [RowChange(name, {} if is_removal else {"calls": 1}, is_removal=is_removal) for name in names]
    assert statements(changes[:1]) == statements(changes)
    assert statements(changes) <= 4


class NotedLevels:
    """Notes how each write of a database gets to the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.levels: list[object] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def write(self, work: Callable[[], Work[Any]], *keys: Any, **options: Any) -> Any:
        def noted() -> Work[Any]:
            ((level,),) = yield SYNCHRONOUS, ()
            self.levels.append(level)
            return (yield from work())

        return self._database.write(noted, *keys, **options)


@each_case("kind", ["sqlite", "postgres"])
async def test_only_the_end_of_a_long_change_waits_for_the_disk(kind: str, tmp_path: Path) -> None:
    no, yes = (1, 2) if kind == "sqlite" else ("off", "on")
    store = Store(SqliteDatabase(tmp_path / "calls.db")) if kind == "sqlite" else make_postgres(tmp_path)
    changes = [RowChange(f'people["{447_000_000_000 + number}"]', {}) for number in range(2 * CHANGED_SIZE + 1)]
    async with store:
        noted = NotedLevels(store.database)
        rows = TableRows(cast("Database", noted))
        await rows.change_many(changes, 0, "a test")
        await rows.change_together(changes[:1], 1, "a test")
        await rows.change_many(changes[:1], 2, "a test")
        assert len(changes) == len(await rows.of_table("people", limit=len(changes) + 1))
    assert [no, no, yes, yes, yes] == noted.levels
