"""What `tests.system.promises` tries for longer, in its shortest form: kills and races, on PostgreSQL.

`make chaos` begins with the kills on SQLite, and races on both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ncco_server.store import open_store
from tests.support.postgres_stores import ask, empty_database
from tests.system.server.faults import agent_races, result_races, table_races
from tests.system.server.faults.function_kills import kill_while_functions_run
from tests.system.server.faults.placing_kills import CALLS_PER_KILL, kill_while_placing
from tests.system.server.faults.refusing import refuse_while_killing
from tests.system.server.faults.table_kills import TILL_IN_PYTHON, kill_while_calls_save

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
FEW = {"kills": 2, "webhooks": 300, "phones": 8}


@pytest.fixture
def url() -> str:
    """An empty database."""
    return empty_database()


@pytest.fixture
def without_deadlocks(url: str) -> Iterator[None]:
    before = ask(DEADLOCKS)
    yield
    assert before == ask(DEADLOCKS)


async def test_kills_while_a_table_changes_never_call_a_number_in_it(url: str, tmp_path: Path) -> None:
    found = await refuse_while_killing(tmp_path, url, 150, 4, callers=2)

    assert [] == found.faults
    assert 150 == found.outcomes.total()
    assert {"called", "refused"} == set(found.outcomes)
    assert {"added", "removed", "forgotten"} == {kind for kind, number in found.changes.items() if number}


async def test_kills_while_calls_are_placed_call_nobody_twice(url: str, tmp_path: Path) -> None:
    found = await kill_while_placing(tmp_path, url, 4, hosts=2, is_patient=False)

    assert [] == found.faults
    assert 4 * CALLS_PER_KILL == len(found.rows)
    assert 4 == found.moments.total()


async def test_a_hand_back_that_was_accepted_decides_whatever_comes_beside_it(url: str, tmp_path: Path) -> None:
    found = await agent_races.race(tmp_path, 100, url=url, kills=2)

    assert {} == {name: number for name, number in found.items() if not name.startswith("note")}
    assert 2 == found["note: kills"]


async def test_every_change_of_a_row_is_written_once(url: str, tmp_path: Path) -> None:
    saved = await kill_while_calls_save(tmp_path, url=url, flows=TILL_IN_PYTHON, **FEW)

    assert {} == saved.faults
    assert 2 == saved.losses.kills
    assert 0 < saved.firsts < saved.visits
    assert saved.ends > 0


async def test_a_finished_function_never_runs_again_after_a_kill(url: str, tmp_path: Path) -> None:
    ran = await kill_while_functions_run(tmp_path, url=url, **FEW)

    assert {} == ran.faults()
    assert (2, True) == (ran.losses.kills, len(ran.runs) > 100)
    assert 0 < len(ran.interrupted()) < len(ran.runs) // 2


@pytest.mark.usefixtures("without_deadlocks")
async def test_sums_are_exact_and_one_is_first_after_races(url: str, tmp_path: Path) -> None:
    found = await table_races.race(tmp_path, 30, url)

    assert {"races": 30} == {what: count for what, count in found.items() if not what.startswith("note: ")}


@pytest.mark.usefixtures("without_deadlocks")
async def test_rows_and_sums_are_right_after_races(url: str) -> None:
    async with open_store(url) as one, open_store(url) as other:
        found = await result_races.race((one, other), 150)

    assert {"races": 150} == {what: count for what, count in (+found).items() if not what.startswith("note: ")}
