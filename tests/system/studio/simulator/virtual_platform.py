"""A virtual Vonage in virtual time, used only through its REST API and webhooks, for the questions of live tests."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from ncco_server.ncco.signing import compact_json
from ncco_server.vonage.application_token import ApplicationTokens
from ncco_server.vonage.voice_api import VoiceApi
from ncco_studio.simulator.assumptions import Assumptions
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application, Chaos, NetworkFault
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.rest.access import Access
from ncco_studio.simulator.rest.api import Platform, calls_api
from ncco_studio.simulator.servers import Request, Response
from tests.live.line import Line
from tests.support.keys import private_pem, rsa_key

NUMBERS: Final = ("442079460001", "442079460002")
BASE_URL: Final = "https://check.example.com/check"
APPLICATION_ID: Final = "5f0c3b8e-6d1a-4c7e-9a55-2f1e0b7c9d10"
MOST_LATE_S: Final = 0.2
MOST_SLOW_S: Final = 0.1


class Internet(Chaos):
    """Every webhook arrives with a delay of at most `MOST_LATE_S`, so some overtake others."""

    def __init__(self, seed: str) -> None:
        super().__init__(0)
        self._luck = random.Random(seed)  # noqa: S311 - reproducible, not secret

    def next_fault(self, *, is_awaited: bool) -> NetworkFault:
        late_s = self._luck.uniform(0, MOST_LATE_S)
        return NetworkFault(late_s=round(late_s, 3), slow_s=round(self._luck.uniform(0, MOST_SLOW_S), 3))


class VirtualPlatform:
    """A virtual Vonage, and a line whose calls it plays."""

    def __init__(self, assumes: Assumptions, *, seed: str) -> None:
        application = Application(
            f"{BASE_URL}/answer",
            f"{BASE_URL}/event",
            f"{BASE_URL}/fallback",
            signature_secret="s" * 32,
            application_id=APPLICATION_ID,
            numbers=NUMBERS,
            region_url="http://vonage.example",
            assumes=assumes,
        )
        clock = VirtualClock(datetime(2026, 11, 26, 9, tzinfo=UTC))
        self.vonage = Vonage(application, self, clock, seed=seed, chaos=Internet(seed))
        key = rsa_key("platform")
        api = calls_api(Platform(self.vonage, Access(APPLICATION_ID, key.public_key(), clock)))
        client = httpx.AsyncClient(transport=httpx.ASGITransport(api))
        tokens = ApplicationTokens(APPLICATION_ID, private_pem(key))
        voice_api = VoiceApi(client, "http://127.0.0.1:9000", tokens, clock, self.vonage.run)
        self.line = Line(voice_api, BASE_URL, NUMBERS, lambda: clock.ms / 1000, self.vonage.run)

    @property
    def now(self) -> datetime:
        return self.vonage.clock()

    async def deliver(self, request: Request) -> Response:
        url = urlsplit(request.url)
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = url.path.removeprefix(urlsplit(BASE_URL).path)
        reply = self.line.receive(path, request.method, url.query, headers, request.body)
        body = "" if reply.body is None else compact_json(reply.body)
        sent = {"content-type": "application/json"} | reply.headers
        return Response(reply.status, sent, body.encode(), reply.delay_s)
