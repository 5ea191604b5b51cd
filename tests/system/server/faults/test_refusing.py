"""A number added to a table under `unless` is never called, whatever process is killed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres_stores import empty_database
from tests.system.server.faults.refusing import refuse_while_killing

CALLS = 150
KILLS = 4


@pytest.mark.parametrize(("kind", "callers"), [("sqlite", 1), ("postgres", 2)])
async def test_kills_while_a_table_changes_never_call_a_number_in_it(kind: str, callers: int, tmp_path: Path) -> None:
    url = empty_database() if kind == "postgres" else f"sqlite:///{tmp_path}/calls.db"
    found = await refuse_while_killing(tmp_path, url, CALLS, KILLS, callers=callers)

    assert [] == found.faults
    assert CALLS == found.outcomes.total()
    assert {"called", "refused"} == set(found.outcomes)
    assert {"added", "removed", "forgotten"} == {kind for kind, number in found.changes.items() if number}
