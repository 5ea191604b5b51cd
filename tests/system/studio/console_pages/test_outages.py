"""The console while its database is unavailable: login and Health still work, and nothing hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from ncco_studio.console.app import create_console
from tests.support import postgres_server
from tests.support.postgres_server import Server
from tests.unit.studio.console.conftest import PASSWORDS, browser, csrf_token, log_in, logged_in, settings_for

NEEDS_DATABASE = ("/calls", "/calls.csv", "/calls/aaaaaaaa-1", "/report", "/messages")
PATIENCE_S = 15.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    if reason := postgres_server.why_not():
        pytest.skip(reason)
    server = Server()
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def check_outage(client: httpx.AsyncClient, new: httpx.AsyncClient, said: str) -> None:
    """Check what two people can do during an outage: one is logged in, the other one logs in now."""
    began = time.monotonic()
    opened = await log_in(new, PASSWORDS["look"])
    assert 303 == opened.status_code
    for each in (client, new):
        health = await each.get("/health")
        assert 200 == health.status_code
        assert said in health.text
    pages = [(path, each.get(path)) for each in (client, new) for path in NEEDS_DATABASE]
    for (path, _), reply in zip(pages, await asyncio.gather(*(asked for _, asked in pages)), strict=True):
        assert 503 == reply.status_code, path
        assert "Traceback" not in reply.text
        assert said in reply.text, path
    assert 303 == (await new.post("/logout", headers={"X-CSRF-Token": await csrf_token(new)})).status_code
    assert 401 == (await new.get("/health")).status_code
    assert time.monotonic() - began < PATIENCE_S * 8


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    server.stop()
    yield
    server.start()


@pytest.mark.parametrize("away", [stopped, Server.frozen])
async def test_people_log_in_and_see_health_while_postgresql_is_unavailable(
    postgres: Server, tmp_path: Path, away: Callable[[Server], AbstractContextManager[None]]
) -> None:
    (tmp_path / "flows").mkdir()
    url = postgres.url(postgres.new_database())
    app = create_console(settings_for(tmp_path, database_url=url, insecure=True, key="k" * 40), dev=True)
    async with await logged_in(app) as client, browser(app) as new:
        former = (await client.get("/health")).text
        with away(postgres):
            await check_outage(client, new, f"127.0.0.1:{postgres.port}/")
        for _ in range(50):  # connections from before the outage are replaced as they are used
            again = await client.get("/calls")
            if again.status_code == 200:
                break
            await asyncio.sleep(0.2)
    await app.state.console.store.close()

    assert "cannot be read" not in former
    assert 200 == again.status_code, again.text


async def test_people_log_in_and_see_health_while_a_sqlite_file_is_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    file = tmp_path / "calls.db"
    file.write_text("This is no database. " * 500)
    console = create_console(settings_for(tmp_path, database_url=f"sqlite:///{file}"), dev=True)
    async with await logged_in(console) as client, browser(console) as new:
        await check_outage(client, new, "is not a SQLite database")
        file.unlink()
        assert 200 == (await client.get("/messages")).status_code
    await console.state.console.store.close()
