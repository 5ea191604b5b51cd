"""This project's own server in this process, with signed webhooks and virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ncco_server.settings import load_settings
from ncco_server.web import create_app
from ncco_studio.simulator.clock import START, VirtualClock
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.servers import AsgiServer

ROOT = Path(__file__).parents[4]
BASE = "https://calls.example.com"
ACCOUNT = {"signature_secret": "invented-signature-secret-for-tests-only", "api_key": "ab12cd34"}
APPLICATION_ID = "7d0e1f2a-3333-4444-8555-666677778888"


@asynccontextmanager
async def own_line(
    flows: Path,
    parties: dict[str, Any] | None = None,
    *,
    start: datetime = START,
    other: Behaviour | None = None,
    database_url: str = "memory://",
    env_file: Path | None = None,
    **settings: Any,
) -> AsyncIterator[Vonage]:
    """A simulated platform whose application is this project's server with the flows in a folder."""
    clock = VirtualClock(start)
    loaded = load_settings(
        env_file,
        public_url=BASE,
        database_url=database_url,
        flows=flows,
        templates=flows.parent / "templates",
        reload=False,
        application_id=APPLICATION_ID,
        **ACCOUNT,
    )
    urls = {f"{name}_url": f"{BASE}/webhooks/{name}" for name in ("answer", "event", "fallback")}
    application = Application(**(urls | ACCOUNT | {"application_id": APPLICATION_ID} | settings))
    app = create_app(loaded, clock=clock)
    server = AsgiServer(app, clock)
    async with app.router.lifespan_context(app):
        known = Parties(parties or {}, other or Behaviour())
        yield Vonage(application, server, clock, known)
        assert [] == server.faults
