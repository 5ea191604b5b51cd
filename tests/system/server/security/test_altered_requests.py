"""The whole server never accepts an altered webhook, whatever was altered."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest
import structlog
from starlette.types import Message

from ncco_server.assembly import policy_of
from ncco_server.flow.loader import load
from ncco_server.service.calls import CallService
from ncco_server.settings import load_settings
from ncco_server.vonage.signatures import Verifier
from ncco_server.web import create_app
from tests.support.cases import each_case
from tests.support.memory_store import MemoryStore
from tests.system.server.security.altered import (
    ALTERATIONS,
    API_KEY,
    APPLICATION,
    NOW_S,
    SECRET,
    Request,
    altered_requests,
    genuine,
)

FLOW = 'flow: a\ndefault: true\nstart: s\nsteps:\n  s: {do: [{talk: "Hello."}], goto: end}\n'
COUNT = 3_000


class Server:
    """The application, with access to its store."""

    def __init__(self) -> None:
        settings = load_settings(
            None,
            public_url="https://calls.example.com",
            database_url="memory://",
            signature_secret=SECRET,
            api_key=API_KEY,
            application_id=APPLICATION,
        )
        self.store = MemoryStore()
        self.service = CallService(self.store, lambda: load({"flows/a.yaml": FLOW}), policy_of(settings))
        log = structlog.wrap_logger(structlog.ReturnLogger(), processors=[lambda *_: ""])
        clock = lambda: datetime.fromtimestamp(NOW_S, UTC)  # noqa: E731 - short
        app = create_app(settings, service=self.service, clock=clock, log=log)
        self.app = app

    async def status(self, request: Request) -> int:
        """The status of a response. The application gets the request directly, since clients refuse to send some."""
        is_get = request.method == "GET"
        scope = {
            "type": "http",
            "method": request.method,
            "path": "/webhooks/answer",
            "query_string": request.payload if is_get else b"",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in request.sent_headers],
            "scheme": "https",
        }
        statuses: list[int] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"" if is_get else request.payload}

        async def send(message: Message) -> None:
            statuses.append(message.get("status", 0))

        await self.app(scope, receive, send)
        return statuses[0]


@pytest.fixture
async def server() -> Server:
    server = Server()
    await server.store.open()
    await server.service.library.reload()
    return server


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_requests_signed_by_vonage_are_accepted(server: Server, method: str) -> None:
    assert 200 == await server.status(genuine(method))


async def test_none_of_thousands_of_altered_webhooks_is_accepted(server: Server) -> None:
    requests = list(islice(altered_requests(seed=20_260), COUNT))
    taken = [request for _, request in requests if await server.status(request) not in (401, 503)]

    assert [] == taken
    assert {make.__name__ for make in ALTERATIONS} == {kind for kind, _ in requests}
    assert ([], {}) == (server.store.webhooks, server.store.sessions)


@each_case("seconds", [-300, -60, 0, 60, 300])
def test_clocks_may_be_minutes_apart(seconds: int) -> None:
    request = genuine("POST")

    assert Verifier([SECRET]).verify(request.token.encode(), "POST", request.payload, NOW_S + seconds)
