"""A server that places calls with a virtual Vonage, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import orjson

from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_server.service.calls import CallService
from ncco_server.service.placing.placer import Placer, PlacingPolicy
from ncco_server.service.placing.requests import WantedCall, checked
from ncco_server.service.placing.webhooks import urls_of
from ncco_server.service.poller import PollListener
from ncco_server.service.turns import Policy
from ncco_server.store import AttemptRow, PlacedCounts, PlacedRow, PlacingLimits, Store
from ncco_server.vonage.application_token import ApplicationTokens
from ncco_server.vonage.voice_api import VoiceApi
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.rest.access import Access
from ncco_studio.simulator.rest.api import Platform, calls_api
from ncco_studio.simulator.servers import AsgiServer, Request, Response
from ncco_studio.verify.scenarios.stage import make_app
from tests.support.application_api import APPLICATION_ID
from tests.support.keys import private_pem, rsa_key

BASE: Final = "https://ncco.example"
AT: Final = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
TO: Final = "447700900123"
MANY: Final = PlacingLimits(1_000_000, 1_000_000)
REMINDER: Final = """
flow: reminder
params: {name: text, pin: {type: text, default: "", sensitive: true}}
outbound:
  from: "442079460001"
  ringing_timer: 30s
  retry: {on: [timeout, busy, unanswered], after: 10m, tries: 3}
  expires: 2h
  on:
    answered: hello
    otherwise: {send: not_reached}
    unknown: {send: check_by_hand}
hooks:
  not_reached: {post: "https://crm.example/not-reached"}
  check_by_hand: {post: "https://crm.example/check"}
start: hello
steps:
  hello:
    do: [{talk: "Hello {{ name }}."}]
    choices: {yes: {dtmf: 1, goto: thanks}}
    retry: {then: thanks}
  thanks: {do: [{talk: "Thank you."}], goto: end}
"""


PLAIN_REMINDER: Final = REMINDER.replace(
    "  retry: {on: [timeout, busy, unanswered], after: 10m, tries: 3}\n  expires: 2h\n", "  quiet: false\n"
)
"""The same with one attempt, at any time."""


class Lost(httpx.AsyncBaseTransport):
    """Lets requests for new calls pass or fail, as `faults` says: `refused` before, `lost` after Vonage has acted.

    A status, such as `429`, may have a `Retry-After`: `429 120`.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.faults: list[str] = []
        self.requested = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, or fail."""
        is_new = request.method == "POST"
        self.requested += is_new
        fault = self.faults.pop(0) if is_new and self.faults else ""
        if fault == "refused":
            raise httpx.ConnectError("connection refused")
        status, _, retry_after = fault.partition(" ")
        if status.isdecimal():
            problem = orjson.dumps({"title": "Refused", "detail": "by the test"})
            headers = {"retry-after": retry_after} if retry_after else {}
            return httpx.Response(int(status), headers=headers, stream=httpx.ByteStream(problem))
        response = await self._inner.handle_async_request(request)
        if fault == "lost":
            raise httpx.ReadError("connection lost")
        return response


class LossyServer:
    """Delivers webhooks to a server, except those of statuses that are `lost`."""

    def __init__(self, server: AsgiServer) -> None:
        self._server = server
        self.lost = frozenset[str]()
        self.delivered: list[tuple[Request, Response]] = []

    @property
    def now(self) -> datetime:
        """See `Server`."""
        return self._server.now

    async def deliver(self, request: Request) -> Response:
        """Deliver the webhook, or lose it."""
        status = orjson.loads(request.body).get("status", "answer") if request.body else "answer"
        if status in self.lost:
            return Response(0, failure="closed")
        response = await self._server.deliver(request)
        self.delivered.append((request, response))
        return response


class Reports(PollListener[PlacedCounts]):
    """The reports of the placer."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def troubled(self, problem: str) -> None:
        """Keep the report."""
        self.problems.append(problem)


@dataclass
class World:
    """The server, its placer and the virtual Vonage.

    Attributes:
        requests: of the placer to the virtual Vonage; its faults can be set.
        reports: problems of the placer.
        projects: the last one is in use.
        log: warnings and errors of the server.
    """

    store: Store
    service: CallService
    vonage: Vonage
    clock: VirtualClock
    placer: Placer
    requests: Lost
    reports: Reports
    server: LossyServer
    projects: list[Project]
    log: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self.clock.at(self.clock.ms)

    async def want(self, to: str = TO, **more: Any) -> PlacedRow:
        """Ask for a call. Raises RefusedRequest."""
        given = {"flow": "reminder", "values": {"name": "Ada"}, "origin": "cli", **more}
        row = checked(
            WantedCall(to=to, **given),
            self.service.library.current.flows,
            self.service.policy.dial_allow,
            self.now,
            self.service.policy.keys,
        )
        return (await self.store.placed.add([row]))[0]

    async def use(self, flows: str) -> None:
        """Replace the flows."""
        self.projects.append(_project(flows))
        await self.service.library.reload(confirms_removals=True)

    async def place(self) -> None:
        """Run everything that a placer does at this moment."""
        while claimed := await self.placer.claim(1):
            for attempt in claimed:
                await self.placer.run_one(attempt)

    async def run(self, seconds: float, step_s: float = 1.0) -> None:
        """Let time pass; the placer looks every second."""
        end = self.clock.ms + int(seconds * 1000)
        while self.clock.ms < end:
            await self.place()
            until = min(self.clock.ms + int(step_s * 1000), end)
            await self.vonage.scheduler.advance(lambda: False, until_ms=until)

    async def receive(self, attempt: AttemptRow, status: str, leg: str = "") -> Response:
        """Deliver a webhook of an attempt whose leg this Vonage does not know: a status event, or "" for the answer."""
        answer_url, event_url = urls_of(BASE, self.service.policy.keys[0], attempt)
        uuid = leg or f"leg-{attempt.placed}"
        fields = {"to": attempt.to_number, "from": "442079460001", "conversation_uuid": f"CON-{uuid}"}
        fields |= {"call_uuid" if status in ("human", "machine") else "uuid": uuid}
        fields |= {"status": status} if status else {}
        headers = {"content-type": "application/json"}
        url = event_url if status else answer_url
        return await self.server.deliver(Request("POST", url, headers, orjson.dumps(fields)))

    @property
    def legs(self) -> list[Leg]:
        """Every call that Vonage placed."""
        return list(self.vonage.legs.values())

    async def known(self, id_: str) -> PlacedRow:
        """The stored call."""
        row = await self.store.placed.get(id_)
        assert row is not None
        return row

    async def attempts(self, id_: str) -> list[AttemptRow]:
        """Its attempts."""
        return await self.store.placed.attempts(id_)

    async def hooks(self) -> list[tuple[str, Any]]:
        """The waiting hooks, by name, with their bodies."""
        return [(hook.name, orjson.loads(hook.body)) for hook in await self.store.hooks.first(100)]


def _project(flows: str) -> Project:
    project = load({f"flows/{number}.yaml": text for number, text in enumerate(flows.split("---\n"))})
    assert not [issue for issue in project.issues if issue.is_error], project.issues
    return project


@asynccontextmanager
async def placing_world(
    store: Store,
    parties: Mapping[str, Behaviour | Sequence[Behaviour]] | None = None,
    *,
    flows: str = REMINDER,
    at: datetime = AT,
    keeps_hours: bool = True,
    speed: float = 1.0,
) -> AsyncIterator[World]:
    """An open world; opens `store`."""
    clock = VirtualClock(at)
    projects = [_project(flows)]
    failsafe = ({"action": "talk", "text": "Sorry."},)
    policy = Policy(keys=(b"key of the test",), failsafe=failsafe, dial_allow=("44", "1"), speed=speed)
    service = CallService(store, lambda: projects[-1], policy)
    log: list[str] = []
    app = make_app(service, lambda: clock.at(clock.ms), log)
    application = Application("", f"{BASE}/webhooks/event", application_id=APPLICATION_ID)
    server = LossyServer(AsgiServer(app, clock, 10.0))
    vonage = Vonage(application, server, clock, Parties(parties or {}))
    access = Access(APPLICATION_ID, rsa_key().public_key(), lambda: clock.at(clock.ms))
    requests = Lost(httpx.ASGITransport(calls_api(Platform(vonage, access))))
    reports = Reports()
    async with store, httpx.AsyncClient(transport=requests) as client:
        await service.library.reload()
        tokens = ApplicationTokens(APPLICATION_ID, private_pem(rsa_key()))

        async def no_wait(seconds: float) -> None:
            """Time is virtual."""

        api = VoiceApi(client, "http://localhost", tokens, lambda: clock.at(clock.ms), no_wait)
        placing = PlacingPolicy(base_url=BASE, limits=MANY, keeps_hours=keeps_hours)
        placer = Placer(service, api, placing, reports, lambda: clock.at(clock.ms))
        yield World(store, service, vonage, clock, placer, requests, reports, server, projects, log)
