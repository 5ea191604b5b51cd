"""Late facts that race; `python -m tests.system.promises result_races` lets more of them race."""

from __future__ import annotations

from pathlib import Path

import pytest

from ncco_server.store import open_store
from tests.support.postgres_stores import ask, empty_database
from tests.system.server.faults.result_races import race

RACES = 150
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_rows_and_sums_are_right_after_races(tmp_path: Path, database: str) -> None:
    is_postgres = database == "postgres"
    url = empty_database() if is_postgres else f"sqlite:///{tmp_path}/calls.db"
    before = ask(DEADLOCKS) if is_postgres else None
    async with open_store(url) as one, open_store(url) as other:
        found = await race((one, other), RACES)

    assert {"races": RACES} == {what: count for what, count in (+found).items() if not what.startswith("note: ")}
    assert before == (ask(DEADLOCKS) if is_postgres else None)
