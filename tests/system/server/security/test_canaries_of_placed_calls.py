"""The example of a one-time code, placed over HTTP, from a CSV file and in the console: nobody else sees the code."""

from __future__ import annotations

import asyncio
import json
import re
import tarfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest_asyncio

from ncco_studio.console.app import create_console
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import ENDLESS, Behaviour, Parties
from ncco_studio.simulator.rest.server import LiveVonage
from tests.support import loopback
from tests.support.command import ncco
from tests.support.live_vonage import ACCESS, live_vonage
from tests.support.server import Server, free_port, standing_in
from tests.support.waiting import happens
from tests.unit.studio.console.conftest import logged_in, settings_for

EXAMPLE: Final = (Path(__file__).parents[4] / "examples/code/flows/code.yaml").read_text()
CODE: Final = "58K203"
"""The K is neither in numbers nor in hexadecimal IDs, in which five digits appear by chance."""
CANARIES: Final = (CODE, ", ".join(CODE), " ".join(CODE))
SECRET: Final = "the key that all processes of this test share"
PERSON: Final = "447700900301"
BUSY: Final = "447700900302"
LATER: Final = "447700900303"
ENDED: Final = {"answered", "busy", "cancelled"}
PARTIES: Final = Parties({PERSON: Behaviour(rings_s=0.2, talks_s=ENDLESS), BUSY: Behaviour("busy", rings_s=0.2)})


@pytest_asyncio.fixture
async def vonage() -> AsyncIterator[tuple[str, LiveVonage]]:
    async with live_vonage(PARTIES, 4.0) as known:
        yield known


def written_by(server: Server) -> bytes:
    """Every byte of the database and its write-ahead log."""
    return b"".join(file.read_bytes() for file in server.home.glob("calls.db*") if file.is_file())


def shown_by(server: Server, *words: str) -> str:
    return ncco(*words, cwd=server.home, env=server.settings).output


def asks(live: LiveVonage) -> Leg | None:
    """The call that waits for a key."""
    return next((leg for leg in live.vonage.legs.values() if leg.open is not None and not leg.is_over), None)


async def hear(live: LiveVonage, server: Server) -> str:
    """Answer the call, ask for the code, and hang up; returns what was heard."""
    assert await asyncio.to_thread(happens, lambda: asks(live) is not None)
    leg = asks(live)
    assert leg is not None
    async with live.scheduler.in_step():
        leg.begin(leg.pressing("1"))
    assert await asyncio.to_thread(happens, lambda: any(CANARIES[1] in heard.text for heard in leg.transcript))
    assert [] == [text for text in CANARIES if text.encode() in written_by(server)]
    async with live.scheduler.in_step():
        await leg.hang_up()
    return " ".join(heard.text for heard in leg.transcript)


async def pages(server: Server, leg: str) -> dict[str, str]:
    """What the console shows of every placed call, and of the call with this leg."""
    settings = settings_for(server.home, database_url=server.settings["NCCO_DATABASE_URL"], key=SECRET)
    app = create_console(settings, dev=True)
    async with app.router.lifespan_context(app), await logged_in(app, may_change=False) as client:
        listed = (await client.get("/calls/placed", headers={"Accept": "text/html"})).text
        placed = sorted(set(re.findall(r"/calls/placed/[0-9a-f]{32}", listed)))
        paths = ("/calls", f"/calls/{leg}", "/calls.csv", "/report.csv", "/home", "/health", *placed)
        found = {path: await client.get(path, headers={"Accept": "text/html"}) for path in paths}
        assert 3 == len(placed)
        return {path: f"{page.headers} {page.text}" for path, page in found.items()} | {"placed": listed}


def in_backup(server: Server) -> str:
    shown_by(server, "backup", "backup.tar")
    with tarfile.open(server.home / "backup.tar") as archive:
        database = archive.extractfile("ncco.db")
        assert database is not None
        return database.read().decode("latin-1")


async def test_only_the_person_who_is_called_learns_the_code(tmp_path: Path, vonage: tuple[str, LiveVonage]) -> None:
    url, live = vonage
    with standing_in() as login:
        (tmp_path / "flows").mkdir()
        (tmp_path / "flows/code.yaml").write_text(EXAMPLE.replace("ringing_timer: 25s", "ringing_timer: 5s"))
        (tmp_path / "codes.csv").write_text(f"number,code\n{BUSY},{CODE}\n")
        settings = {
            "NCCO_API_PORT": str(free_port()),
            "NCCO_DIAL_ALLOW": "44",
            "NCCO_KEY": SECRET,
            "NCCO_LOG_LEVEL": "debug",
            "NCCO_METRICS_PORT": str(free_port()),
            "NCCO_VONAGE_API_URL": url,
            "FLOW_LOGIN_URL": login.url,
            **ACCESS,
        }
        server = Server(tmp_path, settings)
        server.settings["NCCO_PUBLIC_URL"] = server.url
        await asyncio.to_thread(server.start)
        try:
            shown = await asyncio.to_thread(use, server)
            heard = await hear(live, server)
            assert await asyncio.to_thread(happens, lambda: ENDED <= {*shown_by(server, "place").split()})
            leg = next(iter(live.vonage.legs.values()))
            for words in ("calls", f"calls {leg.uuid} --format json", f"replay {leg.uuid}", "place --batch codes"):
                shown[words] = await asyncio.to_thread(shown_by, server, *words.split())
            shown |= await pages(server, leg.uuid)
            shown |= {"metrics": loopback.get(f"http://127.0.0.1:{settings['NCCO_METRICS_PORT']}/metrics").text}
            shown |= {"hooks": " ".join(hook.body.decode() for hook in login.wait_for_hooks(2))}
        finally:
            await asyncio.to_thread(server.end)
    shown |= {
        "log": server.printed,
        "written": written_by(server).decode("latin-1"),
        "backup": await asyncio.to_thread(in_backup, server),
    }

    assert CANARIES[1] in heard
    assert [] == [(place, text) for place, found in shown.items() for text in CANARIES if text in found]
    assert '"outcome":"busy"' in shown["hooks"]
    assert "••••" in shown[f"/calls/{leg.uuid}"]
    assert "hello" in shown[f"calls {leg.uuid} --format json"]


def use(server: Server) -> dict[str, str]:
    """Place a call over HTTP, one from a file, and one that is cancelled; returns every reply."""
    key = shown_by(server, "api-key", "add", "login", "--flows", "code").split()[0]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    api = f"http://127.0.0.1:{server.settings['NCCO_API_PORT']}/calls"

    def want(number: str, **more: Any) -> dict[str, Any]:
        body = json.dumps({"flow": "code", "to": number, "with": {"code": CODE}, **more})
        reply = loopback.post(api, content=body, headers={**headers, "Idempotency-Key": number})
        assert 202 == reply.status_code, reply.text
        return dict(reply.json())

    later = want(LATER, at=f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}")
    first = want(PERSON)
    repeated = want(PERSON)
    assert first == repeated
    cancelled = loopback.delete(f"{api}/{later['id']}", headers=headers)
    wrong = loopback.post(
        api,
        content=json.dumps({"flow": "code", "to": PERSON, "with": {"code": [CODE]}}),
        headers={**headers, "Idempotency-Key": "wrong"},
    )
    listed = loopback.get(api, headers=headers)
    written = shown_by(server, "place", "code", "--csv", "codes.csv", "--batch", "codes")
    assert "1 call is to be placed" in written
    return {"api": f"{first} {later} {cancelled.text} {wrong.text} {listed.text}", "csv": written}
