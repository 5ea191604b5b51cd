"""Servers that are killed while they place calls: nobody is called twice, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from app.service.placing.requests import WantedCall, checked
from app.simulator.delivery import Application
from app.simulator.parties import Behaviour, Parties
from app.simulator.rest.server import LiveVonage
from app.simulator.servers import HttpServer
from app.store import AttemptRow, PlacedRow, Store, open_store
from tests.support import postgres_stores
from tests.support.application_api import APPLICATION_ID
from tests.support.keys import private_pem, rsa_key
from tests.support.server import Server
from tests.system.faults.placed_calls import REMINDER, flows_of, utc_now

CALLS = 15
KILLS = 4
KEY = rsa_key()
SPEED = 10.0


@asynccontextmanager
async def virtual_vonage() -> AsyncIterator[tuple[str, LiveVonage]]:
    """A virtual Vonage in which everybody answers soon and talks briefly, and its URL."""
    application = Application("", "", application_id=APPLICATION_ID)
    live = LiveVonage(
        application, KEY.public_key(), Parties(other=Behaviour(rings_s=2, talks_s=5)), HttpServer(), SPEED
    )
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(live.serve(listener))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", live
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return postgres_stores.empty_database() if request.param == "postgres" else f"sqlite:///{tmp_path}/calls.db"


async def settled(store: Store, rows: list[PlacedRow], live: LiveVonage) -> list[tuple[PlacedRow, list[AttemptRow]]]:
    """The calls with their attempts, as soon as each has one and no phone rings any more."""
    async with asyncio.timeout(60):
        while True:
            known = [await store.placed.get(row.id) for row in rows]
            found = [row for row in known if row is not None and row.tries]
            if len(found) == len(rows) and all(leg.is_over for leg in live.vonage.legs.values()):
                return [(row, await store.placed.attempts(row.id)) for row in found]
            await asyncio.sleep(0.2)


async def test_kills_while_calls_are_placed_call_nobody_twice(database: str, tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "reminder.yaml").write_text(REMINDER)
    chance = random.Random(11)  # noqa: S311 - not for secrets
    async with virtual_vonage() as (url, live):
        settings = {
            "NCCO_DATABASE_URL": database,
            "NCCO_VONAGE_API_URL": url,
            "NCCO_DIAL_ALLOW": "44",
            "VONAGE_APPLICATION_ID": APPLICATION_ID,
            "VONAGE_PRIVATE_KEY": private_pem(KEY),
            "NCCO_PLACE_PER_MINUTE": "180",
            "NCCO_KEY": "a key that is shared by the hosts of a test",
        }
        server = Server(tmp_path, settings)
        server.settings["NCCO_PUBLIC_URL"] = server.url
        await asyncio.to_thread(server.start)
        try:
            async with open_store(database) as store:
                calls = [
                    WantedCall(flow="reminder", to=f"4477009001{at:02}", values={"name": "Ada"}, owner="test")
                    for at in range(CALLS)
                ]
                rows = await store.placed.add([checked(each, flows_of(REMINDER), ("44",), utc_now()) for each in calls])
                for _ in range(KILLS):
                    await asyncio.sleep(chance.uniform(0.2, 1.5))
                    await asyncio.to_thread(server.end, signal.SIGKILL)
                    await asyncio.to_thread(server.start)
                done = await settled(store, rows, live)
        finally:
            with suppress(ProcessLookupError):
                await asyncio.to_thread(server.end)
        rung = Counter(leg.identity.to for leg in live.vonage.legs.values())
        lost = [row.number for row, (attempt,) in done if not attempt.leg]

        assert {1} == {row.tries for row, _ in done}
        assert all(attempt.over_at is not None or attempt.give_up_at is not None for _, (attempt,) in done)
        assert 1 == max(rung.values())
        assert len(lost) <= KILLS
        assert all(rung[row.number] == 1 for row, (attempt,) in done if attempt.leg)
