"""Vonage's calls to several hosts behind a proxy that asks the next host if one is away."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tests.support.webhooks import facts, keys, signed_post

RETRIED = (429, 503, 504)
"""Status codes after which Vonage retries. Source: webhook reference, retries."""


@dataclass(slots=True)
class Vonage:
    """Sends webhooks.

    Attributes:
        addresses: the hosts' addresses, `host:port`.
        failed: webhooks that no host answered with an NCCO.
        passed_on: how often a host was away and the next one was asked.
        acknowledged: how many webhooks of each leg were answered with 200.
        secret: the signature secret; "" for unsigned webhooks.
    """

    addresses: Sequence[str]
    failed: list[str] = field(default_factory=list)
    passed_on: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    secret: str = ""
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
        """Send a webhook and return the reply. It goes to the hosts in turn, or first to host number `first`."""
        start = next(self._turns) if first is None else first
        content = json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        if self.secret:
            headers["authorization"] = signed_post(content, self.secret)
        for place in range(start, start + len(self.addresses)):
            try:
                answer = await self._client.post(
                    f"http://{self.addresses[place % len(self.addresses)]}{path}", content=content, headers=headers
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
        if answer.status_code == 200:
            self.acknowledged[body["uuid"]] += 1
        else:
            self.failed.append(f"{path} {answer.status_code}")
        return answer.content

    async def answer(self, leg: str, first: int | None = None) -> bytes:
        """Send the answer webhook. Returns the first NCCO of the call."""
        return await self.post("/webhooks/answer", facts(leg), first)

    async def press(self, ncco: bytes, leg: str, digits: str = "1", first: int | None = None) -> bytes:
        """Press a key at an NCCO's input. Returns the next NCCO."""
        return await self.post(input_of(ncco), facts(leg, **keys(digits)), first)

    async def hang_up(self, leg: str) -> None:
        """Report the end of a call."""
        await self.post("/webhooks/event", {"uuid": leg, "status": "completed", "direction": "inbound"})

    async def whole_call(self, leg: str, pause_s: float = 0.0) -> list[int]:
        """Make a whole call. Returns the releases that were heard."""
        ncco, heard = await self.answer(leg), list[int]()
        for _ in range(3):
            heard += releases_in(ncco)
            await asyncio.sleep(pause_s)
            ncco = await self.press(ncco, leg)
        heard += releases_in(ncco)
        await self.hang_up(leg)
        return heard


def input_of(ncco: bytes) -> str:
    """The path of the callback URL of an NCCO's input."""
    found = re.search(rb"https://calls\.example\.com/webhooks/input/[\w-]+", ncco)
    return urlsplit(found[0].decode()).path if found else "/webhooks/input/none"


def releases_in(ncco: bytes) -> list[int]:
    """The releases that an NCCO's prompts name, in order."""
    return [int(number) for number in re.findall(rb"Release (\d+)", ncco)]
