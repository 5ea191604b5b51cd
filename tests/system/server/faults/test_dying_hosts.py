"""Processes that end in the middle of calls: no webhook in progress is lost, and no process is left behind."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from tests.system.server.faults.served import Served, served
from tests.system.server.faults.wire import Lost, Wire

ANSWERED_FIRST = 200
"""Number of webhooks that a server under load answers before it is stopped."""


async def answered(server: Served) -> int:
    wire = Wire("127.0.0.1", server.port, patience_s=60)
    status = (await wire.post("/webhooks/answer", {"to": "442079460000", "from": "447700900123", "uuid": "leg"})).status
    wire.close()
    return status


async def call_until_refused(server: Served, lost: dict[str, str], statuses: Counter[int]) -> None:
    """Send answer webhooks until nobody listens. Counts them in `statuses`, and adds unanswered legs to `lost`."""
    wire = Wire("127.0.0.1", server.port)
    while True:
        leg = uuid4().hex
        try:
            answer = await wire.post("/webhooks/answer", {"to": "442079460000", "from": "447700900123", "uuid": leg})
        except Lost as error:
            lost[leg] = type(error.__cause__).__name__
            if lost[leg] == "ConnectionRefusedError":
                return
        else:
            statuses[answer.status] += 1


async def stop_under_load(server: Served) -> tuple[Counter[int], dict[str, str], int]:
    lost: dict[str, str] = {}
    await answered(server)
    statuses = Counter[int]()
    callers = [asyncio.create_task(call_until_refused(server, lost, statuses)) for _ in range(16)]
    async with asyncio.timeout(60):
        while statuses.total() < ANSWERED_FIRST:  # noqa: ASYNC110 - of other tasks
            await asyncio.sleep(0.01)
    server.send(signal.SIGTERM)
    await asyncio.gather(*callers)
    return statuses, lost, await asyncio.to_thread(server.process.wait, 60)


def test_no_webhook_in_progress_fails_when_the_server_stops(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        statuses, lost, code = asyncio.run(stop_under_load(server))
    with closing(sqlite3.connect(server.database)) as database:
        begun = {leg for (leg,) in database.execute("SELECT leg FROM calls WHERE leg <> 'leg'")}

    assert [200] == [*statuses]
    assert statuses[200] == len(begun)
    assert set() == begun & {*lost}
    assert 16 == [*lost.values()].count("ConnectionRefusedError")
    assert 0 == code
