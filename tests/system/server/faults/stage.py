"""The whole application in this process, with a database file and callers."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import httpx
import orjson
from fastapi import FastAPI

from ncco_server.settings import Settings, load_settings
from ncco_server.web import create_app
from ncco_server.web.log import configure_log
from tests.system.server.faults.office import Office

READY_S: Final = 60.0
DEADLINE_S: Final = 4.0
CALLER: Final = {"to": "442079460000", "from": "447700900123"}


class Request(NamedTuple):
    """A webhook."""

    method: str
    path: str
    fields: dict[str, Any]


class Heard(NamedTuple):
    """The response to a webhook."""

    status: int
    body: bytes


@dataclass
class Stage:
    """A running server. `sign` makes the signature for a body; None means unsigned webhooks."""

    app: FastAPI
    sign: Callable[[bytes], str] | None = None
    ncco: list[dict[str, Any]] = field(default_factory=list)
    leg: str = ""

    async def ask(self, request: Request) -> Heard:
        """Send a webhook."""
        method, path, fields = request
        body = orjson.dumps(fields)
        headers = {"content-type": "application/json"}
        if self.sign is not None:
            headers["authorization"] = self.sign(body)
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://calls.example.com") as client:
            reply = await client.request(method, path, content=body, headers=headers)
        return Heard(reply.status_code, reply.content)

    async def played(self, request: Request) -> None:
        """Send a webhook, which must succeed; an NCCO in the response becomes the current one."""
        heard = await self.ask(request)
        assert 200 == heard.status, (request, heard)
        self.ncco = orjson.loads(heard.body) if heard.body else self.ncco

    async def ring(self) -> None:
        """Start a new call."""
        self.leg = uuid4().hex
        await self.played(self.answer())

    def answer(self) -> Request:
        """The answer webhook of the call."""
        return Request("POST", "/webhooks/answer", self.facts())

    def press(self, digits: str) -> Request:
        """The input webhook with digits."""
        return Request("POST", self.url("input"), {**self.facts(), "dtmf": {"digits": digits, "timed_out": False}})

    def event(self, status: str) -> Request:
        """An event of the dialled leg."""
        fields = {**self.facts(), "uuid": f"{self.leg}-b", "status": status, "direction": "outbound"}
        return Request("POST", self.url("event"), fields)

    def facts(self) -> dict[str, Any]:
        """The fields that most webhooks contain."""
        return {**CALLER, "uuid": self.leg, "conversation_uuid": f"CON-{self.leg}"}

    def url(self, kind: str) -> str:
        """The path of the last callback URL of a kind."""
        urls = [url for action in self.ncco for url in action.get("eventUrl", ())]
        return f"/webhooks/{[url for url in urls if f'/{kind}/' in url][-1].partition('/webhooks/')[2]}"


@asynccontextmanager
async def application(
    folder: Path,
    office: Office,
    flows: Path,
    database: str,
    *,
    secret: str,
    clock: Callable[[], datetime],
) -> AsyncIterator[FastAPI]:
    """Run the application. With a `secret` it checks signatures."""
    settings = settings_of(folder, office, flows, database, secret)
    write_line = configure_log(settings, io.TextIOWrapper(io.BytesIO()))
    app = create_app(settings, deadline_s=DEADLINE_S, clock=clock, write_line=write_line)
    async with app.router.lifespan_context(app):
        await _ready(Stage(app))
        yield app


async def _ready(stage: Stage) -> None:
    """Wait until the server is ready: on a busy machine, opening its store can take longer than a webhook waits."""
    async with asyncio.timeout(READY_S):
        while (await stage.ask(Request("GET", "/readyz", {}))).status != 200:  # noqa: ASYNC110 - of other tasks
            await asyncio.sleep(0.05)


def settings_of(folder: Path, office: Office, flows: Path, database: str, secret: str) -> Settings:
    """Settings for a server whose flows ask `office`, by a host name that needs a DNS lookup."""
    env_file = folder / "env"
    env_file.write_text(f"FLOW_OFFICE=http://localhost:{office.port}\n")
    return load_settings(
        env_file,
        public_url="https://calls.example.com",
        insecure=not secret,
        signature_secret=secret,
        flows=flows,
        templates=flows.parent / "templates",
        database_url=database,
        key="invented-key-of-the-stage-for-tests-only",
        dial_allow="44",
        log="json",
        python_lookups=("faults_weather",),
        reload=False,
    )
