from __future__ import annotations

import asyncio
import random
from pathlib import Path

from app.store import SqliteDatabase, Store
from tests.store.postgres_stores import ask, make_postgres
from tests.store.stored_rows import new_call, rows_of

CALLS = 600
HALF = "SELECT count(*) FROM calls WHERE key NOT IN (SELECT call_key FROM turns)"


async def test_no_task_sleeps_for_ever_when_others_are_cancelled(path: Path) -> None:
    acknowledged = await write_with_impatience(Store(SqliteDatabase(path)))
    stored = {id_ for (id_,) in rows_of(path, "SELECT id FROM calls")}

    assert set() == acknowledged - stored
    assert [(0,)] == rows_of(path, HALF)


async def test_no_task_sleeps_for_ever_on_postgresql() -> None:
    acknowledged = await write_with_impatience(make_postgres())
    stored = {id_ for (id_,) in ask("SELECT id FROM calls")}

    assert set() == acknowledged - stored
    assert [(0,)] == ask(HALF)


async def write_with_impatience(store: Store) -> set[str | None]:
    """Write calls, half of them by tasks that give up; returns the ids that were acknowledged."""
    chance = random.Random(5)  # noqa: S311 - the same moments in each run
    await store.open()

    async def write(number: int) -> str:
        await asyncio.sleep(chance.random() * 0.2)
        await store.open_call(*new_call(f"leg-{number}"))
        return f"leg-{number}"

    async def write_impatiently(number: int) -> str | None:
        try:
            return await asyncio.wait_for(write(number), 3 * chance.random())
        except TimeoutError:
            return None

    patient = [write(number) for number in range(CALLS)]
    impatient = [write_impatiently(number) for number in range(CALLS, 2 * CALLS)]
    acknowledged = await asyncio.wait_for(asyncio.gather(*patient, *impatient), timeout=30)
    await store.close()
    assert None in acknowledged
    assert CALLS < len({*acknowledged} - {None})

    return {*acknowledged} - {None}
