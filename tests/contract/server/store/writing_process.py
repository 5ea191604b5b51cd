"""A process that writes calls until it is killed and prints the ID of each acknowledged call.

python writing_process.py URL NAME [COUNT]      eight tasks write COUNT calls in all, or go on forever
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys

from ncco_server.store import Store, open_store
from tests.support.stored_rows import new_call, next_turn

TASKS = 8


async def write(store: Store, ids: itertools.chain[str]) -> None:
    """Write each call with two turns; its line is printed before the next call begins."""
    for id_ in ids:
        await store.open_call(*new_call(id_))
        await store.advance(*next_turn(id_, 1))
        os.write(1, f"{id_}\n".encode())
        await asyncio.sleep(0)


async def main(url: str, name: str, count: int | None) -> None:
    """Open the store and write with all tasks; they share the ids."""
    store = open_store(url)
    await store.open()
    numbers = itertools.count() if count is None else iter(range(count))
    ids = itertools.chain(f"{name}-{number}" for number in numbers)
    await asyncio.gather(*(write(store, ids) for _ in range(TASKS)))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None))
