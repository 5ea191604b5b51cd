from __future__ import annotations

import asyncio
import random
from pathlib import Path

from app.store.sqlite import SqliteStore
from tests.store.stored_rows import new_call, rows_of

CALLS = 600


async def test_no_task_sleeps_for_ever_when_others_are_cancelled(path: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - the same moments in each run
    store = SqliteStore(path)
    await store.open()

    async def write(number: int) -> str:
        await asyncio.sleep(chance.random() * 0.2)
        await store.open_call(*new_call(f"leg-{number}"))
        return f"leg-{number}"

    async def write_impatiently(number: int) -> str | None:
        try:
            return await asyncio.wait_for(write(number), chance.random() * 0.2)
        except TimeoutError:
            return None

    patient = [write(number) for number in range(CALLS)]
    impatient = [write_impatiently(number) for number in range(CALLS, 2 * CALLS)]
    acknowledged = await asyncio.wait_for(asyncio.gather(*patient, *impatient), timeout=30)
    await store.close()
    stored = {id_ for (id_,) in rows_of(path, "SELECT id FROM calls")}

    assert None in acknowledged
    assert CALLS < len({*acknowledged} - {None})
    assert set() == {*acknowledged} - {None} - stored
    assert [(0,)] == rows_of(path, "SELECT count(*) FROM calls WHERE key NOT IN (SELECT call_key FROM turns)")
