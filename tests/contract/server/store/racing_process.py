"""A process that advances one call several times while others do the same.

python racing_process.py URL SESSION COUNT
"""

from __future__ import annotations

import asyncio
import sys

from ncco_server.store import Conflict, Store, open_store
from tests.support.stored_rows import turn_row, webhook_row


async def move_on(store: Store, id_: str) -> None:
    """Add one turn to the call, whatever its version is now."""
    while True:
        session = await store.load(id_)
        assert session is not None
        moved = session._replace(version=session.version + 1)
        try:
            return await store.advance(moved, turn_row(id_, session.version), webhook_row(id_, session.version, 0))
        except Conflict:
            continue


async def main(url: str, id_: str, count: int) -> None:
    """Advance the call `count` times."""
    store = open_store(url)
    await store.open()
    for _ in range(count):
        await move_on(store, id_)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
