"""Kills itself by SIGKILL with a hook in its store: with `write` before it is sent, with `send` during the sending.

python dying_process.py write|send DATABASE URL
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from ncco_server.service.hook_posts import Poster
from ncco_server.service.outbox import Sender
from ncco_server.service.outgoing import new_client
from ncco_server.store import SqliteDatabase, Store
from tests.support.stored_rows import hook_row, new_call


async def main(how: str, path: str, url: str) -> None:
    store = Store(SqliteDatabase(Path(path)))
    await store.open()
    await store.open_call(*new_call("leg-1"), hooks=[hook_row("h1", url=f"{url}/h1"), hook_row("h2", url=f"{url}/h2")])
    if how == "send":
        async with new_client() as client:
            task = asyncio.create_task(Sender(store, Poster(client)).run())
            await asyncio.to_thread(sys.stdin.readline)
            del task
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
