"""Calls that Vonage would make, to several hosts behind a proxy that tries the next one when one is away."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

RETRIED = (429, 503, 504)
"""Status codes that make Vonage ask again. Source: webhook reference, retries."""


@dataclass(slots=True)
class Vonage:
    """Sends webhooks.

    Attributes:
        addresses: of the hosts, `host:port`.
        failed: webhooks that no host answered with an NCCO.
        passed_on: how often a host was away and the next one was asked.
    """

    addresses: Sequence[str]
    failed: list[str] = field(default_factory=list)
    passed_on: int = 0
    _client: httpx.AsyncClient = field(init=False)
    _turns: itertools.count[int] = field(default_factory=itertools.count)

    async def __aenter__(self) -> Self:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        self._client = httpx.AsyncClient(timeout=30, limits=limits)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def post(self, path: str, body: dict[str, Any], first: int | None = None) -> bytes:
        """The reply to a webhook. It goes to the hosts in turn, or to host number `first` first."""
        start = next(self._turns) if first is None else first
        for place in range(start, start + len(self.addresses)):
            try:
                answer = await self._client.post(
                    f"http://{self.addresses[place % len(self.addresses)]}{path}", json=body
                )
            except httpx.TransportError:
                self.passed_on += 1
                continue
            if answer.status_code not in RETRIED:
                break
            self.passed_on += 1
        else:
            self.failed.append(path)
            return b""
        if answer.status_code != 200:
            self.failed.append(f"{path} {answer.status_code}")
        return answer.content

    async def answer(self, leg: str, first: int | None = None) -> bytes:
        """The first NCCO of a call."""
        call = {"to": "442079460000", "from": "447700900123", "uuid": leg, "conversation_uuid": f"CON-{leg}"}
        return await self.post("/webhooks/answer", call, first)

    async def press(self, ncco: bytes, leg: str, digits: str = "1", first: int | None = None) -> bytes:
        """What comes after a key at the input of an NCCO."""
        body = {"uuid": leg, "conversation_uuid": f"CON-{leg}", "dtmf": {"digits": digits, "timed_out": False}}
        return await self.post(input_of(ncco), body, first)

    async def hang_up(self, leg: str) -> None:
        """Report the end of a call."""
        await self.post("/webhooks/event", {"uuid": leg, "status": "completed", "direction": "inbound"})

    async def whole_call(self, leg: str, pause_s: float = 0.0) -> list[int]:
        """Go through the call to its end; the releases that were heard."""
        ncco, heard = await self.answer(leg), list[int]()
        for _ in range(3):
            heard += releases_in(ncco)
            await asyncio.sleep(pause_s)
            ncco = await self.press(ncco, leg)
        heard += releases_in(ncco)
        await self.hang_up(leg)
        return heard


def input_of(ncco: bytes) -> str:
    """The path of the callback of an NCCO's input."""
    found = re.search(rb"https://calls\.example\.com/webhooks/input/[\w-]+", ncco)
    return urlsplit(found[0].decode()).path if found else "/webhooks/input/none"


def releases_in(ncco: bytes) -> list[int]:
    """The releases whose prompts stand in an NCCO, in their order."""
    return [int(number) for number in re.findall(rb"Release (\d+)", ncco)]
