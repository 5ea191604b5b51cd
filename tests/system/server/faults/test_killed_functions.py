"""Functions of handlers on a server that is killed: none runs again after its result was stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres_stores import empty_database
from tests.system.server.faults.function_kills import kill_while_functions_run


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_finished_function_never_runs_again_after_a_kill(tmp_path: Path, kind: str) -> None:
    url = empty_database() if kind == "postgres" else ""
    ran = await kill_while_functions_run(tmp_path, kills=2, webhooks=300, url=url, phones=8)

    assert {} == ran.faults()
    assert (2, True) == (ran.losses.kills, len(ran.runs) > 100)
    assert 0 < len(ran.interrupted()) < len(ran.runs) // 2
