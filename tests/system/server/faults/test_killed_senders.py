"""Killed servers: a hook that was sent but not recorded as sent is sent again, and no end of a call is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.system.server.faults.killing import kill_again_and_again
from tests.system.server.faults.office import Mood, Office
from tests.system.server.faults.served import Served, served
from tests.system.server.faults.wire import Wire

CALLER = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}
TOLD_S = 60.0


async def choose_sales(server: Served) -> None:
    """Make a call that causes a hook to the office."""
    wire = Wire("127.0.0.1", server.port)
    answer = await wire.post("/webhooks/answer", CALLER)
    url: str = next(action["eventUrl"][0] for action in answer.ncco if "eventUrl" in action)
    dtmf = {"digits": "1", "timed_out": False}
    await wire.post(f"/webhooks/{url.partition('/webhooks/')[2]}", {**CALLER, "dtmf": dtmf})
    wire.close()


async def told(office: Office, times: int) -> None:
    async with asyncio.timeout(TOLD_S):
        while office.hooks.total() < times:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


async def all_sent(file: Path) -> None:
    """Wait until no hook is left to be sent."""
    async with asyncio.timeout(TOLD_S):
        with closing(sqlite3.connect(file)) as database:
            while database.execute("SELECT count(*) FROM hooks").fetchone() != (0,):  # noqa: ASYNC110 - of a process
                await asyncio.sleep(0.02)


async def test_a_hook_whose_sender_was_killed_before_marking_it_is_sent_again_with_the_same_id(tmp_path: Path) -> None:
    mood: list[Mood] = ["deaf"]
    async with Office(lambda _: mood[0]) as office:
        with served(tmp_path, office=office.url) as server:
            await choose_sales(server)
            await told(office, 1)
            os.kill(server.pid, signal.SIGKILL)
        with closing(sqlite3.connect(tmp_path / "calls.db")) as database:
            ((tries, lease),) = database.execute("SELECT tries, leased_until FROM hooks").fetchall()
            database.execute("UPDATE hooks SET leased_until = 0")  # as if a minute had passed
            database.commit()
        mood[0] = "good"
        with served(tmp_path, office=office.url) as server:
            await told(office, 2)
            await all_sent(tmp_path / "calls.db")
            server.stop()

    assert (1, True) == (tries, lease > 0)
    assert [2] == list(office.hooks.values())
    assert 1 == len(office.told["/routed"])


async def test_each_ended_call_is_reported_once_despite_kills(tmp_path: Path) -> None:
    losses = await kill_again_and_again(tmp_path, kills=3, webhooks=600, phones=8)

    assert {} == losses.faults
    assert (3, True) == (losses.kills, losses.ends > 20)
