"""Calls to the whole application in this process: real flow files, a store in memory, webhooks as Vonage sends them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ncco_server.assembly import policy_of
from ncco_server.settings import load_settings
from ncco_server.web import create_app
from tests.support.memory_store import MemoryStore
from tests.support.webhooks import callback, facts, keys
from tests.unit.server.service.served_call import service_at

BASE = "https://calls.example.com"


@dataclass
class Host:
    """The application and its store, unless that is elsewhere."""

    client: httpx.AsyncClient
    store: MemoryStore = field(default_factory=MemoryStore)


@asynccontextmanager
async def serving(flows: Path, *, dial_allow: str = "", signature_key: bytes = b"") -> AsyncIterator[Host]:
    """Serve the flow files in `flows`, with `templates` beside the folder; `signature_key` signs the callback URLs."""
    settings = load_settings(None, public_url=BASE, database_url="memory://", dial_allow=dial_allow, reload=False)
    store = MemoryStore()
    await store.open()
    policy = policy_of(settings, (signature_key,) if signature_key else ())
    app = create_app(settings, service=await service_at(store, flows, policy), dev=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        yield Host(client, store)


class Caller:
    """One call, which remembers the current NCCO.

    Args:
        host: the application that gets the webhooks.
        leg: the uuid of the caller's leg.
        form: how the webhooks are sent: `json`, `form` or `query`.
    """

    def __init__(self, host: Host, leg: str = "3f9a1c77d2e84b0c9a5566778899aabb", form: str = "json") -> None:
        self.host = host
        self.leg = leg
        self.form = form
        self.ncco: list[dict[str, Any]] = []

    @property
    def common(self) -> dict[str, Any]:
        """The fields that most webhooks contain."""
        return facts(self.leg, to="442079460001", conversation_uuid="CON-1")

    @property
    def said(self) -> list[str]:
        """The texts of the current NCCO."""
        return [action["text"] for action in self.ncco if action["action"] == "talk"]

    @property
    def played(self) -> list[str]:
        """The names of the actions in the current NCCO."""
        return [action["action"] for action in self.ncco]

    def url(self, kind: str) -> str:
        """The last callback URL of a kind in the current NCCO."""
        return callback(self.ncco, kind)

    async def ring(self, flow: str = "", **fields: Any) -> httpx.Response:
        """Send the answer webhook."""
        return await self.send(f"/webhooks/answer/{flow}", {**self.common, **fields})

    async def press(self, digits: str, url: str = "") -> httpx.Response:
        """Send the input webhook with digits."""
        return await self.send(url or self.url("input"), {**self.common, **keys(digits)})

    async def dial(self, status: str, url: str = "") -> httpx.Response:
        """Send an event of the dialled leg."""
        fields = {**self.common, "uuid": f"{self.leg}-b", "status": status, "direction": "outbound"}
        return await self.send(url or self.url("event"), fields)

    async def send(self, url: str, fields: Mapping[str, Any]) -> httpx.Response:
        """Send a webhook in this caller's form; an NCCO in the reply becomes the current one."""
        flat = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in fields.items()}
        if self.form == "query":
            response = await self.host.client.get(url, params=flat)
        elif self.form == "form":
            response = await self.host.client.post(url, data=flat)
        else:
            response = await self.host.client.post(url, json=fields)
        if response.status_code == httpx.codes.OK and response.content:
            self.ncco = response.json()
        return response
