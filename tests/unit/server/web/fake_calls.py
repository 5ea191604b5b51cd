"""A service whose replies the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx

from ncco_server.engine import CallData
from ncco_server.errors import StoreUnavailable, UnknownWait
from ncco_server.flow.frame import CallbackKind
from ncco_server.flow.model import Project
from ncco_server.service.calls import CallService, StoreProbe
from ncco_server.service.delivery import Delivery, Reply
from ncco_server.service.library import Library
from ncco_server.settings import Settings, load_settings
from ncco_server.web import create_app
from ncco_server.web.log import WriteLine
from tests.support.memory_store import MemoryStore

NCCO = b'[{"action":"talk","text":"Welcome."}]'
FAILSAFE = b'[{"action":"talk","text":"Please call later."}]'
LEG = CallData(uuid="leg-1", conversation_uuid="CON-1")
ANSWERED = Reply(NCCO, "answer", "answer", "acme", "menu", LEG)
UNSTORED = Reply(NCCO, "fallback", "no-store", "acme", "sorry", LEG, is_unstored=True)
RECORDED = Reply(None, "event-ringing", "recorded", call=LEG)
EMPTY = Project({}, (), {})

Act = Callable[[Delivery], Awaitable[Any]]


async def play(_: Delivery) -> Any:
    return ANSWERED


async def record(_: Delivery) -> Any:
    return RECORDED


async def crash(_: Delivery) -> Any:
    raise KeyError("447700900123")


async def be_cancelled(_: Delivery) -> Any:
    raise asyncio.CancelledError


async def hang(_: Delivery) -> Any:
    await asyncio.sleep(3600)


async def lose_store(_: Delivery) -> Any:
    raise StoreUnavailable("disk full")


async def not_know_wait(_: Delivery) -> Any:
    raise UnknownWait("no such wait")


async def exhaust_stack(_: Delivery) -> Any:
    raise RecursionError


def give(result: object) -> Act:
    async def act(_: Delivery) -> Any:
        return result

    return act


class FakeCalls:
    """Keeps every delivery, and runs `act` for each."""

    def __init__(self, act: Act = play, *, fallback: Act | None = None, store: MemoryStore | None = None) -> None:
        self.act = act
        self.fallback_act = fallback or act
        self.failsafe = FAILSAFE
        self.store = store or MemoryStore()
        self.store_probe = StoreProbe(self.store)
        self.library = Library(self.store, lambda: EMPTY)
        self.asked: list[tuple[str, str, Delivery]] = []

    async def probe_store(self) -> None:
        await self.store_probe.run()

    async def answer(self, delivery: Delivery, flow: str | None = None) -> Reply:
        return await self._act("answer", flow or "", delivery)

    async def resume(self, kind: CallbackKind, token: str, delivery: Delivery) -> Reply:
        return await self._act(kind, token, delivery)

    async def placed_answer(self, token: str, delivery: Delivery) -> Reply:
        return await self._act("placed", token, delivery)

    async def placed_event(self, token: str, delivery: Delivery) -> Reply:
        return await self._act("placed event", token, delivery)

    async def event(self, delivery: Delivery) -> Reply:
        return await self._act("events", "", delivery)

    async def fallback(self, delivery: Delivery) -> Reply:
        self.asked.append(("fallback", "", delivery))
        reply: Reply = await self.fallback_act(delivery)
        return reply

    def without_store(self, delivery: Delivery, flow: str | None, problem: str) -> Reply:
        self.asked.append(("without store", flow or "", delivery))
        return UNSTORED

    async def _act(self, what: str, argument: str, delivery: Delivery) -> Reply:
        self.asked.append((what, argument, delivery))
        reply: Reply = await self.act(delivery)
        return reply

    @property
    def delivery(self) -> Delivery:
        """The last delivery."""
        return self.asked[-1][2]


def settings_with(**values: Any) -> Settings:
    return load_settings(None, **({"database_url": "memory://"} | values))


def client_of(
    calls: FakeCalls | CallService,
    *,
    dev: bool = True,
    deadline_s: float = 4.0,
    write_line: WriteLine | None = None,
    **values: Any,
) -> httpx.AsyncClient:
    """A client in this process; an exception of the server becomes a 500, as with a real one."""
    service = cast(CallService, calls)
    app = create_app(settings_with(**values), service=service, dev=dev, deadline_s=deadline_s, write_line=write_line)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")
