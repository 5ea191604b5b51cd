"""Handles the webhooks of calls and replies to them."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import Final

from ncco_server.errors import StoreUnavailable
from ncco_server.flow.frame import CallbackKind
from ncco_server.service import agents, answers, events, fallbacks, placing, waits
from ncco_server.service.delivery import Delivery, Reply
from ncco_server.service.jobs import JOBS
from ncco_server.service.outages import reply_without_store, store_unstored
from ncco_server.service.turns import Turns
from ncco_server.store import Store

PROBE_S: Final = JOBS["probe-store"]
"""This is also the time limit of a probe."""
AWAY_AFTER: Final = 2
"""So many failed probes in a row are an outage.

Vonage's retry outlasts a shorter one and gets the whole flow; our choice.
"""


class StoreProbe:
    """The latest probes of the store, in the background, because a probe writes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._failed = 0
        self.problem = "the store has not been checked yet"

    @property
    def outage(self) -> str:
        """Return "" until the store has been unavailable for some time."""
        return self.problem if self._failed >= AWAY_AFTER else ""

    async def run(self) -> None:
        try:
            async with asyncio.timeout(PROBE_S):
                await self._store.check()
        except StoreUnavailable as error:
            self.problem = f"the store cannot be written to: {error}"
        except TimeoutError:
            self.problem = f"the store does not answer within {PROBE_S:g} seconds"
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end the probing
            self.problem = f"the store cannot be checked: {type(error).__name__}"
        else:
            self.problem = ""
        self._failed = self._failed + 1 if self.problem else 0


class CallService(Turns):
    """Answers, resumes and records calls."""

    @cached_property
    def store_probe(self) -> StoreProbe:
        return StoreProbe(self.store)

    async def answer(self, delivery: Delivery, flow: str | None = None) -> Reply:
        """During an outage, the store is not asked."""
        if problem := self.store_probe.outage:
            return self.without_store(delivery, flow, f"the store is unavailable: {problem}")
        return await answers.answer(self, delivery, flow)

    async def placed_answer(self, token: str, delivery: Delivery) -> Reply:
        """Raise UnknownWait if this server did not sign the token."""
        return await placing.answer(self, token, delivery)

    async def hand_back(self, token: str, delivery: Delivery) -> agents.AgentReply:
        """Raise UnknownWait if this server did not sign the token."""
        return await agents.hand_back(self, token, delivery)

    async def said(self, token: str, delivery: Delivery) -> agents.AgentReply:
        """Raise UnknownWait if this server did not sign the token."""
        return await agents.said(self, token, delivery)

    async def resume(self, kind: CallbackKind, token: str, delivery: Delivery) -> Reply:
        """Raise UnknownWait if this server did not sign the token."""
        return await waits.resume(self, kind, token, delivery)

    async def event(self, delivery: Delivery) -> Reply:
        """End a call's session at `completed` on its own leg."""
        return await events.record(self, delivery)

    async def placed_event(self, token: str, delivery: Delivery) -> Reply:
        """The result of machine detection may move the call. Raises UnknownWait."""
        return await placing.note_event(self, token, delivery) or await self.event(delivery)

    async def fallback(self, delivery: Delivery) -> Reply:
        """Raise UnknownWait if this server did not sign the token of the failed URL."""
        return await fallbacks.fall_back(self, delivery)

    async def probe_store(self) -> None:
        """Store the calls of an outage once it is over."""
        await self.store_probe.run()
        if self.unstored and not self.store_probe.problem:
            await store_unstored(self)

    def without_store(self, delivery: Delivery, flow: str | None, problem: str) -> Reply:
        return reply_without_store(self, delivery, flow, problem)
