"""Servers killed while they place calls: nobody is called twice, and nobody is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import postgres_stores
from tests.system.server.faults.placing_kills import CALLS_PER_KILL, kill_while_placing

KILLS = 4


@pytest.mark.parametrize(("kind", "hosts"), [("sqlite", 1), ("postgres", 2)])
async def test_kills_while_calls_are_placed_call_nobody_twice(kind: str, hosts: int, tmp_path: Path) -> None:
    database = postgres_stores.empty_database() if kind == "postgres" else f"sqlite:///{tmp_path}/calls.db"

    found = await kill_while_placing(tmp_path, database, KILLS, hosts=hosts, is_patient=False)

    assert [] == found.faults
    assert KILLS * CALLS_PER_KILL == len(found.rows)
    assert KILLS == found.moments.total()
