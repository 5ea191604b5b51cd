"""A telephone line to a server under test: one call over it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from app.cli.simulating.insight import Insight, Outward
from app.cli.simulating.own_server import Inside, Own
from app.flow.model import Flow
from app.simulator import (
    Application,
    AsgiServer,
    Chaos,
    Durations,
    HttpServer,
    Parties,
    PhoneCall,
    VirtualClock,
    Vonage,
)
from app.verify.scenarios.distant import require_reached
from app.verify.scenarios.model import CallFacts
from app.verify.scenarios.stage import application_of, call_facts

SEED: Final = "ncco simulate"
"""Of the ids of every call to a server of our own: the same call is the same in every run."""


@dataclass(frozen=True, slots=True)
class Network:
    """What is outside of the server.

    Attributes:
        chaos: a seed of bad luck; None: nothing goes wrong.
        streams: seconds of audio files, by URL.
    """

    chaos: int | None = None
    streams: Mapping[str, float] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, Any]:
        """For `Vonage`."""
        luck = None if self.chaos is None else Chaos(self.chaos)
        return {"chaos": luck, "durations": Durations(self.streams)}


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
    def is_failsafe(self) -> bool:
        """Whether the caller heard nothing of what the server is there for."""
        is_silent = not any(delivery.ncco for delivery in self.call.log)
        return is_silent or (self.inside is not None and self.inside.is_failsafe)


@asynccontextmanager
async def own_line(own: Own, facts: CallFacts, flows: Iterable[Flow], network: Network) -> AsyncIterator[Line]:
    """A line to the server of a project, in this process."""
    clock, inside = VirtualClock(facts.at), Inside(own)
    await inside.start(clock)
    server = AsgiServer(inside.app, clock, patience_s=24 * 3600.0)
    vonage = Vonage(application_of(facts), server, clock, Parties(other=None), **network.words, seed=SEED)
    call = await vonage.call(**call_facts(facts, flows))
    yield Line(clock, vonage, call, inside, inside)


@asynccontextmanager
async def outer_line(address: Application, facts: CallFacts, network: Network) -> AsyncIterator[Line]:
    """A line to a server at a URL, which may remember calls: each has ids of its own. Raises NoServer."""
    clock = VirtualClock(facts.at)
    async with HttpServer() as http:
        seed = secrets.token_hex(16)
        vonage = Vonage(address, http, clock, Parties(other=None), **network.words, seed=seed)
        call = await vonage.call(**call_facts(facts, ()))
        require_reached(call)
        yield Line(clock, vonage, call, Outward(call))
