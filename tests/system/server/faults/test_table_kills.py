"""Rows of tables on a server that is killed; `python -m tests.system.promises table_kills` kills it more often."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres_stores import empty_database
from tests.system.server.faults.table_kills import TILL, TILL_IN_PYTHON, kill_while_calls_save


@pytest.mark.parametrize(
    ("kind", "flows"), [("sqlite", TILL), ("postgres", TILL_IN_PYTHON)], ids=["flow file", "handler"]
)
async def test_every_change_of_a_row_is_written_once(tmp_path: Path, kind: str, flows: Path) -> None:
    url = empty_database() if kind == "postgres" else ""
    saved = await kill_while_calls_save(tmp_path, kills=2, webhooks=300, url=url, phones=8, flows=flows)

    assert {} == saved.faults
    assert 2 == saved.losses.kills
    assert 0 < saved.firsts < saved.visits
    assert saved.ends > 0
