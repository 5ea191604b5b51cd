"""Shortcuts for lookups."""

from __future__ import annotations

from typing import Any, Final

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.flow.language.lookups import LookupRequest
from ncco_server.service.lookups import LookupClient, lookups_of_turn

PATIENCE_MS: Final = 30_000
"""What a request may take whose limit no test is about: the machine may be busy."""


def lookup(request: LookupRequest, name: str = "customer", key: str = "leg:1:flow.step.customer") -> Lookup:
    return Lookup("step", name, request, key)


def get(url: str, *, timeout_ms: int = PATIENCE_MS, **more: Any) -> LookupRequest:
    return LookupRequest("GET", url, timeout_ms=timeout_ms, **more)


async def ask(client: LookupClient, *requests: LookupRequest) -> tuple[LookupAnswer, ...]:
    """The answers of a turn that sends all lookups at once."""
    return await lookups_of_turn(client.answer, client.budget_ms)(tuple(lookup(request) for request in requests))


async def ask_one(client: LookupClient, request: LookupRequest) -> LookupAnswer:
    """The answer of a turn with one lookup."""
    return (await ask(client, request))[0]
