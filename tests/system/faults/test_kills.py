"""Nothing that was acknowledged is lost when the server is killed. `benchmarks/kills.py` does it fifty times."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.system.faults.killing import kill_again_and_again


def test_what_was_acknowledged_is_whole_after_kill_9_and_what_was_written_is_said_again(tmp_path: Path) -> None:
    losses = asyncio.run(kill_again_and_again(tmp_path, kills=3, webhooks=900))

    assert {} == losses.faults
    assert 3 == losses.kills
    assert 900 <= losses.acknowledged
    assert 0 < losses.unanswered < losses.replayed
