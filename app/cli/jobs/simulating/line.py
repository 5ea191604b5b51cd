"""A telephone line to a server under test: one call over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from app.cli.jobs.simulating.insight import Insight, Outward
from app.cli.jobs.simulating.own_server import Inside, Own
from app.flow.model import Flow
from app.simulator import Application, AsgiServer, HttpServer, Parties, PhoneCall, VirtualClock, Vonage
from app.verify.scenarios.faults import FaultyServer, Kind
from app.verify.scenarios.model import CallFacts
from app.verify.scenarios.stage import application_of, call_facts

SEED = "ncco simulate"
"""Of the ids of every call: the same call is the same in every run."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server at URLs.

    Attributes:
        answer_url, event_url, fallback_url: as they would be entered at Vonage; "" for none.
        method: of the answer webhook and the fallback.
        signature_secret, api_key, application_id: what webhooks are signed with; "" for unsigned ones.
    """

    answer_url: str
    event_url: str = ""
    fallback_url: str = ""
    method: Literal["GET", "POST"] = "GET"
    signature_secret: str = ""
    api_key: str = ""
    application_id: str = ""

    @property
    def application(self) -> Application:
        """As the simulator takes it. A server that somebody else has written is given no time on our clock."""
        return Application(
            self.answer_url,
            self.event_url,
            self.fallback_url,
            answer_method=self.method,
            signature_secret=self.signature_secret,
            api_key=self.api_key,
            application_id=self.application_id,
        )


@dataclass(slots=True)
class Line:
    """A call that has been placed.

    Attributes:
        clock: virtual time.
        vonage: the platform.
        call: what the caller experiences.
        insight: what can be seen of the server.
        inside: the server itself when it is in this process.
    """

    clock: VirtualClock
    vonage: Vonage
    call: PhoneCall
    insight: Insight
    inside: Inside | None = None

    @property
    def zero_s(self) -> float:
        """When the call was answered, in seconds of the clock."""
        return self.clock.ms / 1000 - self.call.at

    @property
    def faults(self) -> Iterable[str]:
        """What the platform could not play or deliver so far."""
        for delivery in self.vonage.log:
            if delivery.verdict is not None and delivery.verdict.failure:
                problem = f" {delivery.verdict.problem}" if delivery.verdict.problem else ""
                yield f"{delivery.kind} webhook to {delivery.message.url}: {delivery.verdict.failure}{problem}"

    @property
    def is_failsafe(self) -> bool:
        """Whether the caller heard nothing of what the server is there for."""
        is_silent = not any(delivery.ncco for delivery in self.call.log)
        return is_silent or (self.inside is not None and self.inside.is_failsafe)


@dataclass(slots=True, kw_only=True)
class OuterLine(Line):
    """A call to a server at a URL.

    Attributes:
        server: the way to it.
        parties: what dialled parties do.
    """

    server: FaultyServer
    parties: Parties


@asynccontextmanager
async def own_line(own: Own, facts: CallFacts, flows: Iterable[Flow]) -> AsyncIterator[Line]:
    """A line to the server of a project, in this process."""
    clock, inside = VirtualClock(facts.at), Inside(own)
    await inside.start(clock)
    server = AsgiServer(inside.app, clock, patience_s=24 * 3600.0)
    vonage = Vonage(application_of(facts), server, clock, Parties(other=None), seed=SEED)
    call = await vonage.call(**call_facts(facts, flows))
    yield Line(clock, vonage, call, inside, inside)


@asynccontextmanager
async def outer_line(
    address: Address, facts: CallFacts, parties: Parties | None = None, faults: Iterable[Kind] = ()
) -> AsyncIterator[OuterLine]:
    """A line to a server at a URL.

    Args:
        address: the server.
        facts: who calls whom, and when.
        parties: what dialled parties do; None: each dial waits until it is decided.
        faults: what the first webhooks meet.
    """
    clock, called = VirtualClock(facts.at), parties or Parties(other=None)
    async with HttpServer() as http:
        server = FaultyServer(http)
        server.ordered += faults
        vonage = Vonage(address.application, server, clock, called, seed=SEED)
        call = await vonage.call(**call_facts(facts, ()))
        yield OuterLine(clock, vonage, call, Outward(call), server=server, parties=called)
