"""Calls and a program that change the same rows; `python -m tests.system.promises table_races` does more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres_stores import ask, empty_database
from tests.system.server.faults.table_races import race

RACES = 30
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_sums_are_exact_and_one_is_first(tmp_path: Path, database: str) -> None:
    is_postgres = database == "postgres"
    url = empty_database() if is_postgres else ""
    before = ask(DEADLOCKS) if is_postgres else None
    found = await race(tmp_path, RACES, url)

    assert {"races": RACES} == {what: count for what, count in found.items() if not what.startswith("note: ")}
    assert before == (ask(DEADLOCKS) if is_postgres else None)
