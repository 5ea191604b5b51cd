"""Calls that a real server answered without its store are in all lists once the store is back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from ncco_studio.console.app import create_console
from tests.support import loopback, postgres_server
from tests.support.command import json_of, ncco
from tests.support.server import Server, write_files
from tests.support.waiting import happens
from tests.system.server.faults.test_store_faults import DESK
from tests.unit.studio.console.conftest import logged_in, settings_for

CALLERS: Final = 20


@contextmanager
def sqlite(folder: Path) -> Iterator[tuple[str, Callable[[], AbstractContextManager[None]]]]:
    file = folder / "calls.db"

    @contextmanager
    def outage() -> Iterator[None]:
        away = file.rename(file.with_suffix(".away"))
        yield
        away.rename(file)

    yield f"sqlite:///{file}", outage


@contextmanager
def postgres(_: Path) -> Iterator[tuple[str, Callable[[], AbstractContextManager[None]]]]:
    if reason := postgres_server.why_not():
        pytest.skip(reason)
    with postgres_server.running_server() as server:

        @contextmanager
        def outage() -> Iterator[None]:
            server.stop()
            yield
            server.start()

        yield server.url(server.new_database()), outage


async def console_pages(folder: Path, url: str, *paths: str) -> list[httpx.Response]:
    app = create_console(settings_for(folder, database_url=url, insecure=True, key="k" * 40), dev=True)
    async with await logged_in(app) as client:
        pages = [await client.get(path) for path in paths]
    await app.state.console.store.close()
    return pages


@pytest.mark.parametrize("store", [sqlite, postgres])
def test_calls_of_an_outage_are_in_every_list_when_it_is_over(store: Any, tmp_path: Path) -> None:
    write_files(tmp_path, {"flows/desk.yaml": DESK})
    key = "invented-key-of-the-line-for-tests-only"
    with (
        store(tmp_path) as (url, outage),
        Server(tmp_path, {"NCCO_DATABASE_URL": url, "NCCO_KEY": key}) as server,
    ):

        def webhook(path: str, **fields: str) -> httpx.Response:
            facts = {"to": "442079460000", "from": "447700900123", "conversation_uuid": "CON-1", **fields}
            return loopback.post(f"{server.url}/webhooks/{path}", json=facts)

        def listed(*words: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = json_of(
                ncco("calls", *words, "--limit=99", "--format=json", cwd=tmp_path, env={"NCCO_DATABASE_URL": url})
            )["calls"]
            return found

        webhook("answer", uuid=f"before-{uuid4()}")
        begun = datetime.now(UTC)
        legs = {f"outage-{number}-{uuid4()}" for number in range(CALLERS)}
        with outage():
            assert happens(lambda: webhook("answer", uuid="waiting").status_code == httpx.codes.OK)
            heard = [webhook("answer", uuid=leg).json()[0]["action"] for leg in legs]
        assert happens(lambda: len(listed("--failed")) > CALLERS)
        over = datetime.now(UTC)
        for leg in legs:
            webhook("event", uuid=leg, status="completed", disconnected_by="user")
        within = [f"--since={begun.isoformat()}", f"--until={over.isoformat()}"]
        failed = listed("--failed", *within)
        earlier = listed("--until", begun.isoformat())
        later = listed("--since", (over + timedelta(seconds=1)).isoformat())
        text = ncco(
            "calls", "--failed", "--limit=99", "--format=text", cwd=tmp_path, env={"NCCO_DATABASE_URL": url}
        ).output
        why = json_of(ncco("calls", min(legs), "--format=json", cwd=tmp_path, env={"NCCO_DATABASE_URL": url}))
        report = ncco("report", "--format", "json", cwd=tmp_path, env={"NCCO_DATABASE_URL": url}).output
        pages = asyncio.run(console_pages(tmp_path, url, "/calls?state=failed", f"/calls/{min(legs)}", "/report"))

    assert ["connect"] * CALLERS == heard
    ended = [call for call in failed if call["id"] in legs]
    assert legs == {call["id"] for call in ended}
    assert {("unknown", True, "what happened is not known; something failed")} == {
        (call["result"], call["failed"], call["words"]) for call in ended
    }
    assert ["before"] == [call["id"][:6] for call in earlier]
    assert [] == later
    assert CALLERS == text.count("what happened is")
    assert "the store is unavailable" in json.dumps(why["timeline"][0]["turn"]["why"])
    assert CALLERS == json.loads(report)["rows"][0]["unknown"]
    assert CALLERS == pages[0].text.count("not known")
    assert [200] * 3 == [page.status_code for page in pages]
