"""What comes twice at one moment, at two servers, is one delivery. `benchmarks/races.py` fires 10,000 pairs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.faults.racing import race


def test_of_two_deliveries_at_once_both_get_one_reply_and_one_counts(tmp_path: Path) -> None:
    races = asyncio.run(race(tmp_path, pairs=180))

    assert {} == races.faults
    assert {"answer", "input", "notify", "event", "record"} == {*races.pairs}
    assert 180 <= sum(races.pairs.values())
    assert 0 < races.hooks
