"""What comes twice at one moment, at two servers, is one delivery. `benchmarks/races.py` fires 10,000 pairs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.store import postgres_server
from tests.system.faults.racing import Database, in_postgres, race


def in_a_file() -> None:
    """The servers make it themselves."""


def on_postgres() -> Database:
    reason = postgres_server.why_not()
    if reason:
        pytest.skip(reason)
    return in_postgres(postgres_server.shared_server())


@pytest.mark.parametrize("database", [in_a_file, on_postgres])
def test_of_two_deliveries_at_once_both_get_one_reply_and_one_counts(
    tmp_path: Path, database: Callable[[], Database | None]
) -> None:
    races = asyncio.run(race(tmp_path, pairs=180, database=database()))

    assert {} == races.faults
    assert {"answer", "input", "notify", "event", "record"} == {*races.pairs}
    assert 180 <= sum(races.pairs.values())
    assert 0 < races.hooks
