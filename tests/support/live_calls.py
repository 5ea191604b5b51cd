"""Calls that come in at a server through a virtual Vonage in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ncco_studio.simulator.legs import Identity, Leg
from ncco_studio.simulator.rest.server import LiveVonage

WITHIN_S: Final = 60.0


async def call_in(live: LiveVonage, to: str) -> Leg:
    async with live.scheduler.in_step():
        return live.vonage.call_in(Identity(next(live.vonage.ids).hex, "inbound", "phone", to, "447700900123"))


async def until(claim: Callable[[], object]) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(WITHIN_S):
        while not claim():  # noqa: ASYNC110 - nobody else knows when it becomes true
            await asyncio.sleep(0.01)


async def press(live: LiveVonage, leg: Leg, keys: str) -> None:
    async with live.scheduler.in_step():
        leg.begin(leg.pressing(keys))


def heard(leg: Leg, *kinds: str) -> list[str]:
    """The texts of what the party hears, by default of prompts."""
    return [each.text for each in leg.transcript if each.kind in (kinds or ("talk",))]
